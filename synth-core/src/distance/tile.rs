use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView2, s};

/// Rows of a full block; a tile is at most this many rows square. Part of the result's bits where
/// sums are kept per tile, so it is fixed.
pub const BLOCK_ROWS: usize = 256;

/// Below this share of `|a|² + |b|²` a squared distance is computed again from the differences.
/// The product form errs by about 1e-15 of the norms, so what is kept is good to 1e-9.
const CANCELLED: f64 = 1e-6;

/// Squared Euclidean distances between two blocks of rows.
#[derive(Debug)]
pub struct Tile<'a> {
    left: Range<usize>,
    right: Range<usize>,
    squared: ArrayView2<'a, f64>,
}

impl Tile<'_> {
    /// Which rows of the left set its rows stand for.
    #[must_use]
    pub fn left(&self) -> Range<usize> {
        self.left.clone()
    }

    /// Which rows of the right set its columns stand for.
    #[must_use]
    pub fn right(&self) -> Range<usize> {
        self.right.clone()
    }

    /// `|left_i − right_j|²`, `[left.len(), right.len()]`, non-negative.
    #[must_use]
    pub fn squared(&self) -> &ArrayView2<'_, f64> {
        &self.squared
    }

    /// The rows in order: the index of a left row and its squared distances to the right block.
    pub fn rows(&self) -> impl Iterator<Item = (usize, &[f64])> {
        let width = self.right.len().max(1);
        let values = self.squared.as_slice().expect("invariant: tiles are in row-major order");
        self.left.clone().zip(values.chunks_exact(width))
    }
}

/// Buffers of one thread, reused from tile to tile.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    left: Block,
    right: Block,
    squared: Vec<f64>,
}

impl Scratch {
    /// Computes the tile of `left_rows` of `left` against `right_rows` of `right`.
    pub(super) fn tile(
        &mut self,
        left: ArrayView2<'_, f32>,
        left_rows: Range<usize>,
        right: ArrayView2<'_, f32>,
        right_rows: Range<usize>,
    ) -> Tile<'_> {
        self.left.load(left.slice(s![left_rows.clone(), ..]));
        self.right.load(right.slice(s![right_rows.clone(), ..]));
        let shape = (left_rows.len(), right_rows.len());
        let mut squared = Array2::from_shape_vec(shape, resized(&mut self.squared, shape.0 * shape.1))
            .expect("invariant: the buffer was sized for this shape");
        squared_distances(&self.left, &self.right, &mut squared);
        self.squared = squared.into_raw_vec_and_offset().0;
        let squared = ArrayView2::from_shape(shape, &self.squared).expect("invariant: as above");
        Tile { left: left_rows, right: right_rows, squared }
    }

    /// The tile of a block against itself: symmetric to the bit, with a diagonal of zeros.
    pub(super) fn diagonal(&mut self, rows: ArrayView2<'_, f32>, range: Range<usize>) -> Tile<'_> {
        self.tile(rows, range.clone(), rows, range)
    }
}

/// Some rows in float64, with their squared norms.
#[derive(Debug, Default)]
struct Block {
    rows: Array2<f64>,
    norms: Array1<f64>,
}

impl Block {
    fn load(&mut self, rows: ArrayView2<'_, f32>) {
        let mut buffer = std::mem::take(&mut self.rows).into_raw_vec_and_offset().0;
        buffer.clear();
        for row in rows.rows() {
            match row.as_slice() {
                Some(values) => buffer.extend(values.iter().map(|&value| f64::from(value))),
                None => buffer.extend(row.iter().map(|&value| f64::from(value))),
            }
        }
        self.rows = Array2::from_shape_vec(rows.dim(), buffer).expect("invariant: every value was copied");
        self.norms = self.rows.rows().into_iter().map(|row| row.dot(&row)).collect();
    }

    fn row(&self, row: usize) -> &[f64] {
        let width = self.rows.ncols();
        let values = self.rows.as_slice().expect("invariant: blocks are in row-major order");
        &values[row * width..(row + 1) * width]
    }
}

fn resized(buffer: &mut Vec<f64>, len: usize) -> Vec<f64> {
    let mut taken = std::mem::take(buffer);
    taken.resize(len, 0.0);
    taken
}

