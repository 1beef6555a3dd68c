//! The approximate index against the exact one, scikit-learn's distances and the laws of every index.

mod data;
mod file;
mod removal;

use ndarray::{Array2, Axis, array, concatenate, s};
use synth_core::conformance::NeighborCaps;
use synth_core::{Error, NeighborIndex, Seed};
use synth_embed::{HnswParams, Metric};

use data::{
    built, clustered, clustered_index, everything, exact, ids, low_dimensional, normal, recall, recall_of,
};

#[test]
fn finds_ten_nearest_of_clustered_rows() {
    let (rows, queries) = clustered();
    let truth = exact(Metric::Euclidean, rows.view());
    let found = recall_of(clustered_index(), &truth, queries.view());
    assert!(found >= 0.95, "{found}");
}

#[test]
fn finds_ten_nearest_of_rows_of_low_dimension() {
    let all = low_dimensional(5_200, 384);
    let (rows, queries) = all.view().split_at(Axis(0), 5_000);
    for metric in [Metric::Euclidean, Metric::Cosine] {
        let found =
            recall_of(&built(HnswParams::default().with_metric(metric), rows), &exact(metric, rows), queries);
        assert!(found >= 0.95, "{metric:?}: {found}");
    }
}

/// 1 − cos of these rows is about 1e-9, below what float32 can tell from 1.
#[test]
fn finds_the_nearest_of_almost_parallel_rows() {
    let rows = normal((50, 16), 4).select(Axis(0), &(0..3_000).map(|i| i % 50).collect::<Vec<_>>()) * 100.0
        + normal((3_000, 16), 5) * 0.01;
    let index = built(HnswParams::default().with_metric(Metric::Cosine), rows.view());
    let found = recall_of(&index, &exact(Metric::Cosine, rows.view()), rows.slice(s![..200, ..]));
    assert!(found >= 0.95, "{found}");
}

fn assert_distances_equal_golden(metric: Metric, name: &str) {
    let golden: serde_json::Value =
        serde_json::from_str(include_str!("../goldens/neighbors.json")).expect("JSON");
    let matrix = |value: &serde_json::Value| {
        let rows: Vec<Vec<f32>> = serde_json::from_value(value.clone()).expect("numbers");
        Array2::from_shape_vec((rows.len(), rows[0].len()), rows.concat()).expect("shape")
    };
    let (rows, queries) = (matrix(&golden["rows"]), matrix(&golden["queries"]));
    // Narrow enough that the graph is walked.
    let params = HnswParams::default().with_max_links(8).with_ef_construction(60).with_ef_search(24);
    let index = built(params.with_metric(metric), rows.view());
    let expected: Vec<Vec<f64>> = serde_json::from_value(golden[name]["distances"].clone()).expect("numbers");
    let indices: Vec<Vec<usize>> = serde_json::from_value(golden[name]["indices"].clone()).expect("indices");
    let (mut hits, mut total) = (0, 0);
    let found = index.search(queries.view(), 6, &everything).expect("valid");
    for ((found, indices), distances) in found.iter().zip(indices).zip(expected) {
        for (row, distance) in indices.into_iter().zip(distances) {
            total += 1;
            let Some(found) = found.iter().find(|near| near.id == ids(row + 1)[row]) else { continue };
            hits += 1;
            assert!((found.distance / distance - 1.0).abs() < 1e-9, "{name}: {} {distance}", found.distance);
        }
    }
    assert!(hits * 10 >= total * 9, "{name}: {hits} of {total}");
}

#[test]
fn distances_equal_scikit_learn() {
    assert_distances_equal_golden(Metric::Euclidean, "euclidean");
    assert_distances_equal_golden(Metric::Cosine, "cosine");
}

#[test]
fn rows_that_pass_a_narrow_filter_are_all_found() {
    let (rows, queries) = clustered();
    let truth = exact(Metric::Euclidean, rows.view());
    // 1 %, one row in 2,000, and rows that come one after the other.
    let filters: [&(dyn Fn(&str) -> bool + Sync); 3] =
        [&|id| id.ends_with("00"), &|id| id[4..].parse::<u32>().is_ok_and(|i| i % 2_000 == 7), &|id| {
            ("row_001000".."row_001200").contains(&id)
        }];
    for filter in filters {
        let found = clustered_index().search(queries.view(), 15, filter).expect("valid");
        assert_eq!(found, truth.search(queries.view(), 15, filter).expect("valid"));
    }
}

