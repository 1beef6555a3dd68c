//! Laws of [`NeighborIndex`].

use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, arr2};

use super::check::{skip, suite};
use crate::{Error, Neighbor, NeighborIndex, Seed};

suite! {
    ($)
    /// One `#[test]` per law of [`NeighborIndex`](crate::NeighborIndex).
    ///
    /// Takes a function that makes an empty index for rows of a length,
    /// `Fn(usize) -> Box<dyn NeighborIndex>`, and its
    /// [`NeighborCaps`](crate::conformance::NeighborCaps).
    neighbor, neighbor_conformance {
        search_finds_the_nearest,
        adding_in_parts_is_invisible,
        removed_rows_are_not_found,
        filtered_rows_are_not_found,
        ties_come_by_id,
        fewer_rows_than_asked_all_come,
        repeated_id_is_an_error,
        wrong_width_is_a_shape_error,
        nan_is_an_error,
    }
}

/// Makes an empty index for rows of a length.
pub type MakeNeighborIndex = dyn Fn(usize) -> Box<dyn NeighborIndex>;

/// What an index claims.
#[derive(Clone, Copy, Debug)]
pub struct NeighborCaps {
    /// The distance it searches by.
    pub distance: fn(&[f32], &[f32]) -> f64,
    /// The share of the true neighbours that it finds: 1 for an exact index.
    pub recall: f64,
}

impl NeighborCaps {
    /// An exact index by Euclidean distance.
    #[must_use]
    pub fn exact() -> Self {
        Self { distance: euclidean, recall: 1.0 }
    }

    fn is_exact(self) -> bool {
        self.recall >= 1.0
    }
}

/// √Σ (aᵢ − bᵢ)², in float64.
fn euclidean(a: &[f32], b: &[f32]) -> f64 {
    let square = |(&a, &b): (&f32, &f32)| (f64::from(a) - f64::from(b)).powi(2);
    a.iter().zip(b).map(square).sum::<f64>().sqrt()
}

const DIM: usize = 6;
const K: usize = 10;

type Rows = BTreeMap<String, Vec<f32>>;

/// Two hundred normal rows by id.
fn rows() -> Rows {
    let mut stream = Seed::from_u64(1).derive("conformance/neighbors").stream(0);
    (0..200).map(|i| (format!("row_{i:03}"), (0..DIM).map(|_| stream.normal() as f32).collect())).collect()
}

fn queries() -> Array2<f32> {
    let mut stream = Seed::from_u64(1).derive("conformance/queries").stream(0);
    Array2::from_shape_simple_fn((20, DIM), || stream.normal() as f32)
}

fn add(index: &mut dyn NeighborIndex, rows: &Rows) {
    let ids: Vec<String> = rows.keys().cloned().collect();
    let matrix = Array2::from_shape_fn((ids.len(), DIM), |(row, column)| rows[&ids[row]][column]);
    index.add(&ids, matrix.view()).expect("the suite's rows must be accepted");
}

fn filled(make: &MakeNeighborIndex, rows: &Rows) -> Box<dyn NeighborIndex> {
    let mut index = make(DIM);
    add(&mut *index, rows);
    index
}

fn search(
    index: &dyn NeighborIndex,
    queries: ArrayView2<'_, f32>,
    filter: &(dyn Fn(&str) -> bool + Sync),
) -> Vec<Vec<Neighbor>> {
    let found = index.search(queries, K, filter).expect("the suite's queries must be accepted");
    let (got, n) = (found.len(), queries.nrows());
    assert!(got == n, "one answer per query: {got} for {n}");
    found
}

fn everything(_: &str) -> bool {
    true
}

/// The nearest rows by brute force, ties by id.
fn nearest(caps: &NeighborCaps, rows: &Rows, query: ArrayView1<'_, f32>) -> Vec<Neighbor> {
    let query = query.to_vec();
    let by_distance =
        |(id, row): (&String, &Vec<f32>)| Neighbor { id: id.clone(), distance: (caps.distance)(&query, row) };
    let mut all: Vec<Neighbor> = rows.iter().map(by_distance).collect();
    all.sort_by(|a, b| a.distance.total_cmp(&b.distance).then_with(|| a.id.cmp(&b.id)));
    all.truncate(K);
    all
}

