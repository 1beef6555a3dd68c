//! Neighbours sifted on a device are those of the exact index, ids and distances to the bit.
//!
//! On `flex`, and on wgpu where the feature is on; `SYNTH_REQUIRE_WGPU=1` makes a missing adapter a
//! failure, a software Vulkan driver is enough.

use burn::tensor::Device;
use ndarray::{Array2, ArrayView2, Axis, concatenate, s};
use synth_core::conformance::NeighborCaps;
use synth_core::{NeighborIndex, Seed};
use synth_embed::{DeviceNeighbors, ExactNeighbors, ExactNeighborsParams, Metric};

const METRICS: [Metric; 2] = [Metric::Euclidean, Metric::Cosine];

fn devices() -> Vec<Device> {
    let devices = vec![Device::flex()];
    #[cfg(feature = "wgpu")]
    let devices = match synth_embed::DeviceChoice::Wgpu.resolve() {
        Ok(resolved) => [devices, vec![resolved.device]].concat(),
        Err(error) if std::env::var("SYNTH_REQUIRE_WGPU").is_ok_and(|value| value == "1") => {
            panic!("SYNTH_REQUIRE_WGPU=1, and {error}")
        }
        Err(error) => {
            eprintln!("without wgpu: {error}");
            devices
        }
    };
    devices
}

fn normal(shape: (usize, usize), index: u64) -> Array2<f32> {
    let mut stream = Seed::from_u64(17).derive("device neighbors").stream(index);
    Array2::from_shape_simple_fn(shape, || stream.normal() as f32)
}

fn clustered(n: usize, dim: usize) -> Array2<f32> {
    let (centres, mut rows) = (normal((40, dim), 0) * 8.0, normal((n, dim), 1));
    for (i, mut row) in rows.outer_iter_mut().enumerate() {
        row += &centres.row(i * 7 % 40);
    }
    rows
}

fn indexes(metric: Metric, rows: ArrayView2<'_, f32>, device: &Device) -> (ExactNeighbors, DeviceNeighbors) {
    // Ids against the order of the rows.
    let ids: Vec<String> = (0..rows.nrows()).map(|row| format!("{:06}", rows.nrows() - row)).collect();
    let params = ExactNeighborsParams::default().with_metric(metric);
    let mut exact = params.clone().build(rows.ncols()).expect("valid");
    let mut sifted = params.build_on(rows.ncols(), device).expect("valid");
    exact.add(&ids, rows).expect("valid rows");
    sifted.add(&ids, rows).expect("valid rows");
    (exact, sifted)
}

fn assert_equal(
    (exact, sifted): &(ExactNeighbors, DeviceNeighbors),
    queries: ArrayView2<'_, f32>,
    k: usize,
    filter: &(dyn Fn(&str) -> bool + Sync),
) {
    let expected = exact.search(queries, k, filter).expect("valid");
    let found = sifted.search(queries, k, filter).expect("valid");
    assert!(found == expected, "k = {k}");
}

fn assert_equal_everywhere(rows: ArrayView2<'_, f32>, queries: ArrayView2<'_, f32>, ks: &[usize]) {
    for device in devices() {
        for metric in METRICS {
            let indexes = indexes(metric, rows, &device);
            ks.iter().for_each(|&k| assert_equal(&indexes, queries, k, &|_| true));
        }
    }
}

#[test]
fn clustered_rows() {
    let rows = clustered(3_100, 65);
    let (rows, queries) = rows.view().split_at(Axis(0), 3_000);
    assert_equal_everywhere(rows, queries, &[1, 10, 200, 3_000, 5_000]);
}

#[test]
fn several_blocks_of_rows_and_queries() {
    let rows = clustered(36_100, 8);
    let (rows, queries) = rows.view().split_at(Axis(0), 35_000);
    assert_equal_everywhere(rows, queries, &[5]);
}

/// Float32 alone would rank these wrongly: their distances are a 10⁻⁶ of their size.
#[test]
fn rows_far_from_the_origin_and_close_to_each_other() {
    let rows = normal((2_000, 24), 2) * 1e-2 + 5_000.0;
    assert_equal_everywhere(rows.view(), rows.slice(s![..60, ..]), &[1, 8]);
    // Two clouds: moving the origin helps neither.
    let rows = concatenate![Axis(0), rows, rows.mapv(|value| 10_000.0 - value)];
    assert_equal_everywhere(rows.view(), rows.slice(s![1_970..2_030, ..]), &[1, 8]);
}

#[test]
fn copies_and_ties_come_by_id() {
    let rows = normal((900, 6), 3).mapv(|value| (value * 2.0).round() + 0.5);
    let rows = concatenate![Axis(0), rows, rows, rows];
    assert_equal_everywhere(rows.view(), rows.slice(s![..90, ..]), &[1, 4, 50]);
    let same = Array2::from_elem((500, 3), 0.7_f32);
    assert_equal_everywhere(same.view(), same.slice(s![..3, ..]), &[7]);
}

#[test]
fn near_copies_are_told_apart() {
    let rows = normal((40, 48), 4).select(Axis(0), &(0..2_000).map(|i| i % 40).collect::<Vec<_>>());
    let rows = rows + normal((2_000, 48), 5) * 1e-6;
    assert_equal_everywhere(rows.view(), rows.slice(s![..100, ..]), &[3]);
}

#[test]
fn rows_of_very_different_size() {
    let mut rows = normal((600, 5), 6);
    for (i, mut row) in rows.outer_iter_mut().enumerate() {
        row *= [1.0, 1e-30, 1e30, 1e37][i % 4];
    }
    assert_equal_everywhere(rows.view(), rows.slice(s![..40, ..]), &[1, 9]);
    let tiny = normal((600, 5), 7) * 1e-40;
    assert_equal_everywhere(tiny.view(), tiny.slice(s![..40, ..]), &[9]);
    assert_equal_everywhere(normal((600, 5), 8).view(), (normal((40, 5), 9) * 1e30).view(), &[9]);
}

#[test]
fn filters_and_removal() {
    let rows = clustered(2_000, 16);
    for device in devices() {
        let (mut exact, mut sifted) = indexes(Metric::Euclidean, rows.view(), &device);
        for id in (1..2_000).step_by(3).map(|i| format!("{i:06}")) {
            assert!(exact.remove(&id) && sifted.remove(&id));
        }
        assert_eq!(sifted.len(), exact.len());
        let (both, queries) = ((exact, sifted), rows.slice(s![..50, ..]));
        assert_equal(&both, queries, 6, &|id| id.ends_with('5'));
        assert_equal(&both, queries, 6, &|id| id < "000009");
        assert_equal(&both, queries, 6, &|_| false);
        assert_equal(&both, queries, 0, &|_| true);
        assert_equal(&both, queries.slice(s![..0, ..]), 6, &|_| true);
    }
}

fn cosine_distance(a: &[f32], b: &[f32]) -> f64 {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum() };
    1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn on_flex(metric: Metric) -> impl Fn(usize) -> Box<dyn NeighborIndex> {
    let params = ExactNeighborsParams::default().with_metric(metric);
    move |dim| Box::new(params.clone().build_on(dim, &Device::flex()).expect("valid"))
}

mod euclidean_laws {
    use super::*;

    synth_core::neighbor_conformance!(on_flex(Metric::Euclidean), NeighborCaps::exact());
}

mod cosine_laws {
    use super::*;

    synth_core::neighbor_conformance!(
        on_flex(Metric::Cosine),
        NeighborCaps { distance: cosine_distance, ..NeighborCaps::exact() }
    );
}
