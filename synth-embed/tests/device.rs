//! Tensors on the devices of this build. Needs the features `flex` and `wgpu`.
//!
//! `SYNTH_REQUIRE_WGPU=1` turns a missing graphics adapter from a skipped test into a failed one; a
//! software Vulkan driver (Mesa's lavapipe) is enough.

use std::process::Command;

use burn::tensor::{Device, Tensor, TensorData};
use synth_core::Seed;
use synth_embed::{DeviceChoice, ResolvedDevice};

const ROWS: usize = 37;
const INNER: usize = 129;
const COLUMNS: usize = 65;

fn normals(purpose: &str, count: usize) -> Vec<f32> {
    let mut stream = Seed::from_u64(7).derive(purpose).stream(0);
    (0..count).map(|_| stream.normal() as f32).collect()
}

/// A product whose sides are no multiples of any tile.
fn product_on(device: &Device) -> Vec<f32> {
    let tensor = |purpose: &str, rows: usize, columns: usize| {
        Tensor::<2>::from_data(TensorData::new(normals(purpose, rows * columns), [rows, columns]), device)
    };
    let product = tensor("left", ROWS, INNER).matmul(tensor("right", INNER, COLUMNS));
    assert_eq!(product.dims(), [ROWS, COLUMNS]);
    product.into_data().try_into_vec_as::<f32>().expect("float32")
}

/// The same in float64 on the host, with the sum of magnitudes that bounds its rounding.
fn product_on_host() -> Vec<(f64, f64)> {
    let (left, right) = (normals("left", ROWS * INNER), normals("right", INNER * COLUMNS));
    let term = |row: usize, k: usize, column: usize| {
        f64::from(left[row * INNER + k]) * f64::from(right[k * COLUMNS + column])
    };
    let cell = |at: usize| {
        let terms = (0..INNER).map(|k| term(at / COLUMNS, k, at % COLUMNS));
        (terms.clone().sum(), terms.map(f64::abs).sum())
    };
    (0..ROWS * COLUMNS).map(cell).collect()
}

fn assert_is_the_product(got: &[f32], device: &str) {
    let expected = product_on_host();
    assert_eq!(got.len(), expected.len());
    for (got, (expected, magnitude)) in got.iter().zip(expected) {
        // Any order of summation stays within n · 2⁻²⁴ of the magnitudes.
        let bound = INNER as f64 * f64::from(f32::EPSILON) * magnitude;
        assert!((f64::from(*got) - expected).abs() <= bound, "{device}: {got} for {expected}");
    }
}

fn wgpu() -> Option<ResolvedDevice> {
    match DeviceChoice::Wgpu.resolve() {
        Ok(resolved) => Some(resolved),
        Err(error) if std::env::var("SYNTH_REQUIRE_WGPU").is_ok_and(|value| value == "1") => {
            panic!("SYNTH_REQUIRE_WGPU=1, and {error}")
        }
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

#[test]
fn flex_multiplies() {
    let resolved = DeviceChoice::Flex.resolve().expect("always there");
    assert_is_the_product(&product_on(&resolved.device), &resolved.description);
}

#[test]
fn wgpu_multiplies_as_flex_does() {
    let Some(resolved) = wgpu() else { return };
    assert!(resolved.description.starts_with("wgpu: "), "{}", resolved.description);
    eprintln!("{}", resolved.description);
    let got = product_on(&resolved.device);
    assert_is_the_product(&got, &resolved.description);
    let flex = product_on(&Device::flex());
    let largest = got.iter().zip(&flex).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(largest < 1e-4, "wgpu and flex differ by {largest}");
    let again = DeviceChoice::Wgpu.resolve().expect("it answered before");
    assert_eq!(again.description, resolved.description);
}

#[test]
fn auto_never_takes_a_software_driver_over_flex() {
    let resolved = DeviceChoice::Auto.resolve().expect("flex is built in");
    assert!(!resolved.description.contains("(Cpu,"), "{}", resolved.description);
    assert_is_the_product(&product_on(&resolved.device), &resolved.description);
}

/// Drivers are found once per process, so the machine without any is a child process.
#[test]
fn without_a_driver_wgpu_is_an_error_and_auto_is_flex() {
    const CHILD: &str = "SYNTH_TEST_NO_DRIVER";
    if std::env::var_os(CHILD).is_some() {
        let error = DeviceChoice::Wgpu.resolve().expect_err("there is no driver").to_string();
        assert!(error.starts_with("device `wgpu` is not supported: no graphics adapter answers"), "{error}");
        assert_eq!(DeviceChoice::Auto.resolve().expect("flex").description, "flex (CPU)");
        return;
    }
    if !cfg!(target_os = "linux") {
        return;
    }
    let nowhere = "/nonexistent/driver.json";
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "without_a_driver_wgpu_is_an_error_and_auto_is_flex"])
        .envs([(CHILD, "1"), ("VK_DRIVER_FILES", nowhere), ("VK_ICD_FILENAMES", nowhere)])
        .envs([("__EGL_VENDOR_LIBRARY_FILENAMES", nowhere)])
        .output()
        .expect("starts");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