fn squared_distances(left: &Block, right: &Block, squared: &mut Array2<f64>) {
    general_mat_mul(-2.0, &left.rows, &right.rows.t(), 0.0, squared);
    let norms = right.norms.as_slice().expect("invariant: a vector is contiguous");
    for (i, mut row) in squared.rows_mut().into_iter().enumerate() {
        let row = row.as_slice_mut().expect("invariant: tiles are in row-major order");
        let mut cancelled = false;
        let norm = left.norms[i];
        for (value, other) in row.iter_mut().zip(norms) {
            let scale = norm + other;
            *value += scale;
            cancelled |= *value <= CANCELLED * scale;
        }
        if cancelled {
            recompute_cancelled(left.row(i), norm, right, row);
        }
    }
}

fn recompute_cancelled(left: &[f64], norm: f64, right: &Block, squared: &mut [f64]) {
    for (j, value) in squared.iter_mut().enumerate() {
        if *value <= CANCELLED * (norm + right.norms[j]) {
            *value = squared_difference(left, right.row(j));
        }
    }
}

/// `Σ (a − b)²` in eight interleaved sums: fixed order, and wide enough for the vector unit.
fn squared_difference(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 =
        a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(x, y)| (x - y) * (x - y)).sum();
    for (x, y) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            let difference = x[lane] - y[lane];
            sums[lane] += difference * difference;
        }
    }
    sums.iter().sum::<f64>() + tail
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;

    fn rows(n: usize, d: usize, offset: f32) -> Array2<f32> {
        let mut stream = Seed::from_u64(1).stream(0);
        Array2::from_shape_simple_fn((n, d), || offset + stream.normal() as f32)
    }

    fn direct(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&x, &y)| (f64::from(x) - f64::from(y)).powi(2)).sum()
    }

    #[test]
    fn equals_the_sum_of_squared_differences_far_from_the_origin() {
        for offset in [0.0, 30.0, 1e4] {
            let x = rows(40, 19, offset);
            let mut scratch = Scratch::default();
            let tile = scratch.tile(x.view(), 0..30, x.view(), 30..40);
            for (i, row) in tile.rows() {
                for (j, &value) in tile.right().zip(row) {
                    let expected =
                        direct(x.row(i).as_slice().expect("valid"), x.row(j).as_slice().expect("valid"));
                    assert!((value / expected - 1.0).abs() < 1e-9, "{offset}: {value} {expected}");
                }
            }
        }
    }

    #[test]
    fn diagonal_is_zero_and_symmetric_to_the_bit() {
        let mut x = rows(33, 21, 5.0);
        let copy = x.row(3).to_owned();
        x.row_mut(17).assign(&copy);
        let mut scratch = Scratch::default();
        let tile = scratch.diagonal(x.view(), 0..33);
        assert!((0..33).all(|i| tile.squared()[[i, i]] == 0.0));
        assert_eq!(tile.squared()[[3, 17]], 0.0);
        assert_eq!(tile.squared(), tile.squared().t());
        assert_eq!(tile.squared().row(3), tile.squared().row(17));
    }

    #[test]
    fn value_does_not_depend_on_the_tile() {
        let x = rows(50, 300, 0.5);
        let mut one = Scratch::default();
        let whole = one.diagonal(x.view(), 0..50).squared().to_owned();
        let part = one.tile(x.view(), 7..12, x.view(), 31..50);
        assert_eq!(part.squared(), whole.slice(s![7..12, 31..50]));
        let swapped = Scratch::default().tile(x.view(), 31..50, x.view(), 7..12).squared().t().to_owned();
        assert_eq!(swapped, whole.slice(s![7..12, 31..50]));
    }

    #[test]
    fn columns_in_any_memory_order_are_read() {
        let x = rows(12, 9, 0.0);
        let mut fortran = Array2::zeros((9, 12));
        fortran.assign(&x.t());
        let mut scratch = Scratch::default();
        let expected = scratch.diagonal(x.view(), 0..12).squared().to_owned();
        assert_eq!(scratch.diagonal(fortran.t(), 0..12).squared(), expected);
    }
}
