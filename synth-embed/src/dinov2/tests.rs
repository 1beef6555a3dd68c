use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};

use super::layout::Layout;
use super::network::{Architecture, Network, PATCH};
use crate::nn::Threads;
use crate::nn::testing::Golden;
use crate::weights::{Checkpoint, Loader, Weights};

fn patches(pixels: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    crate::nn::patches(pixels, [height, width], PATCH)
}

fn check(name: &str, device: &Device, tolerance: f32) {
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
            let of = Architecture::of(weights, Some(2))?;
            Ok((Network::load(weights, layout, of, grid, device)?, of))
        };
        let (network, of) = loader.load(build).expect("loads").model;
        let rows = grid[0] * grid[1];
        let input: Vec<f32> = bytes
            .chunks(height * width * 3)
            .flat_map(|image| patches(&normalised(image), [height, width]))
            .collect();
        let input =
            || Tensor::from_data(TensorData::new(input.clone(), [batch, rows, 3 * PATCH * PATCH]), device);
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
    ALL.iter().for_each(|name| check(name, &Device::flex(), 1e-4));
}

/// On the software Vulkan driver in CI; `SYNTH_REQUIRE_WGPU=1` makes a missing one a failure.
#[cfg(feature = "wgpu")]
#[test]
fn every_layout_and_grid_equals_its_reference_on_wgpu() {
    match crate::DeviceChoice::Wgpu.resolve() {
        Ok(resolved) => ALL.iter().for_each(|name| check(name, &resolved.device, 1e-3)),
        Err(error) if std::env::var("SYNTH_REQUIRE_WGPU").is_ok_and(|value| value == "1") => {
            panic!("{error}")
        }
        Err(error) => eprintln!("skipped: {error}"),
    }
}