#[test]
fn rows_that_pass_a_wide_filter_are_found() {
    let (rows, queries) = clustered();
    let truth = exact(Metric::Euclidean, rows.view());
    let filters: [&(dyn Fn(&str) -> bool + Sync); 2] =
        [&|id| id.ends_with(['1', '3', '5']), &|id| id < "row_015000"];
    for filter in filters {
        let found = clustered_index().search(queries.view(), 10, filter).expect("valid");
        let share = recall(&found, &truth.search(queries.view(), 10, filter).expect("valid"));
        assert!(share >= 0.95, "{share}");
    }
}

/// Half of the rows pass, but none of those around the queries: the walk gives up.
#[test]
fn rows_far_from_the_query_are_found_behind_a_filter() {
    let near = normal((4_000, 8), 6);
    let far = normal((4_000, 8), 7) + 1_000.0;
    let rows = concatenate![Axis(0), near, far];
    let filter = |id: &str| id >= "row_004000";
    let queries = near.slice(s![..20, ..]);
    let found = built(HnswParams::default(), rows.view()).search(queries, 10, &filter).expect("valid");
    assert_eq!(found, exact(Metric::Euclidean, rows.view()).search(queries, 10, &filter).expect("valid"));
}

#[test]
fn copies_of_a_row_are_found_and_hide_nothing() {
    let others = normal((3_000, 16), 8);
    let copies = Array2::from_shape_fn((500, 16), |(_, column)| others[[0, column]] + 0.01);
    let rows = concatenate![Axis(0), others.slice(s![..1_500, ..]), copies, others.slice(s![1_500.., ..])];
    let (index, truth) = (built(HnswParams::default(), rows.view()), exact(Metric::Euclidean, rows.view()));
    let queries = rows.slice(s![..;10, ..]);
    for k in [1, 10, 120, 600] {
        let found = index.search(queries, k, &everything).expect("valid");
        let share = recall(&found, &truth.search(queries, k, &everything).expect("valid"));
        assert!(share >= 0.95, "{k}: {share}");
    }
    let mut left = index;
    assert!((1_500..1_995).all(|i| left.remove(&format!("row_{i:06}"))));
    let found = left.search(rows.slice(s![1_600..1_601, ..]), 6, &everything).expect("valid");
    let expected = ["row_001995", "row_001996", "row_001997", "row_001998", "row_001999", "row_000000"];
    assert_eq!(found[0].iter().map(|near| near.id.as_str()).collect::<Vec<_>>(), expected);
}

/// Rows that differ in their last bits may hide one another, but `k` come, and they are near.
#[test]
fn near_copies_leave_k_answers() {
    let others = normal((2_000, 16), 9);
    let copies = Array2::from_shape_fn((500, 16), |(_, j)| others[[0, j]]) + normal((500, 16), 10) * 1e-6;
    let rows = concatenate![Axis(0), others, copies];
    for metric in [Metric::Euclidean, Metric::Cosine] {
        let index = built(HnswParams::default().with_metric(metric), rows.view());
        let found = index.search(rows.slice(s![..;5, ..]), 50, &everything).expect("valid");
        assert!(found.iter().all(|found| found.len() == 50));
        let among = index.search(rows.slice(s![2_000.., ..]), 10, &everything).expect("valid");
        assert!(among.iter().flatten().all(|near| near.distance < 1e-4), "{metric:?}");
    }
}

#[test]
fn graph_does_not_depend_on_the_thread_count() {
    let (rows, directory) = (normal((2_000, 24), 12), tempfile::tempdir().expect("directory"));
    let saved = [1, 3, 8].map(|threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("pool");
        pool.install(|| {
            let mut index = built(HnswParams::default(), rows.view());
            ids(2_000).iter().step_by(3).for_each(|id| assert!(index.remove(id)));
            let path = directory.path().join(threads.to_string());
            index.save(&path).expect("writable");
            let found = index.search(rows.slice(s![..50, ..]), 10, &everything).expect("valid");
            (std::fs::read(path).expect("there"), found)
        })
    });
    assert_eq!(saved[0], saved[1]);
    assert_eq!(saved[0], saved[2]);
    let other = built(HnswParams::default().with_seed(Seed::from_u64(1)), rows.view());
    let path = directory.path().join("other");
    other.save(&path).expect("writable");
    assert_ne!(saved[0].0, std::fs::read(path).expect("there"));
}

