use std::path::Path;

use burn::tensor::Device;

use super::layout::Layout;
use super::network::{Architecture, Network, PATCH};
use crate::Precision;
use crate::nn::testing::Golden;
use crate::nn::{Threads, patches_on};
use crate::weights::{Checkpoint, Loader, Weights};

fn check(name: &str, device: &Device, precision: Precision, tolerance: f32) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/models");
    let golden = Golden::open(&folder.join(name).join("io.safetensors"));
    let images = Golden::open(&folder.join("dinov2_images.safetensors"));
    for side in ["56x56", "42x42", "70x84", "28x112"] {
        let checkpoint = Checkpoint::open(folder.join(name).join("model.safetensors")).expect("opens");
        let layout = Layout::of(&checkpoint).expect("a known layout");
        let (shape, bytes) = images.bytes(&format!("pixels_u8.{side}"));
        let [batch, height, width, _] = shape[..] else { panic!("{shape:?}") };
        let grid = [height / PATCH, width / PATCH];
        let loader = Loader::new(&checkpoint)
            .with_layout(|name| layout.source(name))
            .ignoring(|name| name.ends_with("mask_token"));
        let build = |weights: &mut Weights<'_>| {
            let of = Architecture { precision, ..Architecture::of(weights, Some(2))? };
            Ok((Network::load(weights, layout, of, grid, device)?, of))
        };
        let (network, of) = loader.load(build).expect("loads").model;
        let rows = grid[0] * grid[1];
        let pixels: Vec<f32> = bytes.chunks(height * width * 3).flat_map(normalised).collect();
        let input = || patches_on(device, &pixels, batch, [height, width], PATCH);
        for threads in [Threads::One, Threads::All] {
            golden.assert_close(&format!("{side}.embeddings"), network.tokens(input(), threads), tolerance);
            let tokens = network.forward(input(), threads);
            let first = 1 + of.registers;
            golden.assert_close(&format!("{side}.class_token"), tokens.clone().narrow(1, 0, 1), tolerance);
            golden.assert_close(&format!("{side}.patch_tokens"), tokens.narrow(1, first, rows), tolerance);
        }
    }
}

fn normalised(image: &[u8]) -> Vec<f32> {
    let (mean, std) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let channel =
        |c: usize| image.iter().skip(c).step_by(3).map(move |v| (f32::from(*v) / 255.0 - mean[c]) / std[c]);
    (0..3).flat_map(channel).collect()
}

const ALL: [&str; 6] = [
    "dinov2",
    "dinov2_meta",
    "dinov2_registers",
    "dinov2_registers_meta",
    "dinov2_swiglu",
    "dinov2_swiglu_meta",
];

#[cfg(feature = "flex")]
#[test]
fn every_layout_and_grid_equals_its_reference() {
    ALL.iter().for_each(|name| check(name, &Device::flex(), Precision::Float32, 1e-4));
}

#[cfg(feature = "wgpu")]
#[test]
fn every_layout_and_grid_equals_its_reference_on_wgpu() {
    crate::nn::testing::in_every_precision_on_wgpu(|device, precision, tolerance| {
        ALL.iter().for_each(|name| check(name, device, precision, tolerance));
    });
}

#[cfg(feature = "wgpu")]
#[test]
fn half_precision_is_another_space_nearby() {
    use synth_core::Embedder;

    use super::embedder::Dinov2Params;

    crate::nn::testing::on_wgpu(|device| {
        let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/models/dinov2");
        let image = image::DynamicImage::from(image::RgbImage::from_fn(64, 64, |x, y| {
            image::Rgb([(4 * x) as u8, (4 * y) as u8, 100])
        }));
        let row = |precision| {
            let params = Dinov2Params::default().with_side_px(56).with_precision(precision);
            let embedder = params.load(&weights, device).expect("loads");
            (embedder.identity().name.clone(), embedder.embed(&[&image]).expect("embeds"))
        };
        let (name, full) = row(Precision::Float32);
        let (half_name, half) = row(Precision::Float16);
        assert_eq!(half_name, name + ":float16");
        let largest = full.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let difference = (&half - &full).iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        assert!(difference > 0.0 && difference <= 5e-3 * largest, "{difference} of {largest}");
    });
}
