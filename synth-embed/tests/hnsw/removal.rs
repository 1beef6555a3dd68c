//! Rows that come and go.

use std::collections::BTreeSet;

use ndarray::{ArrayView2, Axis, s};
use synth_core::NeighborIndex;
use synth_embed::{Hnsw, HnswParams, Metric};

use crate::data::{
    built, clustered, clustered_index, everything, exact, ids, low_dimensional, normal, recall, recall_of,
};

/// Removes the rows that `gone` names from both, and compares.
fn assert_recall_without(
    mut index: Hnsw,
    rows: ArrayView2<'_, f32>,
    gone: &[usize],
    queries: ArrayView2<'_, f32>,
) {
    let (names, mut truth) = (ids(rows.nrows()), exact(index.params().metric, rows));
    for &row in gone {
        assert!(index.remove(&names[row]) && truth.remove(&names[row]));
    }
    assert_eq!(index.len(), rows.nrows() - gone.len());
    let gone: BTreeSet<&str> = gone.iter().map(|&row| names[row].as_str()).collect();
    let found = index.search(queries, 10, &everything).expect("valid");
    assert!(found.iter().flatten().all(|near| !gone.contains(near.id.as_str())), "a removed row came back");
    let share = recall(&found, &truth.search(queries, 10, &everything).expect("valid"));
    assert!(share >= 0.95, "{share}");
}

#[test]
fn recall_holds_when_three_in_ten_are_removed() {
    let (rows, queries) = clustered();
    let gone: Vec<usize> = (0..rows.nrows()).filter(|i| i % 10 < 3).collect();
    assert_recall_without(clustered_index().clone(), rows.view(), &gone, queries.view());
}

#[test]
fn recall_holds_when_whole_clusters_are_removed() {
    let (rows, queries) = clustered();
    let gone: Vec<usize> = (0..rows.nrows()).filter(|i| i % 200 < 60).collect();
    assert_recall_without(clustered_index().clone(), rows.view(), &gone, queries.view());
}

#[test]
fn recall_holds_when_nine_in_ten_are_removed_in_turns() {
    let all = low_dimensional(4_100, 48);
    let (rows, queries) = all.view().split_at(Axis(0), 4_000);
    for metric in [Metric::Euclidean, Metric::Cosine] {
        let params = HnswParams::default().with_metric(metric).with_max_links(8).with_ef_search(40);
        let gone: Vec<usize> = (0..4_000).map(|i| i * 7 % 4_000).take(3_600).collect();
        assert_recall_without(built(params, rows), rows, &gone, queries);
    }
}

#[test]
fn recall_holds_while_rows_come_and_go() {
    let all = low_dimensional(6_100, 24);
    let (rows, queries) = all.view().split_at(Axis(0), 6_000);
    let names = ids(6_000);
    let params = HnswParams::default().with_max_links(8).with_ef_search(40);
    let mut index = built(params, rows.slice(s![..2_000, ..]));
    let mut truth = exact(Metric::Euclidean, rows.slice(s![..2_000, ..]));
    for first in (2_000..6_000).step_by(50) {
        for name in &names[first - 2_000..first - 1_950] {
            assert!(index.remove(name) && truth.remove(name));
        }
        for index in [&mut index as &mut dyn NeighborIndex, &mut truth] {
            index.add(&names[first..first + 50], rows.slice(s![first..first + 50, ..])).expect("valid");
        }
    }
    let found = recall_of(&index, &truth, queries);
    assert!(found >= 0.95, "{found}");
}

#[test]
fn everything_can_be_removed_and_come_again() {
    let rows = normal((600, 8), 20);
    let (names, mut index) = (ids(600), built(HnswParams::default(), rows.view()));
    assert!(names.iter().rev().all(|name| index.remove(name)));
    assert!(index.is_empty());
    assert_eq!(index.search(rows.view(), 3, &everything).expect("valid"), vec![Vec::new(); 600]);
    index.add(&names, rows.view()).expect("free again");
    let found = index.search(rows.view(), 1, &everything).expect("valid");
    assert!(found.iter().zip(&names).all(|(found, name)| found[0].id == *name && found[0].distance == 0.0));
}

/// Forty thousand copies share a node; none of them is looked for among all.
#[test]
fn copies_are_removed_one_by_one_in_any_order() {
    let (names, mut index) = (ids(40_000), HnswParams::default().build(2).expect("valid"));
    index.add(&names, ndarray::Array2::ones((40_000, 2)).view()).expect("valid");
    let left = |index: &Hnsw| {
        let found = index.search(ndarray::array![[1.0, 1.0]].view(), 3, &everything).expect("valid");
        found[0].iter().map(|near| near.id.clone()).collect::<Vec<_>>()
    };
    for i in 0..39_998 {
        assert!(index.remove(&names[i * 7 % 40_000]), "{i}");
    }
    assert_eq!(left(&index), ["row_039986", "row_039993"]);
    assert_eq!(index.len(), 2);
}

#[test]
fn an_id_may_come_again_with_another_row() {
    let mut index = built(HnswParams::default(), normal((300, 8), 21).view());
    assert!(index.remove("row_000007"));
    let moved = normal((1, 8), 22) + 50.0;
    index.add(&["row_000007".into()], moved.view()).expect("free again");
    let found = index.search(moved.view(), 1, &everything).expect("valid");
    assert_eq!((found[0][0].id.as_str(), found[0][0].distance), ("row_000007", 0.0));
}
