//! Rows to search, and how much of the truth was found.

use std::sync::LazyLock;

use ndarray::{Array2, ArrayView2, Axis};
use synth_core::{Neighbor, NeighborIndex, Seed};
use synth_embed::{ExactNeighborsParams, Hnsw, HnswParams, Metric};

pub(crate) fn normal(shape: (usize, usize), index: u64) -> Array2<f32> {
    let mut stream = Seed::from_u64(11).derive("hnsw").stream(index);
    Array2::from_shape_simple_fn(shape, || stream.normal() as f32)
}

/// 20,000 rows of 64 numbers and 200 queries around 200 centres, which are twenty times as far from
/// each other as rows are from theirs.
pub(crate) fn clustered() -> &'static (Array2<f32>, Array2<f32>) {
    static ROWS: LazyLock<(Array2<f32>, Array2<f32>)> = LazyLock::new(|| {
        let (centres, mut rows) = (normal((200, 64), 0) * 20.0, normal((20_200, 64), 1));
        for (i, mut row) in rows.outer_iter_mut().enumerate() {
            row += &centres.row(i * 7 % 200);
        }
        let (rows, queries) = rows.view().split_at(Axis(0), 20_000);
        (rows.to_owned(), queries.to_owned())
    });
    &ROWS
}

/// The default index of [`clustered`].
pub(crate) fn clustered_index() -> &'static Hnsw {
    static INDEX: LazyLock<Hnsw> = LazyLock::new(|| built(HnswParams::default(), clustered().0.view()));
    &INDEX
}

/// Normal rows that vary in 16 directions only.
pub(crate) fn low_dimensional(n: usize, dim: usize) -> Array2<f32> {
    normal((n, 16), 2).dot(&normal((16, dim), 3))
}

pub(crate) fn ids(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("row_{i:06}")).collect()
}

pub(crate) fn built(params: HnswParams, rows: ArrayView2<'_, f32>) -> Hnsw {
    let mut index = params.build(rows.ncols()).expect("valid");
    index.add(&ids(rows.nrows()), rows).expect("valid rows");
    index
}

pub(crate) fn exact(metric: Metric, rows: ArrayView2<'_, f32>) -> impl NeighborIndex + use<> {
    let mut index = ExactNeighborsParams::default().with_metric(metric).build(rows.ncols()).expect("valid");
    index.add(&ids(rows.nrows()), rows).expect("valid rows");
    index
}

pub(crate) fn everything(_: &str) -> bool {
    true
}

/// The share of `truth` that was found, or that is as near as its farthest. What was found has the
/// exact index's distance to the bit, and as many come.
pub(crate) fn recall(found: &[Vec<Neighbor>], truth: &[Vec<Neighbor>]) -> f64 {
    let hits = |(found, truth): (&Vec<Neighbor>, &Vec<Neighbor>)| {
        assert_eq!(found.len(), truth.len());
        let farthest = truth.last().map_or(0.0, |near| near.distance);
        for near in found {
            if let Some(same) = truth.iter().find(|other| other.id == near.id) {
                assert_eq!(near.distance.to_bits(), same.distance.to_bits(), "{}", near.id);
            }
        }
        found.iter().filter(|near| near.distance <= farthest).count()
    };
    let total: usize = truth.iter().map(Vec::len).sum();
    found.iter().zip(truth).map(hits).sum::<usize>() as f64 / total as f64
}

/// Recall of ten neighbours.
pub(crate) fn recall_of(
    index: &dyn NeighborIndex,
    truth: &dyn NeighborIndex,
    queries: ArrayView2<'_, f32>,
) -> f64 {
    let search = |index: &dyn NeighborIndex| index.search(queries, 10, &everything).expect("valid");
    recall(&search(index), &search(truth))
}
