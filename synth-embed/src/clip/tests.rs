use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};

use super::layout::Layout;
use super::network::{Architecture, Config, ImageTower, TextTower};
use crate::Precision;
use crate::nn::testing::Golden;
use crate::nn::{ImageNetwork, TextNetwork, Threads, Tokens};
use crate::weights::{Checkpoint, Loader, Weights};

fn models() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/models")
}

fn towers(name: &str, device: &Device, precision: Precision) -> (ImageTower, TextTower) {
    let checkpoint = Checkpoint::open(models().join(name)).expect("opens");
    let layout = Layout::of(&checkpoint).expect("a known layout");
    let config: Config = crate::nn::config::beside(checkpoint.path()).expect("reads").expect("there");
    let loader = Loader::new(&checkpoint)
        .with_layout(|name| layout.source(name))
        .ignoring(|name| name == "logit_scale");
    let build = |weights: &mut Weights<'_>| {
        let of = Architecture::of(weights, &config)?.in_precision(precision);
        Ok((ImageTower::load(weights, &of, device)?, TextTower::load(weights, &of, device)?))
    };
    loader.load(build).expect("loads").model
}

fn check(device: &Device, precision: Precision, tolerance: f32) {
    let inputs = Golden::open(&models().join("clip/io.safetensors"));
    let pixels = inputs.floats("pixel_values");
    let texts = inputs.texts("input_ids", 0);
    for name in ["clip", "clip_openai"] {
        let golden = Golden::open(&models().join(name).join("io.safetensors"));
        let (image, text) = towers(name, device, precision);
        for threads in [Threads::One, Threads::All] {
            golden.assert_close("image_embeds", image.forward(&pixels, 2, device, threads), tolerance);
            let together = Tokens::new(texts.iter().map(Vec::as_slice), 12);
            golden.assert_close("text_embeds", text.forward(&together, threads), tolerance);
            let alone = texts.iter().map(|numbers| {
                let tokens = Tokens::new([numbers.as_slice()], numbers.len());
                text.forward(&tokens, threads)
            });
            golden.assert_close("text_embeds", Tensor::cat(alone.collect(), 0), tolerance);
        }
    }
}

#[cfg(feature = "flex")]
#[test]
fn both_towers_in_both_layouts_equal_the_references() {
    check(&Device::flex(), Precision::Float32, 1e-4);
}

#[cfg(feature = "wgpu")]
#[test]
fn both_towers_in_both_layouts_equal_the_references_on_wgpu() {
    crate::nn::testing::in_every_precision_on_wgpu(check);
}
