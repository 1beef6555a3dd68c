use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor, TensorData};

use super::architecture::Architecture;
use super::layers::Layers;
use super::network::Network;
use crate::nn::testing::Golden;
use crate::weights::{Checkpoint, Loader, Weights};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/models/efficientnet_lite")
}

fn layers() -> Layers {
    let checkpoint = Checkpoint::open(folder().join("model.safetensors")).expect("opens");
    let build = |weights: &mut Weights<'_>| {
        let of = Architecture::of(weights)?;
        assert_eq!(of.name(), "efficientnet_lite_28x12");
        Layers::load(weights, &of, true)
    };
    Loader::new(&checkpoint).load(build).expect("loads").model
}

/// `[1, 3, 51, 46]`.
fn pixels(golden: &Golden) -> Vec<f32> {
    let (shape, bytes) = golden.bytes("pixels_u8");
    assert_eq!(shape, [1, 51, 46, 3]);
    let channel = |c: usize| bytes.iter().skip(c).step_by(3).map(|v| (f32::from(*v) - 127.0) / 128.0);
    (0..3).flat_map(channel).collect()
}

fn check_on_tensors(device: &Device, tolerance: f32) {
    let golden = Golden::open(&folder().join("io.safetensors"));
    let pixels = Tensor::from_data(TensorData::new(pixels(&golden), [1, 3, 51, 46]), device);
    golden.assert_close("features", Network::new(&layers(), device).forward(pixels), tolerance);
}

#[cfg(feature = "flex")]
mod on_the_processor {
    use super::super::processor::Processor;
    use super::*;
    use crate::nn::Threads;

    #[test]
    fn tensors_equal_the_reference() {
        check_on_tensors(&Device::flex(), 1e-4);
    }

    #[test]
    fn the_kernels_equal_the_reference() {
        let golden = Golden::open(&folder().join("io.safetensors"));
        let network = Processor::new(&layers(), [51, 46]);
        for threads in [Threads::One, Threads::All] {
            let rows = network.forward(&pixels(&golden), threads);
            let rows: Tensor<1> = Tensor::from_data(TensorData::new(rows, [256]), &Device::flex());
            golden.assert_close("features", rows, 1e-4);
        }
    }

    /// Images of several bands; burn's convolutions know none.
    #[test]
    fn large_images_are_as_on_tensors_and_of_the_same_bits_with_any_threads() {
        for [height, width] in [[225, 160], [64, 601], [17, 9], [1, 1]] {
            let pixels: Vec<f32> =
                (0..3 * height * width).map(|at| (at * 7919 % 256) as f32 / 128.0 - 1.0).collect();
            let network = Processor::new(&layers(), [height, width]);
            let row = network.forward(&pixels, Threads::One);
            let on_threads = |threads| {
                let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("threads");
                pool.install(|| network.forward(&pixels, Threads::All))
            };
            for threads in [1, 2, 3] {
                let bits = |row: &[f32]| row.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
                assert_eq!(bits(&on_threads(threads)), bits(&row), "{threads} threads");
            }
            let shape = [1, 3, height, width];
            let pixels = Tensor::from_data(TensorData::new(pixels, shape), &Device::flex());
            let expected = Network::new(&layers(), &Device::flex()).forward(pixels);
            let expected = expected.into_data().try_into_vec_as::<f32>().expect("float32");
            assert_eq!(row.len(), expected.len());
            let largest = expected.iter().fold(0.0_f32, |largest, x| largest.max(*x));
            let difference = row.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(difference <= 1e-4 * largest, "{height} x {width}: {difference} of {largest}");
        }
    }
}

/// On the software Vulkan driver in CI; `SYNTH_REQUIRE_WGPU=1` makes a missing one a failure.
#[cfg(feature = "wgpu")]
#[test]
fn on_tensors_it_equals_its_reference_on_wgpu() {
    match crate::DeviceChoice::Wgpu.resolve() {
        Ok(resolved) => check_on_tensors(&resolved.device, 1e-3),
        Err(error) if std::env::var("SYNTH_REQUIRE_WGPU").is_ok_and(|value| value == "1") => {
            panic!("{error}")
        }
        Err(error) => eprintln!("skipped: {error}"),
    }
}