/// Compares with brute force over `rows`: every distance is right, the nearest come first, and of
/// the true neighbours at least the claimed share is found.
fn assert_nearest(law: &str, caps: &NeighborCaps, rows: &Rows, found: &[Vec<Neighbor>]) {
    let (mut hits, mut total) = (0, 0);
    for (query, found) in queries().outer_iter().zip(found) {
        let query = query.to_vec();
        for neighbor in found {
            let Some(row) = rows.get(&neighbor.id) else { panic!("{law}: found {}", neighbor.id) };
            let (expected, got) = ((caps.distance)(&query, row), neighbor.distance);
            let close = (expected - got).abs() <= 1e-5 * expected.max(1e-3);
            assert!(close, "{law}: {} has distance {expected}, got {got}", neighbor.id);
        }
        let ascending = found.windows(2).all(|pair| pair[0].distance <= pair[1].distance);
        assert!(ascending, "{law}: the nearest do not come first, {found:?}");
        let truth = nearest(caps, rows, ArrayView1::from(&query));
        hits += truth.iter().filter(|t| found.iter().any(|f| f.id == t.id)).count();
        total += truth.len();
        assert!(found.len() <= K, "{law}: {} of {K} asked", found.len());
    }
    let recall = f64::from(hits as u32) / f64::from(total as u32);
    assert!(recall >= caps.recall, "{law}: recall {recall}, claimed {}", caps.recall);
}

/// Ten nearest of two hundred rows: brute force's where the index is exact, else the claimed share.
pub fn search_finds_the_nearest(make: &MakeNeighborIndex, caps: &NeighborCaps) {
    let rows = rows();
    let found = search(&*filled(make, &rows), queries().view(), &everything);
    assert_nearest("the search finds the nearest", caps, &rows, &found);
}

/// Rows added in parts, in another order, are found as if added at once.
pub fn adding_in_parts_is_invisible(make: &MakeNeighborIndex, caps: &NeighborCaps) {
    let rows = rows();
    let mut index = make(DIM);
    for part in (0..4).rev() {
        let part = rows.iter().enumerate().filter(|(i, _)| i % 4 == part);
        add(&mut *index, &part.map(|(_, (id, row))| (id.clone(), row.clone())).collect());
    }
    let found = search(&*index, queries().view(), &everything);
    assert_nearest("adding in parts is invisible", caps, &rows, &found);
}

/// A removed row is not found; removing it again says so; its id is free again.
pub fn removed_rows_are_not_found(make: &MakeNeighborIndex, caps: &NeighborCaps) {
    let mut rows = rows();
    let mut index = filled(make, &rows);
    let gone: Rows = rows.iter().step_by(3).map(|(id, row)| (id.clone(), row.clone())).collect();
    for id in gone.keys() {
        let (first, second) = (index.remove(id), index.remove(id));
        assert!(first && !second, "removing tells whether it was there: {first}, then {second}");
    }
    rows.retain(|id, _| !gone.contains_key(id));
    let law = "removed rows are not found";
    assert_nearest(law, caps, &rows, &search(&*index, queries().view(), &everything));
    add(&mut *index, &gone);
    rows.extend(gone);
    let found = search(&*index, queries().view(), &everything);
    assert_nearest("removed rows can come again", caps, &rows, &found);
}

/// A filter leaves the nearest of those that pass it, as many as were asked.
pub fn filtered_rows_are_not_found(make: &MakeNeighborIndex, caps: &NeighborCaps) {
    let mut rows = rows();
    let filter = |id: &str| id.ends_with('7');
    let found = search(&*filled(make, &rows), queries().view(), &filter);
    rows.retain(|id, _| filter(id));
    assert_nearest("filtered rows are not found", caps, &rows, &found);
}

