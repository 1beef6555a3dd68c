//! The laws of every generator, held to the voids.

use image::DynamicImage;
use synth_core::conformance::GeneratorCaps;
use synth_core::{Generator, generator_conformance};
use synth_gen::{VoidsParams, builtin_chips};

fn build(params: VoidsParams) -> Box<dyn Generator<Item = DynamicImage>> {
    Box::new(params.build(builtin_chips(64).expect("a valid side")).expect("valid parameters"))
}

fn rebuilt() -> Box<dyn Generator<Item = DynamicImage>> {
    let text = serde_json::to_string(&VoidsParams::default()).expect("serialises");
    build(serde_json::from_str(&text).expect("reads back"))
}

fn caps() -> GeneratorCaps<DynamicImage> {
    GeneratorCaps {
        inputs: vec!["base_image".to_owned()],
        rebuilt: Some(rebuilt),
        ..GeneratorCaps::new(|image: &DynamicImage| image.as_bytes().to_vec())
    }
}

generator_conformance!(|| build(VoidsParams::default()), caps());
