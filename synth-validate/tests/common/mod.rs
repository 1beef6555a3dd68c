//! Reads the golden arrays and values.

use std::path::PathBuf;

use ndarray::Array2;
use serde_json::Value;

fn golden(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/goldens").join(name)
}

/// The reference values of the small case.
pub(crate) fn small_values() -> Value {
    let text = std::fs::read_to_string(golden("values.json")).expect("the goldens are committed");
    serde_json::from_str::<Value>(&text).expect("valid JSON")["small"].clone()
}

/// A number of the small case, by its path.
pub(crate) fn value(path: &[&str]) -> f64 {
    let all = small_values();
    path.iter().fold(&all, |at, key| &at[*key]).as_f64().unwrap_or_else(|| panic!("{path:?} is a number"))
}

/// A two-dimensional array of any of the three types the goldens use.
pub(crate) fn array(name: &str) -> Array2<f64> {
    let bytes = std::fs::read(golden(name)).expect("the goldens are committed");
    assert_eq!(&bytes[..7], b"\x93NUMPY\x01", "{name}: only version 1 is read");
    let header_len = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let header = std::str::from_utf8(&bytes[10..10 + header_len]).expect("ASCII header");
    assert!(header.contains("'fortran_order': False"), "{name}: {header}");
    let data = &bytes[10 + header_len..];
    let values: Vec<f64> = if header.contains("'<f4'") {
        data.as_chunks::<4>().0.iter().map(|&b| f64::from(f32::from_le_bytes(b))).collect()
    } else if header.contains("'<f8'") {
        data.as_chunks::<8>().0.iter().map(|&b| f64::from_le_bytes(b)).collect()
    } else {
        assert!(header.contains("'<i8'"), "{name}: {header}");
        data.as_chunks::<8>().0.iter().map(|&b| i64::from_le_bytes(b) as f64).collect()
    };
    let shape = header.split_once("'shape': (").expect("a shape").1.split_once(')').expect("its end").0;
    let mut sizes = shape.split(',').filter_map(|size| size.trim().parse::<usize>().ok());
    let shape = (sizes.next().expect("rows"), sizes.next().unwrap_or(1));
    Array2::from_shape_vec(shape, values).expect("as many values as the shape says")
}

/// The two sets of the small case: 45 real rows and 24 synthetic ones, 128 wide.
pub(crate) fn small_sets() -> (Array2<f32>, Array2<f32>) {
    let narrow = |name| array(name).mapv(|value| value as f32);
    (narrow("small_real.npy"), narrow("small_synth.npy"))
}

/// Fails unless `got` is within 1e-6 of `expected`, relative.
pub(crate) fn assert_close(name: &str, got: f64, expected: f64) {
    assert!((got - expected).abs() <= 1e-6 * expected.abs(), "{name}: {got}, expected {expected}");
}
