//! Good and bad trials.

use super::layout::{Layout, Place};
use crate::bayes::{Measured, Outcomes};

/// No more trials than this are good (Bergstra et al. 2011 as in Hyperopt and Optuna): a larger group
/// smears the density over what was good long ago.
const MOST_GOOD: usize = 25;

/// A history in two groups.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    pub(crate) good: Vec<Vec<Place>>,
    /// By how much each good one is better than the best of the others, 1 on average (Watanabe 2023,
    /// section 3.2: "EI" weights); 1 each where they are all equal.
    pub(crate) weights: Vec<f64>,
    /// The others, failed and pending ones included.
    pub(crate) bad: Vec<Vec<Place>>,
}

impl Split {
    /// The best `share` of what has ended against the rest; needs two measured points.
    pub(crate) fn new(layout: &Layout, outcomes: &Outcomes, share: f64) -> Self {
        let mut measured: Vec<&Measured> = outcomes.measured.iter().collect();
        measured.sort_by(|a, b| a.value.total_cmp(&b.value));
        let ended = (measured.len() + outcomes.failed.len()) as f64;
        let count = ((share * ended).ceil() as usize).clamp(1, MOST_GOOD).min(measured.len() - 1);
        let (good, rest) = measured.split_at(count);
        let others = rest.iter().map(|m| &m.at).chain(&outcomes.failed).chain(&outcomes.pending);
        Self {
            weights: improvements(good, rest[0].value),
            good: good.iter().map(|m| layout.places(&m.at.unit)).collect(),
            bad: others.map(|at| layout.places(&at.unit)).collect(),
        }
    }
}

fn improvements(good: &[&Measured], threshold: f64) -> Vec<f64> {
    // Values may be as large as numbers get: a quarter of them can be subtracted.
    let gains: Vec<f64> = good.iter().map(|m| 0.25 * threshold - 0.25 * m.value).collect();
    let most = gains.iter().copied().fold(0.0, f64::max);
    let total: f64 = gains.iter().map(|gain| gain / most).sum();
    if total.is_finite() && total > 0.0 {
        gains.iter().map(|gain| gain / most / total * good.len() as f64).collect()
    } else {
        vec![1.0; good.len()]
    }
}
