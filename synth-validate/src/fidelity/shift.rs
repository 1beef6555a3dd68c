//! The smallest difference that a test at hand would have found.

use rayon::prelude::*;

use super::design::{Block, Null, upper_quantile};
use super::null::BlockPairs;
use super::pair_function::{PairFunction, sum};
use super::principal::PrincipalAxis;
use super::quadratic::Quadratic;

/// Level of the test and the share of repetitions in which it must find the difference.
pub(crate) const LEVEL: f64 = 0.05;
const POWER: f64 = 0.8;
/// Simulated repetitions: relabellings of the data at hand, one side of each moved.
const REPETITIONS: usize = 60;
/// Blocks kept for it where the test has more; each holds a matrix of pairs.
pub(crate) const KEPT_BLOCKS: usize = 4;
/// Shifts tried lie between 0 and this many standard deviations.
const LARGEST: f64 = 64.0;
const HALVINGS: usize = 12;

/// A block kept for the search.
#[derive(Debug)]
pub(crate) struct KeptBlock<'a> {
    pub(crate) block: &'a Block,
    pub(crate) pairs: BlockPairs,
    /// The statistic under each relabelling, unmoved.
    pub(crate) statistics: Vec<f64>,
}

/// The smallest mean shift along `axis`, in standard deviations along it, that the 5 % test detects
/// with 80 % power, to a relative 1e-2. `None` for a form whose pairs cannot be moved cheaply, and
/// if no shift is large enough.
///
/// Repetitions are relabellings of the pooled rows (so that there is no difference but the one put
/// in), with the rows of one side moved; the test rejects above the 95 % quantile of its null. With
/// several blocks the mean over all of them is taken to be normal, its spread being that of the
/// repetitions of the kept ones.
pub(crate) fn smallest_shift(
    kept: &[KeptBlock<'_>],
    blocks: usize,
    form: &Quadratic,
    axis: &PrincipalAxis,
    null: &Null,
) -> Option<f64> {
    if matches!(form.function, PairFunction::Cubic { .. }) {
        return None;
    }
    let critical = null.quantiles.iter().find(|quantile| quantile.0 == 1.0 - LEVEL)?.1;
    let moves: Vec<Moves<'_>> = kept.iter().map(|kept| Moves::new(kept, axis)).collect();
    let detects = |shift: f64| {
        let values: Vec<f64> =
            moves.iter().flat_map(|moves| moves.statistics(form, shift * axis.std)).collect();
        lower_value(&values, blocks) > critical
    };
    let (mut low, mut high) = (0.0_f64, 0.125);
    while !detects(high) {
        (low, high) = (high, 2.0 * high);
        if high > LARGEST {
            return None;
        }
    }
    for _ in 0..HALVINGS {
        if high - low <= 0.01 * high {
            break;
        }
        let middle = 0.5 * (low + high);
        if detects(middle) { high = middle } else { low = middle }
    }
    Some(high)
}

/// The value that the mean over `blocks` blocks exceeds in 80 % of repetitions.
fn lower_value(values: &[f64], blocks: usize) -> f64 {
    if blocks == 1 {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        return upper_quantile(&sorted, 1.0 - POWER);
    }
    /// 80 % point of the normal distribution.
    const Z: f64 = 0.841_621_233_572_914_2;
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / (count - 1.0);
    mean - Z * (variance / blocks as f64).sqrt()
}

/// Relabellings of one block, ready to be moved apart.
struct Moves<'a> {
    kept: &'a KeptBlock<'a>,
    /// Position of each pooled row along the axis.
    scores: Vec<f64>,
    labelings: Vec<usize>,
}

impl<'a> Moves<'a> {
    fn new(kept: &'a KeptBlock<'a>, axis: &PrincipalAxis) -> Self {
        let scores = axis.scores(kept.pairs.rows.view());
        // The observed labels come first and are no relabelling.
        let labelings = (1..kept.statistics.len()).take(REPETITIONS).collect();
        Self { kept, scores, labelings }
    }

    /// The statistics when the y side is moved by `by` along the axis. Distances within a side do
    /// not change, so only the mean over cross pairs does.
    fn statistics(&self, form: &Quadratic, by: f64) -> Vec<f64> {
        self.labelings
            .par_iter()
            .map(|&number| {
                let labels = self.kept.block.row_labels(number);
                let change = self.cross_mean(form, &labels, by) - self.cross_mean(form, &labels, 0.0);
                self.kept.statistics[number] - 2.0 * form.scale * change
            })
            .collect()
    }

    fn cross_mean(&self, form: &Quadratic, labels: &[bool], by: f64) -> f64 {
        let side =
            |wanted: bool| -> Vec<usize> { (0..labels.len()).filter(|&i| labels[i] == wanted).collect() };
        let (x, y) = (side(true), side(false));
        let mut values = vec![0.0; y.len()];
        let mut total = 0.0;
        for &i in &x {
            let squared = self.kept.pairs.squared.row(i);
            for (value, &j) in values.iter_mut().zip(&y) {
                // |x − (y + by·u)|² = |x − y|² − 2 by (x − y)·u + by².
                let moved = squared[j] - 2.0 * by * (self.scores[i] - self.scores[j]) + by * by;
                *value = moved.max(0.0);
            }
            form.function.apply(&mut values, 0.0, &[]);
            total += sum(&values);
        }
        total / (x.len() as f64 * y.len() as f64)
    }
}
