use std::ops::Range;

use ndarray::{Array2, ArrayView2};

use super::{Between, Pairwise, Smallest, Tile, Within};
use crate::{Error, Result};

/// Nearest rows of each query, nearest first, equal distances by index.
#[derive(Clone, Debug, PartialEq)]
pub struct Nearest {
    /// Which rows, `[queries, k]`.
    pub indices: Array2<usize>,
    /// Their squared Euclidean distances, `[queries, k]`.
    pub squared: Array2<f64>,
}

/// The `k` rows of `rows` nearest to each of `queries`. A query's answer does not depend on the
/// other queries.
///
/// # Shapes
/// - queries: `[q, d]`, rows: `[n, d]`; outputs `[q, k]`
///
/// # Errors
/// [`Error::TooFewSamples`] if there are fewer than `k` rows, [`Error::Shape`] if the widths
/// differ, [`Error::Interrupted`] when `pass` is cancelled.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_core::distance::{Pairwise, nearest};
/// let rows = array![[0.0_f32], [10.0], [4.0]];
/// let found = nearest(array![[3.0_f32]].view(), rows.view(), 2, &Pairwise::new())?;
/// assert_eq!(found.indices, array![[2, 0]]);
/// assert_eq!(found.squared, array![[1.0, 9.0]]);
/// assert!(nearest(rows.view(), rows.view(), 4, &Pairwise::new()).is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
pub fn nearest(
    queries: ArrayView2<'_, f32>,
    rows: ArrayView2<'_, f32>,
    k: usize,
    pass: &Pairwise<'_>,
) -> Result<Nearest> {
    enough(rows.nrows(), k)?;
    let (states, _) = pass.between(queries, rows, &KeepNearest { k })?;
    Ok(gather(queries.nrows(), k, &states))
}

/// The `k` other rows nearest to each row; half the work of [`nearest`] of the rows to themselves.
///
/// # Errors
/// [`Error::TooFewSamples`] if there are not `k + 1` rows, [`Error::Interrupted`] when `pass` is
/// cancelled.
pub fn nearest_others(rows: ArrayView2<'_, f32>, k: usize, pass: &Pairwise<'_>) -> Result<Nearest> {
    enough(rows.nrows(), k + 1)?;
    let states = pass.within(rows, &KeepNearest { k })?;
    Ok(gather(rows.nrows(), k, &states))
}

fn enough(got: usize, needed: usize) -> Result<()> {
    if got < needed {
        return Err(Error::TooFewSamples { what: "the neighbour search".into(), needed, got, unit: "rows" });
    }
    Ok(())
}

fn gather(n: usize, k: usize, states: &[Smallest]) -> Nearest {
    let mut nearest = Nearest { indices: Array2::zeros((n, k)), squared: Array2::zeros((n, k)) };
    for (state, row) in states.iter().flat_map(|state| state.range().map(move |row| (state, row))) {
        for (column, (&index, &value)) in state.indices(row).iter().zip(state.values(row)).enumerate() {
            nearest.indices[[row, column]] = index;
            nearest.squared[[row, column]] = value;
        }
    }
    nearest
}

struct KeepNearest {
    k: usize,
}

impl Between for KeepNearest {
    type Left = Smallest;
    type Right = ();

    fn left(&self, range: Range<usize>) -> Smallest {
        Smallest::new(range, self.k)
    }

    fn right(&self, _range: Range<usize>) {}

    fn tile(&self, tile: &Tile<'_>, left: &mut Smallest, _right: &mut ()) {
        for (row, values) in tile.rows() {
            left.see_row(row, tile.right().start, values);
        }
    }
}

impl Within for KeepNearest {
    type Rows = Smallest;

    fn rows(&self, range: Range<usize>) -> Smallest {
        Smallest::new(range, self.k)
    }

    fn tile(&self, tile: &Tile<'_>, left: &mut Smallest, right: &mut Smallest) {
        for (row, values) in tile.rows() {
            left.see_row(row, tile.right().start, values);
            right.see_column(tile.right().start, row, values);
        }
    }

    fn diagonal(&self, tile: &Tile<'_>, rows: &mut Smallest) {
        for (row, values) in tile.rows() {
            rows.see_others(row, tile.right().start, values);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    fn rows(n: usize, index: u64) -> Array2<f32> {
        let mut stream = Seed::from_u64(8).stream(index);
        Array2::from_shape_simple_fn((n, 3), || (stream.normal() as f32 * 4.0).round())
    }

    fn naive(query: usize, x: &Array2<f32>, y: &Array2<f32>, others: bool) -> Vec<(f64, usize)> {
        let mut all: Vec<(f64, usize)> = (0..y.nrows())
            .filter(|&j| !others || j != query)
            .map(|j| {
                let row = x.row(query);
                (row.iter().zip(y.row(j)).map(|(&a, &b)| f64::from(a - b).powi(2)).sum(), j)
            })
            .collect();
        all.sort_by(|a, b| a.partial_cmp(b).expect("valid"));
        all
    }

    #[test]
    fn equals_sorting_all_distances_ties_included() {
        let (x, y) = (rows(300, 0), rows(520, 1));
        let between = nearest(x.view(), y.view(), 7, &Pairwise::new()).expect("valid");
        let within = nearest_others(y.view(), 4, &Pairwise::new()).expect("valid");
        for (found, expected) in (0..300)
            .map(|i| ((between.squared.row(i), between.indices.row(i)), naive(i, &x, &y, false)))
            .chain((0..520).map(|i| ((within.squared.row(i), within.indices.row(i)), naive(i, &y, &y, true))))
        {
            for (column, (value, index)) in found.0.iter().zip(found.1).enumerate() {
                assert_eq!((*value, *index), expected[column]);
            }
        }
    }

    #[test]
    fn answer_does_not_depend_on_the_other_queries() {
        let (x, y) = (rows(9, 2), rows(300, 3));
        let all = nearest(x.view(), y.view(), 3, &Pairwise::new()).expect("valid");
        let one = nearest(x.slice(ndarray::s![4..5, ..]), y.view(), 3, &Pairwise::new()).expect("valid");
        assert_eq!(all.indices.row(4), one.indices.row(0));
        assert_eq!(all.squared.row(4), one.squared.row(0));
    }
}
