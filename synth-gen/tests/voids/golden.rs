//! The same bytes on every machine.

use image::{DynamicImage, ImageBuffer, Luma, Rgb, RgbImage};
use synth_core::{Generator, Request, Seed};
use synth_gen::{BaseImage, Bounds, VoidsParams, builtin_chips};

/// The bytes of images and labels over shapes, pixel types, odd sizes and options.
fn fingerprint() -> String {
    let ramp = |x: u32, y: u32| (x * 613 + y * 389) as u16;
    let mut bases = builtin_chips(224).expect("valid");
    bases.extend(
        builtin_chips(33)
            .expect("valid")
            .into_iter()
            .map(|chip| BaseImage::new(format!("s{}", chip.id), chip.image)),
    );
    bases.push(BaseImage::new(
        "deep",
        DynamicImage::ImageLuma16(ImageBuffer::from_fn(301, 77, |x, y| Luma([ramp(x, y)]))),
    ));
    bases.push(BaseImage::new(
        "rgb",
        DynamicImage::ImageRgb8(RgbImage::from_fn(65, 640, |x, y| Rgb([x as u8, y as u8, (x * y) as u8]))),
    ));
    bases.push(BaseImage::new(
        "deep_rgb",
        DynamicImage::ImageRgb16(ImageBuffer::from_fn(64, 64, |x, y| Rgb([ramp(x, y), ramp(y, x), 7]))),
    ));
    let mut hasher = blake3::Hasher::new();
    for (centred, edge_blur, brightness) in [(false, 2.0, 0.8), (true, 7.5, 1.8), (false, 0.0, 0.5)] {
        let params = VoidsParams {
            centred,
            edge_blur,
            brightness_factor: Bounds::new(0.3, brightness),
            ..VoidsParams::default()
        };
        let voids = params.build(bases.clone()).expect("valid");
        let seed = Seed::from_u64(2026);
        let request = |index: u64| Request::new(voids.space().draw(&mut seed.stream(index)), seed, index);
        let requests: Vec<Request> = (0..60).map(request).collect();
        for sample in voids.generate(&requests).expect("valid") {
            let sample = sample.expect("drawn");
            hasher.update(sample.item.as_bytes());
            hasher.update(&serde_json::to_vec(&sample.annotations).expect("serialises"));
            hasher.update(&serde_json::to_vec(&sample.provenance).expect("serialises"));
        }
    }
    hasher.finalize().to_hex()[..32].to_owned()
}

#[test]
fn bytes_are_the_same_on_every_machine() {
    assert_eq!(fingerprint(), "d8051a4e7b068e1a0e11fb24b05c4455");
}
