//! Pairs of points, side by side for the registers.

use std::ops::Range;

use super::kernel::{Inputs, Kernel};
use super::sums::{LANES, padded, total};
use super::vectorized::vectorized;

/// Everything about the training inputs that does not change while hyper-parameters are fitted.
///
/// Pairs (i, j), j < i, lie in row order. Every row is filled up to a multiple of [`LANES`] with pairs that have no
/// weight, so that loops over it have no remainder.
#[derive(Clone, Debug)]
pub(crate) struct Pairs {
    pub(crate) n: usize,
    /// Where the pairs of each point lie.
    pub(crate) rows: Vec<Range<usize>>,
    /// Squared differences, one list of pairs per number column.
    pub(crate) squares: Vec<Vec<f64>>,
    /// Levels of the points, one list per category column, filled up like a row.
    pub(crate) levels: Vec<Vec<usize>>,
}

impl Pairs {
    pub(crate) fn new(inputs: &Inputs) -> Self {
        let (n, mut end) = (inputs.n, 0);
        let mut row = |i: usize| {
            let start = end;
            end += padded(i);
            start..end
        };
        let rows: Vec<Range<usize>> = (0..n).map(&mut row).collect();
        let squares = |column: &Vec<f64>| {
            let mut squares = vec![0.0; end];
            for (i, row) in rows.iter().enumerate() {
                let squared = |x: &f64| (column[i] - x) * (column[i] - x);
                squares[row.clone()].iter_mut().zip(&column[..i]).for_each(|(s, x)| *s = squared(x));
            }
            squares
        };
        let levels = |c: usize| {
            let mut levels: Vec<usize> = (0..n).map(|i| inputs.levels_of(i)[c]).collect();
            levels.resize(padded(n), 0);
            levels
        };
        Self {
            n,
            squares: inputs.columns.iter().map(squares).collect(),
            levels: (0..inputs.category_dim).map(levels).collect(),
            rows,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows.last().map_or(0, |row| row.end)
    }

    /// `α_i α_j − C⁻¹_ij` for each pair.
    pub(crate) fn weights(&self, alpha: &[f64], inverse: &[f64], stride: usize) -> Vec<f64> {
        let mut weights = vec![0.0; self.len()];
        for (i, row) in self.rows.iter().enumerate() {
            let inverse = &inverse[i * stride..i * stride + i];
            let products = inverse.iter().zip(alpha).map(|(c, a)| alpha[i] * a - c);
            weights[row.clone()].iter_mut().zip(products).for_each(|(w, product)| *w = product);
        }
        weights
    }

    /// k_cat of each pair.
    pub(crate) fn categorical(&self, kernel: &Kernel) -> Vec<f64> {
        let mut categorical = vec![1.0; self.len()];
        for (levels, rates) in self.levels.iter().zip(&kernel.category_rates) {
            let falls: Vec<f64> = rates.iter().map(|rate| libm::exp(-rate)).collect();
            let falls: Vec<f64> = levels.iter().map(|level| falls[*level]).collect();
            vectorized(
                #[inline(always)]
                || {
                    let (level_chunks, _) = levels.as_chunks::<LANES>();
                    let (fall_chunks, _) = falls.as_chunks::<LANES>();
                    for (i, row) in self.rows.iter().enumerate() {
                        let (chunks, _) = categorical[row.clone()].as_chunks_mut::<LANES>();
                        for ((c, level), fall) in chunks.iter_mut().zip(level_chunks).zip(fall_chunks) {
                            for lane in 0..LANES {
                                let both = falls[i] * fall[lane];
                                c[lane] *= if level[lane] == levels[i] { 1.0 } else { both };
                            }
                        }
                    }
                },
            );
        }
        categorical
    }

    /// For each point the sum over its pairs whose other point has another level.
    pub(crate) fn sums_where_levels_differ(&self, levels: &[usize], values: &[f64]) -> Vec<f64> {
        let mut sums = vec![0.0; padded(self.n)];
        vectorized(
            #[inline(always)]
            || {
                let (level_chunks, _) = levels.as_chunks::<LANES>();
                for (i, row) in self.rows.iter().enumerate() {
                    let (chunks, _) = values[row.clone()].as_chunks::<LANES>();
                    let mut own = [0.0; LANES];
                    let (others, _) = sums.as_chunks_mut::<LANES>();
                    for ((value, level), other) in chunks.iter().zip(level_chunks).zip(others) {
                        for lane in 0..LANES {
                            let counts = if level[lane] == levels[i] { 0.0 } else { value[lane] };
                            own[lane] += counts;
                            other[lane] += counts;
                        }
                    }
                    sums[i] += total(&own);
                }
            },
        );
        sums
    }
}
