use std::path::Path;

use burn::tensor::Device;

use super::network::{Architecture, Config, ImageTower, TextTower, source};
use crate::Precision;
use crate::nn::testing::Golden;
use crate::nn::{ImageNetwork, TextNetwork, Threads, Tokens};
use crate::weights::{Checkpoint, Loader, Weights};

fn check(device: &Device, precision: Precision, tolerance: f32) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/models/siglip");
    let golden = Golden::open(&folder.join("io.safetensors"));
    let checkpoint = Checkpoint::open(&folder).expect("opens");
    let config: Config = crate::nn::config::beside(checkpoint.path()).expect("reads").expect("there");
    let loader = Loader::new(&checkpoint).with_layout(source).ignoring(|name| name.starts_with("logit_"));
    let build = |weights: &mut Weights<'_>| {
        let of = Architecture::of(weights, &config)?.in_precision(precision);
        Ok((ImageTower::load(weights, &of, device)?, TextTower::load(weights, &of, device)?))
    };
    let (image, text) = loader.load(build).expect("loads").model;
    let pixels = golden.floats("pixel_values");
    // No number of the golden's is this one: the texts stay as long as they are.
    let texts = golden.texts("input_ids", u32::MAX);
    for threads in [Threads::One, Threads::All] {
        golden.assert_close("image_embeds", image.forward(&pixels, 2, device, threads), tolerance);
        let tokens = Tokens::new(texts.iter().map(Vec::as_slice), 12);
        golden.assert_close("text_embeds", text.forward(&tokens, threads), tolerance);
    }
}

#[cfg(feature = "flex")]
#[test]
fn both_towers_equal_the_reference() {
    check(&Device::flex(), Precision::Float32, 1e-4);
}

#[cfg(feature = "wgpu")]
#[test]
fn both_towers_equal_the_reference_on_wgpu() {
    crate::nn::testing::in_every_precision_on_wgpu(check);
}
