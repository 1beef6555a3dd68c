//! `Features`: the same bits everywhere, any image, row by row.

use image::{DynamicImage, GrayImage, ImageBuffer, Luma, LumaA, Rgb, RgbImage, Rgba};
use ndarray::Array2;
use synth_core::conformance::EmbedderCaps;
use synth_core::{Embedder, Error, Seed};
use synth_embed::{Features, FeaturesParams};

fn features() -> Features {
    FeaturesParams::default().build().expect("valid")
}

fn embed(images: &[DynamicImage]) -> Array2<f32> {
    features().embed(&images.iter().collect::<Vec<_>>()).expect("embeds")
}

/// Shapes, shading and noise from our own stream of integers: no floating point before the pixels.
fn picture(width: u32, height: u32, number: u64) -> GrayImage {
    let mut stream = Seed::from_u64(number).derive("picture").stream(0);
    let spots: Vec<(i64, i64, i64, u8)> = (0..6)
        .map(|_| {
            let (x, y) = (stream.index(width as usize) as i64, stream.index(height as usize) as i64);
            (x, y, 2 + stream.index(width as usize / 6) as i64, stream.index(160) as u8)
        })
        .collect();
    GrayImage::from_fn(width, height, |x, y| {
        let inside = |&&(cx, cy, r, _): &&(i64, i64, i64, u8)| {
            let (dx, dy) = (i64::from(x) - cx, i64::from(y) - cy);
            dx * dx + dy * dy < r * r
        };
        let ground = 150 + (x * 40 / width) as u8;
        let value = spots.iter().find(inside).map_or(ground, |spot| spot.3);
        Luma([value + stream.index(12) as u8])
    })
}

fn hash(rows: &Array2<f32>) -> String {
    let bytes: Vec<u8> = rows.iter().flat_map(|value| value.to_le_bytes()).collect();
    blake3::hash(&bytes).to_hex().to_string()
}

#[test]
fn bits_are_the_same_on_every_machine() {
    let images = [
        DynamicImage::from(picture(224, 224, 1)),
        DynamicImage::from(picture(300, 257, 2)),
        DynamicImage::from(picture(16, 40, 3)),
        DynamicImage::from(RgbImage::from_fn(90, 70, |x, y| {
            Rgb([(x * 2) as u8, (y * 3) as u8, (x + y) as u8])
        })),
    ];
    assert_eq!(hash(&embed(&images)), "63102c27bfa2748b73c54cff2ba1b684b4faac35ea5163f12101da042b6807eb");
}

#[test]
fn the_kind_of_image_does_not_matter() {
    let grey = picture(64, 48, 4);
    let size = grey.dimensions();
    let at = |x: u32, y: u32| grey.get_pixel(x, y).0[0];
    let wide = |x: u32, y: u32| u16::from(at(x, y)) * 257;
    let (w, h) = size;
    let exact: [DynamicImage; 3] = [
        ImageBuffer::from_fn(w, h, |x, y| Luma([wide(x, y)])).into(),
        ImageBuffer::from_fn(w, h, |x, y| LumaA([at(x, y), 9])).into(),
        ImageBuffer::from_fn(w, h, |x, y| LumaA([wide(x, y), 9])).into(),
    ];
    let coloured: [DynamicImage; 4] = [
        ImageBuffer::from_fn(w, h, |x, y| Rgb([at(x, y); 3])).into(),
        ImageBuffer::from_fn(w, h, |x, y| Rgb([wide(x, y); 3])).into(),
        ImageBuffer::from_fn(w, h, |x, y| Rgba([at(x, y), at(x, y), at(x, y), 77])).into(),
        ImageBuffer::from_fn(w, h, |x, y| Rgb([f32::from(at(x, y)) / 255.0; 3])).into(),
    ];
    let reference = embed(&[grey.clone().into()]);
    for image in exact.into_iter().chain(coloured) {
        let color = image.color();
        let row = embed(&[image]);
        let largest = row.iter().zip(&reference).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        // A grey of three equal channels differs by the rounding of the weights' sum, which may move a
        // pixel across the comparison of a binary pattern.
        assert!(largest < 0.02, "{color:?} differs by {largest}");
    }
}