/// Of rows at one distance those with the smaller ids come, in their order.
pub fn ties_come_by_id(make: &MakeNeighborIndex, caps: &NeighborCaps) {
    if !caps.is_exact() {
        return skip("ties_come_by_id", "caps.recall is below 1");
    }
    let rows: Rows = (0..30).map(|i| (format!("row_{:02}", (i * 7) % 30), vec![0.5; DIM])).collect();
    let mut index = make(DIM);
    for part in [15..30, 0..15] {
        add(
            &mut *index,
            &rows.iter().skip(part.start).take(15).map(|(i, r)| (i.clone(), r.clone())).collect(),
        );
    }
    let found = search(&*index, queries().view(), &everything);
    let ids: Vec<&str> = found[0].iter().map(|neighbor| neighbor.id.as_str()).collect();
    let expected: Vec<&str> = rows.keys().take(K).map(String::as_str).collect();
    assert!(ids == expected, "ties come by id: {ids:?}");
}

/// Where fewer rows are stored than asked for, all come; from an empty index none; of 0 asked none.
pub fn fewer_rows_than_asked_all_come(make: &MakeNeighborIndex, caps: &NeighborCaps) {
    let few: Rows = rows().into_iter().take(3).collect();
    let law = "where fewer are stored than asked, all come";
    assert_nearest(
        law,
        &NeighborCaps { recall: 1.0, ..*caps },
        &few,
        &search(&*filled(make, &few), queries().view(), &everything),
    );
    let none = search(&*make(DIM), queries().view(), &everything);
    assert!(none.iter().all(Vec::is_empty), "an empty index finds nothing: {:?}", none[0]);
    let zero = filled(make, &few).search(queries().view(), 0, &everything);
    let empty = zero.as_ref().is_ok_and(|found| found.len() == 20 && found.iter().all(Vec::is_empty));
    assert!(empty, "of 0 asked none come: {zero:?}");
}

/// An id that is already there, or twice in one call, is [`Error::AlreadyExists`], and nothing of
/// that call is added.
pub fn repeated_id_is_an_error(make: &MakeNeighborIndex, caps: &NeighborCaps) {
    let rows = rows();
    let mut index = filled(make, &rows);
    for ids in [["new_1", "row_000"], ["new_2", "new_2"]] {
        let result = index.add(&ids.map(String::from), queries().slice(ndarray::s![..2, ..]));
        let exists = matches!(result, Err(Error::AlreadyExists { .. }));
        assert!(exists, "a repeated id is an error: {ids:?} gave {result:?}");
    }
    let found = search(&*index, queries().view(), &everything);
    assert_nearest("a refused call adds nothing", caps, &rows, &found);
}

/// Rows and queries of another width are [`Error::Shape`], and so are more ids than rows.
pub fn wrong_width_is_a_shape_error(make: &MakeNeighborIndex, _caps: &NeighborCaps) {
    let mut index = filled(make, &rows());
    let wide = Array2::zeros((1, DIM + 1));
    let results = [
        index.add(&["wide".to_owned()], wide.view()).err(),
        index.add(&["a".to_owned(), "b".to_owned()], Array2::zeros((1, DIM)).view()).err(),
        index.search(wide.view(), K, &everything).err(),
    ];
    let shapes = results.iter().all(|error| matches!(error, Some(Error::Shape { .. })));
    assert!(shapes, "a wrong width is a shape error: {results:?}");
}

/// Rows and queries that are not finite are an error.
pub fn nan_is_an_error(make: &MakeNeighborIndex, _caps: &NeighborCaps) {
    let mut index = filled(make, &rows());
    let mut bad = arr2(&[[0.5; DIM]]);
    for value in [f32::NAN, f32::INFINITY] {
        bad.index_axis_mut(Axis(0), 0)[1] = value;
        let added = index.add(&["bad".to_owned()], bad.view());
        let found = index.search(bad.view(), K, &everything);
        assert!(added.is_err() && found.is_err(), "a {value} is an error: {added:?}, {found:?}");
    }
}
