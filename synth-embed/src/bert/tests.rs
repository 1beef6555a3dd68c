use std::path::Path;

use burn::tensor::{Device, Tensor};

use super::network::{Architecture, Config, Network, source};
use crate::Precision;
use crate::nn::testing::Golden;
use crate::nn::{Threads, Tokens};
use crate::weights::{Checkpoint, Loader, Weights};

fn check(device: &Device, precision: Precision, tolerance: f32) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/models/bert");
    let golden = Golden::open(&folder.join("io.safetensors"));
    let checkpoint = Checkpoint::open(&folder).expect("opens");
    let config: Config = crate::nn::config::beside(checkpoint.path()).expect("reads").expect("there");
    let loader = Loader::new(&checkpoint).with_layout(source).ignoring(|name| name.starts_with("pooler."));
    let build = |weights: &mut Weights<'_>| {
        let mut of = Architecture::of(weights, &config)?;
        of.blocks.precision = precision;
        Network::load(weights, of, device)
    };
    let network = loader.load(build).expect("loads").model;
    let texts = golden.texts("input_ids", 0);
    let all = Tokens::new(texts.iter().map(Vec::as_slice), 14);
    for threads in [Threads::One, Threads::All] {
        let together = network.forward(&all, threads);
        golden.assert_close("mean_pooled", all.mean(together), tolerance);
        let alone = texts.iter().map(|text| {
            let tokens = Tokens::new([text.as_slice()], text.len());
            tokens.mean(network.forward(&tokens, threads))
        });
        golden.assert_close("mean_pooled", Tensor::cat(alone.collect(), 0), tolerance);
    }
}

#[cfg(feature = "flex")]
#[test]
fn texts_filled_up_and_alone_equal_the_reference() {
    check(&Device::flex(), Precision::Float32, 1e-4);
}

#[cfg(feature = "wgpu")]
#[test]
fn texts_filled_up_and_alone_equal_the_reference_on_wgpu() {
    crate::nn::testing::in_every_precision_on_wgpu(check);
}
