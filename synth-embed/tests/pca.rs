//! The PCA against scikit-learn's, on the values in `goldens/`: `PCA(2, svd_solver="full")` fitted to
//! the real rows followed by the synthetic ones, and a tall matrix of falling variances.

use ndarray::{Array2, Axis, array, concatenate};
use synth_core::{Error, FittedProjection, Projection};
use synth_embed::{FittedPca, PcaParams};

/// A little-endian float32 C-order .npy of version 1.
fn npy(bytes: &[u8], shape: (usize, usize)) -> Array2<f32> {
    let header = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let (numbers, _) = bytes[10 + header..].as_chunks::<4>();
    Array2::from_shape_vec(shape, numbers.iter().map(|b| f32::from_le_bytes(*b)).collect()).expect("shape")
}

fn rows() -> Array2<f32> {
    let real = npy(include_bytes!("goldens/small_real.npy"), (45, 128));
    let synthetic = npy(include_bytes!("goldens/small_synth.npy"), (24, 128));
    concatenate(Axis(0), &[real.view(), synthetic.view()]).expect("same width")
}

fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("goldens/pca.json")).expect("JSON")
}

fn numbers(value: &serde_json::Value) -> Vec<f64> {
    value.as_array().expect("list").iter().map(|x| x.as_f64().expect("number")).collect()
}

fn assert_close(got: impl IntoIterator<Item = f64>, expected: &[f64], what: &str) {
    let got: Vec<f64> = got.into_iter().collect();
    assert_eq!(got.len(), expected.len(), "{what}");
    for (got, expected) in got.iter().zip(expected) {
        assert!((got - expected).abs() <= 1e-8 * expected.abs().max(1e-3), "{what}: {got} for {expected}");
    }
}

#[test]
fn equals_scikit_learn_signs_included() {
    let fitted = PcaParams::default().build().expect("valid").fit(rows().view()).expect("fits");
    let golden = golden();
    assert_close(fitted.mean().iter().take(4).copied(), &numbers(&golden["mean_head"]), "mean");
    for component in 0..2 {
        let expected = numbers(&golden["components"][component]);
        assert_close(fitted.components().row(component).iter().copied(), &expected, "component");
    }
    assert_close(
        fitted.explained_variance().iter().copied(),
        &numbers(&golden["explained_variance"]),
        "variance",
    );
    let ratio = numbers(&golden["explained_variance_ratio"]);
    assert_close(fitted.explained_variance_ratio().iter().copied(), &ratio, "ratio");
    let plane = fitted.transform(rows().view()).expect("same width");
    for row in 0..3 {
        let expected = numbers(&golden["transform_x_head"][row]);
        assert_close(plane.row(row).iter().copied(), &expected, "x");
        assert_close(plane.row(45 + row).iter().copied(), &numbers(&golden["transform_y_head"][row]), "y");
    }
}

#[test]
fn small_components_of_a_tall_matrix_keep_their_digits() {
    let golden: serde_json::Value = serde_json::from_str(include_str!("goldens/tall.json")).expect("JSON");
    let rows: Vec<f64> = golden["rows"].as_array().expect("list").iter().flat_map(numbers).collect();
    let rows = Array2::from_shape_vec((60, 8), rows).expect("shape").mapv(|x| x as f32);
    let fitted =
        PcaParams::default().with_components(8).build().expect("valid").fit(rows.view()).expect("fits");
    // Standard deviations fall from 1 to 1e-4; the smallest is good to 1e-8 relative all the same.
    for component in 0..8 {
        let expected = numbers(&golden["components"][component]);
        assert_close(fitted.components().row(component).iter().copied(), &expected, "component");
    }
    let got = fitted.explained_variance().iter().zip(numbers(&golden["explained_variance"]));
    assert!(got.into_iter().all(|(got, expected)| (got / expected - 1.0).abs() < 1e-8));
    let ratio = numbers(&golden["explained_variance_ratio"]);
    let got = fitted.explained_variance_ratio().iter().zip(ratio);
    assert!(got.into_iter().all(|(got, expected)| (got / expected - 1.0).abs() < 1e-8));
    let gram = fitted.components().dot(&fitted.components().t());
    assert!((gram - Array2::<f64>::eye(8)).iter().all(|x| x.abs() < 1e-12));
}

#[test]
fn a_direction_without_variance_is_zero() {
    let line = array![[0.0_f32, 0.0], [1.0, 1.0], [2.0, 2.0]];
    let fitted = PcaParams::default().build().expect("valid").fit(line.view()).expect("fits");
    assert!(fitted.components().row(1).iter().all(|&x| x == 0.0));
    assert!((fitted.explained_variance_ratio()[0] - 1.0).abs() < 1e-12);
}

#[test]
fn rows_that_are_no_numbers_are_named() {
    let fitted = PcaParams::default().build().expect("valid").fit(rows().view()).expect("fits");
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut rows = rows();
        rows[[7, 3]] = bad;
        let refused = PcaParams::default().build().expect("valid").fit(rows.view()).expect_err("not finite");
        assert!(matches!(refused, Error::NonFinite { .. }), "{refused:?}");
        assert!(refused.to_string().ends_with("row 7, column 3"), "{refused}");
        let refused = fitted.transform(rows.view()).expect_err("not finite");
        assert!(matches!(refused, Error::NonFinite { .. }), "{refused:?}");
        assert!(refused.to_string().ends_with("row 7, column 3"), "{refused}");
    }
}

#[test]
fn rejects_one_row_too_many_components_and_nan() {
    let pca = PcaParams::default().build().expect("valid");
    assert!(pca.fit(array![[1.0, 2.0]].view()).is_err());
    assert!(pca.fit(array![[1.0], [2.0]].view()).is_err());
    assert!(pca.fit(array![[1.0, f32::NAN], [2.0, 1.0]].view()).is_err());
    assert!(PcaParams::default().with_components(0).build().is_err());
}

#[test]
fn a_cut_file_is_an_error() {
    let fitted = PcaParams::default().build().expect("valid").fit(rows().view()).expect("fits");
    let bytes = fitted.save().expect("saves");
    assert_eq!(FittedPca::load(&bytes).expect("loads"), fitted);
    assert!(FittedPca::load(&bytes[..bytes.len() - 1]).is_err());
    assert!(FittedPca::load(b"not safetensors").is_err());
}

mod conformance {
    use synth_core::conformance::ProjectionCaps;

    use super::*;

    fn load(bytes: &[u8]) -> synth_core::Result<Box<dyn FittedProjection>> {
        Ok(Box::new(FittedPca::load(bytes)?))
    }

    fn pca() -> Box<dyn Projection> {
        Box::new(PcaParams::default().build().expect("valid"))
    }

    synth_core::projection_conformance!(pca, ProjectionCaps::new(load));
}
