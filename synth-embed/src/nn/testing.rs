//! Goldens of the reference implementations.

use std::path::Path;

#[cfg(feature = "wgpu")]
use burn::tensor::Device;
use burn::tensor::Tensor;
use safetensors::SafeTensors;

#[cfg(feature = "wgpu")]
use crate::Precision;

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

    /// The rows of integers `[texts, _]`, each up to the last number that is not `filling`.
    pub(crate) fn texts(&self, name: &str, filling: u32) -> Vec<Vec<u32>> {
        let (shape, bytes) = self.bytes(name);
        let numbers = bytes.chunks(8).map(|eight| i64::from_le_bytes(eight.try_into().expect("eight")));
        let numbers: Vec<u32> = numbers.map(|number| number.try_into().expect("a token")).collect();
        let own = |row: &[u32]| row.iter().rposition(|number| *number != filling).map_or(0, |last| last + 1);
        numbers.chunks(shape[1]).map(|row| row[..own(row)].to_vec()).collect()
    }

    /// Largest difference at most `tolerance` of the largest value, and a cosine as near to 1 as that
    /// implies: 0.99999 up to 1e-3.
    pub(crate) fn assert_close<const D: usize>(&self, name: &str, got: Tensor<D>, tolerance: f32) {
        let got = got.into_data().try_into_vec_as::<f32>().expect("float32");
        let expected = self.floats(name);
        assert_eq!(got.len(), expected.len(), "{name}");
        let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
        let difference = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(difference <= tolerance * largest, "{name}: {difference} of {largest}");
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let cosine = dot(&got, &expected) / (dot(&got, &got) * dot(&expected, &expected)).sqrt();
        let least = 1.0 - (10.0 * f64::from(tolerance).powi(2)).max(1e-5);
        assert!(cosine >= least, "{name}: cosine {cosine}");
    }
}

/// On the software Vulkan driver in CI; `SYNTH_REQUIRE_WGPU=1` makes a missing one a failure.
#[cfg(feature = "wgpu")]
pub(crate) fn on_wgpu(check: impl FnOnce(&Device)) {
    match crate::DeviceChoice::Wgpu.resolve() {
        Ok(resolved) => check(&resolved.device),
        Err(error) if std::env::var("SYNTH_REQUIRE_WGPU").is_ok_and(|value| value == "1") => {
            panic!("{error}")
        }
        Err(error) => eprintln!("skipped: {error}"),
    }
}

/// In float32, in float16, and where the device has it in bfloat16, each with what it may differ by from a
/// reference in float32, of the largest value.
#[cfg(feature = "wgpu")]
pub(crate) fn in_every_precision_on_wgpu(check: impl Fn(&Device, Precision, f32)) {
    on_wgpu(|device| {
        check(device, Precision::Float32, 1e-3);
        check(device, Precision::Float16.on(device).expect("half precision"), 5e-3);
        if let Ok(precision) = Precision::Bfloat16.on(device) {
            check(device, precision, 4e-2);
        }
    });
}
