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
/// Simulated repetitions in all kept blocks: relabellings of the data at hand, one side of each moved.
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
    let critical = null.quantiles.iter().find(|(level, _)| (level + LEVEL - 1.0).abs() < 1e-9)?.1;
    let each = REPETITIONS.div_ceil(kept.len().max(1));
    let moves: Vec<Moves<'_>> = kept.iter().map(|kept| Moves::new(kept, form, axis, each)).collect();
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
    pairs: &'a BlockPairs,
    /// Position of each pooled row along the axis.
    scores: Vec<f64>,
    repetitions: Vec<Repetition>,
}

/// One relabelling: the rows on each side, and the statistic but for its cross pairs.
struct Repetition {
    x: Vec<usize>,
    y: Vec<usize>,
    within: f64,
}

impl<'a> Moves<'a> {
    fn new(kept: &'a KeptBlock<'a>, form: &Quadratic, axis: &PrincipalAxis, repetitions: usize) -> Self {
        let scores = axis.scores(kept.pairs.rows.view());
        let mut moves = Self { pairs: &kept.pairs, scores, repetitions: Vec::new() };
        // The observed labels come first and are no relabelling.
        let numbers: Vec<usize> = (1..kept.statistics.len()).take(repetitions).collect();
        moves.repetitions = numbers
            .par_iter()
            .map(|&number| {
                let labels = kept.block.row_labels(number);
                let side = |wanted| (0..labels.len()).filter(|&row| labels[row] == wanted).collect();
                let mut repetition = Repetition { x: side(true), y: side(false), within: 0.0 };
                let cross = moves.cross_mean(form, &repetition, 0.0);
                repetition.within = kept.statistics[number] + 2.0 * form.scale * cross;
                repetition
            })
            .collect();
        moves
    }

    /// The statistics when the y side is moved by `by` along the axis. Distances within a side do
    /// not change, so only the mean over cross pairs does.
    fn statistics(&self, form: &Quadratic, by: f64) -> Vec<f64> {
        let moved = |repetition: &Repetition| {
            repetition.within - 2.0 * form.scale * self.cross_mean(form, repetition, by)
        };
        self.repetitions.par_iter().map(moved).collect()
    }

    fn cross_mean(&self, form: &Quadratic, repetition: &Repetition, by: f64) -> f64 {
        let Repetition { x, y, .. } = repetition;
        let mut values = vec![0.0; y.len()];
        let mut total = 0.0;
        for &i in x {
            let squared = self.pairs.squared.row(i);
            for (value, &j) in values.iter_mut().zip(y) {
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
