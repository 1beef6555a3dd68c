//! Exact neighbours against scikit-learn's brute force, and the laws of every index.

use ndarray::{Array2, array};
use synth_core::conformance::NeighborCaps;
use synth_core::{Error, NeighborIndex};
use synth_embed::{ExactNeighborsParams, Metric};

fn golden() -> serde_json::Value {
    serde_json::from_str(include_str!("goldens/neighbors.json")).expect("JSON")
}

fn matrix(value: &serde_json::Value) -> Array2<f32> {
    let rows: Vec<Vec<f32>> = serde_json::from_value(value.clone()).expect("numbers");
    let shape = (rows.len(), rows[0].len());
    Array2::from_shape_vec(shape, rows.concat()).expect("shape")
}

fn index_of(metric: Metric, rows: &Array2<f32>) -> impl NeighborIndex + use<> {
    let mut index = ExactNeighborsParams::default().with_metric(metric).build(rows.ncols()).expect("valid");
    // Ids against the order of the rows: what comes back is named, not numbered.
    let ids: Vec<String> = (0..rows.nrows()).map(|row| format!("{:03}", rows.nrows() - row)).collect();
    index.add(&ids, rows.view()).expect("valid rows");
    index
}

fn assert_equals_golden(metric: Metric, name: &str) {
    let golden = golden();
    let rows = matrix(&golden["rows"]);
    let found =
        index_of(metric, &rows).search(matrix(&golden["queries"]).view(), 6, &|_| true).expect("valid");
    let indices: Vec<Vec<usize>> = serde_json::from_value(golden[name]["indices"].clone()).expect("indices");
    let distances: Vec<Vec<f64>> =
        serde_json::from_value(golden[name]["distances"].clone()).expect("distances");
    assert_eq!(found.len(), indices.len());
    for ((found, indices), distances) in found.iter().zip(&indices).zip(&distances) {
        for ((found, row), distance) in found.iter().zip(indices).zip(distances) {
            assert_eq!(found.id, format!("{:03}", rows.nrows() - row), "{name}");
            assert!((found.distance / distance - 1.0).abs() < 1e-9, "{name}: {} {distance}", found.distance);
        }
    }
}

#[test]
fn euclidean_equals_scikit_learn() {
    assert_equals_golden(Metric::Euclidean, "euclidean");
}

#[test]
fn cosine_equals_scikit_learn() {
    assert_equals_golden(Metric::Cosine, "cosine");
}

#[test]
fn cosine_sees_directions_only() {
    let rows = array![[3.0_f32, 4.0], [-6.0, -8.0], [1e-30, 0.0], [0.0, 1e30]];
    let found =
        index_of(Metric::Cosine, &rows).search(array![[0.3_f32, 0.4]].view(), 4, &|_| true).expect("valid");
    let expected = [("004", 0.0), ("001", 0.2), ("002", 0.4), ("003", 2.0)];
    for (found, (id, distance)) in found[0].iter().zip(expected) {
        assert_eq!(found.id, id);
        assert!((found.distance - distance).abs() < 1e-7, "{found:?}");
    }
}

#[test]
fn cosine_refuses_a_row_without_direction() {
    let mut index = ExactNeighborsParams::default().with_metric(Metric::Cosine).build(2).expect("valid");
    let refused = index.add(&["zero".into()], array![[0.0_f32, 0.0]].view());
    assert!(matches!(refused, Err(Error::InvalidParam { .. })), "{refused:?}");
    assert!(index.is_empty());
    assert!(index.search(array![[0.0_f32, 0.0]].view(), 1, &|_| true).is_err());
}

#[test]
fn rejects_rows_without_columns() {
    assert!(ExactNeighborsParams::default().build(0).is_err());
}

fn cosine_distance(a: &[f32], b: &[f32]) -> f64 {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum() };
    1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn boxed(metric: Metric) -> impl Fn(usize) -> Box<dyn NeighborIndex> {
    move |dim| Box::new(ExactNeighborsParams::default().with_metric(metric).build(dim).expect("valid"))
}

mod euclidean_laws {
    use super::*;

    synth_core::neighbor_conformance!(boxed(Metric::Euclidean), NeighborCaps::exact());
}

mod cosine_laws {
    use super::*;

    synth_core::neighbor_conformance!(
        boxed(Metric::Cosine),
        NeighborCaps { distance: cosine_distance, recall: 1.0 }
    );
}
