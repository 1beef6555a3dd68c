use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use synth_core::Embedder;
use synth_core::conformance::EmbedderCaps;
use synth_embed::onnx::OnnxParams;

use crate::support::golden;

fn images() -> Vec<DynamicImage> {
    let at = |x: u32, y: u32| ((x * 5) ^ (y * 3)) as u8;
    vec![
        RgbImage::from_fn(70, 56, |x, y| Rgb([at(x, y), x as u8, y as u8])).into(),
        GrayImage::from_fn(40, 90, |x, y| Luma([at(y, x)])).into(),
        RgbImage::from_fn(200, 150, |x, y| Rgb([at(y, x), 9, at(x, y)])).into(),
    ]
}

fn load(name: &str, params: &OnnxParams) -> Box<dyn Embedder<DynamicImage>> {
    Box::new(params.load(golden(&format!("onnx/{name}.onnx"))).expect("loads"))
}

fn caps() -> EmbedderCaps<DynamicImage> {
    EmbedderCaps::new(images()).with_constant(DynamicImage::new_luma8(60, 60))
}

mod convolutions {
    use super::*;

    synth_core::embedder_conformance!(|| load("cnn", &OnnxParams::default().with_side_px(42)), caps());
}

mod transformer {
    use super::*;

    synth_core::embedder_conformance!(
        || load("vit", &OnnxParams::default().with_output("class_token").with_normalized(true)),
        caps()
    );
}

mod fixed_batch {
    use super::*;

    synth_core::embedder_conformance!(|| load("pair", &OnnxParams::default()), caps());
}
