//! Goldens of the reference implementations.

use std::path::Path;

use burn::tensor::Tensor;
use safetensors::SafeTensors;

/// A safetensors file in memory.
#[derive(Debug)]
pub(crate) struct Golden(Vec<u8>);

impl Golden {
    pub(crate) fn open(path: &Path) -> Self {
        Self(std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
    }

    fn all(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.0).expect("a safetensors file")
    }

    pub(crate) fn bytes(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let all = self.all();
        let tensor = all.tensor(name).expect("there");
        (tensor.shape().to_vec(), tensor.data().to_vec())
    }

    pub(crate) fn floats(&self, name: &str) -> Vec<f32> {
        let (_, bytes) = self.bytes(name);
        bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().expect("four"))).collect()
    }

    /// Largest difference at most `tolerance` of the largest value, cosine at least 0.99999.
    pub(crate) fn assert_close<const D: usize>(&self, name: &str, got: Tensor<D>, tolerance: f32) {
        let got = got.into_data().try_into_vec_as::<f32>().expect("float32");
        let expected = self.floats(name);
        assert_eq!(got.len(), expected.len(), "{name}");
        let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let difference = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference <= tolerance * largest, "{name}: {difference} of {largest}");
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let cosine = dot(&got, &expected) / (dot(&got, &got) * dot(&expected, &expected)).sqrt();
        assert!(cosine >= 0.99999, "{name}: cosine {cosine}");
    }
}