/// Squares of these leave float32: distances stay those of the exact index, and nothing panics.
#[test]
fn rows_at_the_ends_of_float32_are_kept() {
    let mut rows = normal((400, 4), 13);
    for (i, mut row) in rows.outer_iter_mut().enumerate() {
        row *= [1.0, 1e-30, 1e30, 1e37][i % 4];
    }
    for metric in [Metric::Euclidean, Metric::Cosine] {
        let params = HnswParams::default().with_max_links(2).with_ef_construction(20).with_ef_search(10);
        let index = built(params.with_metric(metric), rows.view());
        let found = index.search(rows.view(), 400, &everything).expect("valid");
        assert_eq!(found, exact(metric, rows.view()).search(rows.view(), 400, &everything).expect("valid"));
        let ten = index.search(rows.view(), 10, &everything).expect("valid");
        assert!(ten.iter().all(|found| found.len() == 10));
    }
}

#[test]
fn any_number_of_neighbours_may_be_asked_for() {
    let rows = normal((300, 6), 14);
    let params = HnswParams::default().with_max_links(4).with_ef_construction(20).with_ef_search(usize::MAX);
    let (index, truth) = (built(params, rows.view()), exact(Metric::Euclidean, rows.view()));
    let queries = rows.slice(s![..5, ..]);
    for k in [0, 1, 299, 300, 301, usize::MAX] {
        let found = index.search(queries, k, &everything).expect("valid");
        assert_eq!(found, truth.search(queries, k, &everything).expect("valid"), "{k}");
    }
    assert!(index.search(queries.slice(s![..0, ..]), 3, &everything).expect("valid").is_empty());
}

#[test]
fn rejects_parameters_out_of_range() {
    let params = HnswParams::default;
    let refused = [
        params().with_max_links(1).build(3),
        params().with_max_links(513).with_ef_construction(600).build(3),
        params().with_ef_construction(15).build(3),
        params().with_ef_search(0).build(3),
        params().build(0),
        params().build(3).expect("valid").with_ef_search(0),
    ];
    for refused in refused {
        assert!(matches!(refused, Err(Error::InvalidParam { .. })), "{refused:?}");
    }
    let json = r#"{"max_links": 24, "ef_construction": 100}"#;
    let read: HnswParams = serde_json::from_str(json).expect("valid");
    assert_eq!(read, params().with_max_links(24).with_ef_construction(100));
    assert!(serde_json::from_str::<HnswParams>(r#"{"m": 16}"#).is_err(), "an unknown name");
}

#[test]
fn cosine_refuses_a_row_without_direction() {
    let mut index = HnswParams::default().with_metric(Metric::Cosine).build(2).expect("valid");
    let refused = index.add(&["zero".into()], array![[0.0_f32, -0.0]].view());
    assert!(matches!(refused, Err(Error::InvalidParam { .. })), "{refused:?}");
    assert!(index.is_empty());
}

fn cosine_distance(a: &[f32], b: &[f32]) -> f64 {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum() };
    1.0 - dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

/// So narrow that the suite's two hundred rows are searched by the graph.
fn narrow(metric: Metric) -> impl Fn(usize) -> Box<dyn NeighborIndex> {
    let params = HnswParams::default().with_max_links(6).with_ef_construction(60).with_ef_search(24);
    move |dim| Box::new(params.clone().with_metric(metric).build(dim).expect("valid"))
}

mod default_laws {
    use super::*;

    synth_core::neighbor_conformance!(
        |dim| -> Box<dyn NeighborIndex> { Box::new(HnswParams::default().build(dim).expect("valid")) },
        NeighborCaps::exact()
    );
}

mod euclidean_laws {
    use super::*;

    synth_core::neighbor_conformance!(
        narrow(Metric::Euclidean),
        NeighborCaps { recall: 0.95, ..NeighborCaps::exact() }
    );
}

mod cosine_laws {
    use super::*;

    synth_core::neighbor_conformance!(
        narrow(Metric::Cosine),
        NeighborCaps { distance: cosine_distance, recall: 0.95 }
    );
}
