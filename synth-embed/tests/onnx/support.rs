use std::path::{Path, PathBuf};

use image::{DynamicImage, RgbImage};
use safetensors::SafeTensors;
use synth_core::{Error, Result};
use synth_embed::onnx::{OnnxEmbedder, OnnxParams, Preparation};
use synth_embed::preprocess::{Crop, PreprocessingParams, Resize};

pub(crate) fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

/// What `Result::expect_err` would print is a whole model.
pub(crate) fn refused(model: Result<OnnxEmbedder>) -> Error {
    model.map(|model| panic!("{model:?} is accepted")).unwrap_or_else(|error| error)
}

/// ImageNet's statistics, and no resizing.
pub(crate) fn as_it_is(height: u32, width: u32) -> OnnxParams {
    let preparation = PreprocessingParams {
        resize: Resize::Keep,
        crop: Some(Crop { width, height }),
        ..PreprocessingParams::dinov2(224)
    };
    OnnxParams::default().with_preparation(Preparation::Given(preparation))
}

/// Tensors of a golden.
#[derive(Debug)]
pub(crate) struct Golden(Vec<u8>);

impl Golden {
    pub(crate) fn open(name: &str) -> Self {
        Self(std::fs::read(golden(name)).expect("committed"))
    }

    fn tensor(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let all = SafeTensors::deserialize(&self.0).expect("a safetensors file");
        let tensor = all.tensor(name).expect("there");
        (tensor.shape().to_vec(), tensor.data().to_vec())
    }

    /// Of `[images, height, width, 3]`.
    pub(crate) fn images(&self, name: &str) -> Vec<DynamicImage> {
        let (shape, bytes) = self.tensor(name);
        let [_, height, width, 3] = shape[..] else { panic!("{shape:?}") };
        let images = bytes.chunks(3 * height * width);
        let image = |bytes: &[u8]| RgbImage::from_raw(width as u32, height as u32, bytes.to_vec());
        images.map(|bytes| image(bytes).expect("as long as its shape").into()).collect()
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        let (_, bytes) = self.tensor(name);
        bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect()
    }
}

/// All differences within `tolerance` of the largest expected number.
pub(crate) fn assert_close(what: &str, got: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(got.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let difference = got.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    eprintln!("{what}: difference {difference:e} of {largest}");
    assert!(largest > 0.0 && difference <= tolerance * largest, "{what}: {difference} of {largest}");
}
