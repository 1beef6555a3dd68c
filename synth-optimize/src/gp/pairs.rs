//! Pairs of points, side by side for the registers.

use std::ops::Range;

use super::cholesky::Lower;
use super::kernel::{Inputs, Kernel};
use super::sums::{LANES, padded, total};
use super::vectorized::vectorized;

/// Everything about the training inputs that does not change while hyper-parameters are fitted.
///
/// Pairs (i, j), j < i, lie in row order. Every row is filled up to a multiple of [`LANES`] with pairs that have no
/// weight, so that loops over it have no remainder. Their covariances are finite like those of all other pairs.
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
        let row = |i: usize| {
            let start = end;
            end += padded(i);
            start..end
        };
        let rows: Vec<Range<usize>> = (0..n).map(row).collect();
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
    pub(crate) fn weights(&self, alpha: &[f64], inverse: &Lower) -> Vec<f64> {
        let mut weights = vec![0.0; self.len()];
        for (i, row) in self.rows.iter().enumerate() {
            let products = inverse.row(i)[..i].iter().zip(alpha).map(|(c, a)| alpha[i] * a - c);
            weights[row.clone()].iter_mut().zip(products).for_each(|(w, product)| *w = product);
        }
        weights
    }

    /// k_cat of each pair.
    pub(crate) fn categorical(&self, kernel: &Kernel) -> Vec<f64> {
        let mut categorical = vec![1.0; self.len()];
        for (levels, rates) in self.levels.iter().zip(&kernel.category_rates) {
            let falls: Vec<f64> = rates.iter().map(|rate| libm::exp(-rate)).collect();
            let fall_of: Vec<f64> = levels.iter().map(|level| falls[*level]).collect();
            vectorized(
                #[inline(always)]
                || {
                    let (level_chunks, _) = levels.as_chunks::<LANES>();
                    let (fall_chunks, _) = fall_of.as_chunks::<LANES>();
                    for (i, row) in self.rows.iter().enumerate() {
                        let (chunks, _) = categorical[row.clone()].as_chunks_mut::<LANES>();
                        for ((c, level), fall) in chunks.iter_mut().zip(level_chunks).zip(fall_chunks) {
                            for lane in 0..LANES {
                                let both = fall_of[i] * fall[lane];
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gp::kernel::{Covariance, KernelFamily};

    /// Three chunks of points with levels of two categories.
    fn inputs() -> Inputs {
        let mut inputs = Inputs::empty(1, 2);
        (0..21).for_each(|i| inputs.push(&[0.1 * f64::from(i)], &[(i % 3) as usize, (i * i % 4) as usize]));
        inputs
    }

    #[test]
    fn what_categories_make_of_a_pair_is_as_between_its_points() {
        let inputs = inputs();
        let pairs = Pairs::new(&inputs);
        let kernel = Kernel {
            family: KernelFamily::Rbf,
            variance: 1.0,
            length_scales: vec![1e9],
            category_rates: vec![vec![0.1, 0.4, 0.9], vec![0.2, 0.0, 0.7, 1.5]],
            additive_share: 0.0,
        };
        let (categorical, covariance) = (pairs.categorical(&kernel), Covariance::new(&kernel));
        let point = |i: usize| (inputs.numbers_of(i), inputs.levels_of(i));
        for i in 0..inputs.n {
            for j in 0..i {
                // So far apart are no two numbers that their part were less than 1.
                let expected = covariance.between(point(i), point(j));
                let got = categorical[pairs.rows[i].start + j];
                assert!((got - expected).abs() < 1e-15, "({i}, {j}): {got} for {expected}");
            }
        }
    }

    #[test]
    fn pairs_of_different_levels_count_for_both_points_and_what_fills_up_for_none() {
        let inputs = inputs();
        let pairs = Pairs::new(&inputs);
        let value = |i: usize, j: usize| (1 + i * 31 + j) as f64;
        let mut values = vec![0.0; pairs.len()];
        for (i, row) in pairs.rows.iter().enumerate() {
            (0..i).for_each(|j| values[row.start + j] = value(i, j));
        }
        for (column, levels) in pairs.levels.iter().enumerate() {
            let sums = pairs.sums_where_levels_differ(levels, &values);
            for (i, sum) in sums.iter().enumerate().take(inputs.n) {
                let differs = |j: &usize| inputs.levels_of(*j)[column] != inputs.levels_of(i)[column];
                let expected: f64 = (0..inputs.n).filter(differs).map(|j| value(i.max(j), i.min(j))).sum();
                assert_eq!(*sum, expected, "point {i}");
            }
            assert!(sums[inputs.n..].iter().all(|sum| *sum == 0.0));
        }
    }
}