#[test]
fn colour_counts_by_its_luminance() {
    let plain = |rgb: [u8; 3]| DynamicImage::from(RgbImage::from_pixel(32, 32, Rgb(rgb)));
    let rows = embed(&[plain([0, 200, 0]), plain([0, 0, 200]), plain([143, 143, 143])]);
    let differ = |a: usize, b: usize| rows.row(a).iter().zip(rows.row(b)).any(|(a, b)| (a - b).abs() > 0.01);
    assert!(differ(0, 1), "green is lighter than blue");
    assert!(!differ(0, 2), "0.7152 · 200 = 143");
}

#[test]
fn pixels_that_are_no_numbers_count_as_black() {
    let strange =
        ImageBuffer::from_fn(32, 32, |x, _| Rgb([[f32::NAN, f32::INFINITY, -1e30, 0.5][x as usize % 4]; 3]));
    assert!(embed(&[DynamicImage::ImageRgb32F(strange)]).iter().all(|value| value.is_finite()));
}

#[test]
fn small_images_are_refused_by_number() {
    let images = [DynamicImage::new_luma8(16, 16), DynamicImage::new_luma8(15, 400)];
    let error = features().embed(&images.iter().collect::<Vec<_>>()).expect_err("15 px");
    assert_eq!(error.to_string(), "`image 1` must be at least 16 px a side, got 15 x 400");
    assert!(features().embed(&[&DynamicImage::new_luma8(0, 0)]).is_err());
}

#[test]
fn rejects_a_smallest_side_below_16() {
    let refused = FeaturesParams::default().with_min_side_px(15).build();
    assert!(matches!(refused, Err(Error::InvalidParam { .. })), "{refused:?}");
    assert!(serde_json::from_str::<FeaturesParams>("{\"min_side\": 20}").is_err());
}

fn caps() -> EmbedderCaps<DynamicImage> {
    let items = (0..3).map(|i| DynamicImage::from(picture(40 + 9 * i, 33, u64::from(i))));
    EmbedderCaps::new(items.collect::<Vec<_>>()).with_constant(DynamicImage::new_luma8(20, 20))
}

mod laws {
    use super::*;

    synth_core::embedder_conformance!(|| -> Box<dyn Embedder<DynamicImage>> { Box::new(features()) }, caps());
}

mod laws_on_images_of_every_kind {
    use super::*;

    fn images() -> [DynamicImage; 6] {
        let at = |x: u32, y: u32| (x * 5 + y * 3) % 251;
        let wide = |x: u32, y: u32| at(x, y) as u16 * 250;
        let real = |x: u32, y: u32| at(x, y) as f32 / 251.0;
        [
            DynamicImage::from(picture(131, 257, 7)),
            ImageBuffer::from_fn(40, 90, |x, y| Luma([wide(x, y)])).into(),
            RgbImage::from_fn(64, 64, |x, y| Rgb([at(x, y) as u8, x as u8, y as u8])).into(),
            ImageBuffer::from_fn(33, 70, |x, y| Rgba([at(x, y) as u8, x as u8, y as u8, 9])).into(),
            ImageBuffer::from_fn(33, 70, |x, y| Rgb([wide(x, y), wide(y, x), 7])).into(),
            ImageBuffer::from_fn(128, 20, |x, y| Rgb([real(x, y), real(y, x), 0.5])).into(),
        ]
    }

    fn made_again() -> Box<dyn Embedder<DynamicImage>> {
        let params = FeaturesParams::default().with_min_side_px(20);
        let text = serde_json::to_string(&params).expect("serialises");
        let read: FeaturesParams = serde_json::from_str(&text).expect("reads back");
        assert_eq!(read, params);
        Box::new(read.build().expect("valid"))
    }

    synth_core::embedder_conformance!(
        made_again,
        EmbedderCaps::new(images()).with_constant(DynamicImage::new_rgb16(20, 20))
    );

    #[test]
    fn made_from_serialised_params_is_the_same() {
        let images = images();
        let images: Vec<&DynamicImage> = images.iter().collect();
        let rows = features().embed(&images).expect("embeds");
        assert_eq!(made_again().embed(&images).expect("embeds"), rows);
        assert_eq!(made_again().identity(), features().identity());
    }
}
