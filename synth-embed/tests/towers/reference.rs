//! Goldens, and what the tests do with them.

use std::path::{Path, PathBuf};

use burn::tensor::Device;
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage};
use ndarray::{Array2, ArrayView2};
use safetensors::SafeTensors;
use synth_core::{Embedder, Result};

/// A folder of `tests/goldens`.
pub(crate) fn goldens(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

/// A folder that `examples/fetch_models.sh` fetches; `None`, said aloud, where it was not. With
/// `SYNTH_REQUIRE_WEIGHTS=1` that is a failure.
pub(crate) fn fetched(name: &str) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/models").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let missing = format!("data/models/{name} is not there: examples/fetch_models.sh fetches it");
    assert!(std::env::var("SYNTH_REQUIRE_WEIGHTS").as_deref() != Ok("1"), "{missing}");
    eprintln!("skipped: {missing}");
    None
}

/// The graphics device; `None`, said aloud, where there is none. With `SYNTH_REQUIRE_WGPU=1` that is a
/// failure.
#[cfg(feature = "wgpu")]
pub(crate) fn wgpu() -> Option<Device> {
    match synth_embed::DeviceChoice::Wgpu.resolve() {
        Ok(resolved) => Some(resolved.device),
        Err(error) => {
            assert!(std::env::var("SYNTH_REQUIRE_WGPU").as_deref() != Ok("1"), "{error}");
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// The processor, and where there is one the graphics device, each with the tolerance of its numbers.
pub(crate) fn devices() -> Vec<(Device, f32)> {
    let devices = vec![(Device::flex(), 1e-4)];
    #[cfg(feature = "wgpu")]
    let devices = devices.into_iter().chain(wgpu().map(|device| (device, 1e-3))).collect();
    devices
}

/// A copy of a golden's checkpoint to which a test adds files.
pub(crate) fn copied(name: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for file in ["config.json", "model.safetensors"] {
        std::fs::copy(goldens("models").join(name).join(file), folder.path().join(file)).expect("copied");
    }
    folder
}

/// Writes a file into such a folder.
pub(crate) fn write(folder: &tempfile::TempDir, name: &str, content: impl AsRef<[u8]>) {
    let path = folder.path().join(name);
    std::fs::create_dir_all(path.parent().expect("a parent")).expect("created");
    std::fs::write(path, content).expect("written");
}

/// Images of several shapes and kinds.
pub(crate) fn pictures() -> Vec<DynamicImage> {
    let at = |x: u32, y: u32| ((x * 5) ^ (y * 3)) as u8;
    vec![
        RgbImage::from_fn(70, 56, |x, y| Rgb([at(x, y), x as u8, y as u8])).into(),
        GrayImage::from_fn(40, 90, |x, y| Luma([at(y, x)])).into(),
        RgbImage::from_fn(200, 150, |x, y| Rgb([at(y, x), 9, at(x, y)])).into(),
    ]
}

/// A golden's `pixels_u8`.
pub(crate) fn images(golden: &Golden) -> Vec<DynamicImage> {
    let (shape, bytes) = golden.bytes("pixels_u8");
    let image = |pixels: &[u8]| RgbImage::from_raw(shape[2] as u32, shape[1] as u32, pixels.to_vec());
    bytes.chunks(shape[1] * shape[2] * 3).map(|pixels| image(pixels).expect("fits").into()).collect()
}

/// The message of the error that a call must end with.
pub(crate) fn refusal<T>(result: Result<T>) -> String {
    result.map(|_| ()).expect_err("refused").to_string()
}

/// The rows of an embedder.
pub(crate) fn rows<T: ?Sized>(embedder: &impl Embedder<T>, items: &[&T]) -> Array2<f32> {
    let rows = embedder.embed(items).expect("embeds");
    assert_eq!(rows.dim(), (items.len(), embedder.dim()));
    rows
}

/// A safetensors file in memory.
pub(crate) struct Golden(Vec<u8>);

impl Golden {
    pub(crate) fn open(path: &Path) -> Self {
        Self(std::fs::read(path).expect("committed"))
    }

    pub(crate) fn bytes(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let file = SafeTensors::deserialize(&self.0).expect("a safetensors file");
        let tensor = file.tensor(name).expect("there");
        (tensor.shape().to_vec(), tensor.data().to_vec())
    }

    /// A matrix of floats.
    pub(crate) fn matrix(&self, name: &str) -> Array2<f32> {
        let (shape, bytes) = self.bytes(name);
        let values = bytes.chunks(4).map(|four| f32::from_le_bytes(four.try_into().expect("four")));
        Array2::from_shape_vec((shape[0], shape[1]), values.collect()).expect("a matrix")
    }

    /// Rows of integers.
    pub(crate) fn numbers(&self, name: &str) -> Vec<Vec<u32>> {
        let (shape, bytes) = self.bytes(name);
        let values = bytes.chunks(8).map(|eight| i64::from_le_bytes(eight.try_into().expect("eight")));
        let values: Vec<u32> = values.map(|value| u32::try_from(value).expect("a token")).collect();
        values.chunks(*shape.last().expect("an axis")).map(<[u32]>::to_vec).collect()
    }
}

/// Largest difference at most `tolerance` of the largest value, cosine of each row at least 0.99999.
pub(crate) fn assert_close(got: ArrayView2<'_, f32>, expected: ArrayView2<'_, f32>, tolerance: f32) {
    assert_eq!(got.dim(), expected.dim());
    let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(x.abs()));
    let difference = got.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(difference <= tolerance * largest, "{difference} of {largest}");
    for (row, (got, expected)) in got.outer_iter().zip(expected.outer_iter()).enumerate() {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a * b)).sum::<f64>();
        let (got, expected) = (got.to_vec(), expected.to_vec());
        let cosine = dot(&got, &expected) / (dot(&got, &got) * dot(&expected, &expected)).sqrt();
        assert!(cosine >= 0.99999, "row {row}: cosine {cosine}");
    }
}
