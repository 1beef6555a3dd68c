//! Good and bad trials.

use super::layout::{Layout, Place};
use crate::bayes::{Measured, Outcomes};

/// No more trials than this are good, as in Optuna: a larger group smears the density over what was good
/// long ago.
const MOST_GOOD: usize = 25;

/// Fewer have no spread.
const LEAST_GOOD: usize = 2;

/// A history in two groups.
#[derive(Clone, Debug)]
pub(crate) struct Split {
    pub(crate) good: Vec<Vec<Place>>,
    /// By how much each good one is better than the best of the others, 1 on average (the "EI" weights of
    /// Watanabe 2023); 1 each where they are all equal.
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
        let count = ((share * ended).ceil() as usize).clamp(LEAST_GOOD, MOST_GOOD).min(measured.len() - 1);
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

#[cfg(test)]
mod tests {
    use synth_core::{Domain, Parameter, ParameterSet, ParameterSpace, Trial};

    use super::*;
    use crate::bayes::ModelSpace;

    fn split(values: &[f64], share: f64) -> Split {
        let space = ParameterSpace::new(vec![Parameter::new("n", Domain::int(0, 99))]).expect("valid");
        let set = |i: usize| ParameterSet::new().with("n", i as i64);
        let mut trials: Vec<Trial> = values.iter().enumerate().map(|(i, v)| Trial::ok(set(i), *v)).collect();
        trials.push(Trial::failed(set(98)));
        trials.push(Trial::pending(set(99)));
        let outcomes = Outcomes::of(&trials, &ModelSpace::new(&space)).expect("inside");
        Split::new(&Layout::new(&space), &outcomes, share)
    }

    #[test]
    fn the_best_are_good_by_how_much_better_they_are() {
        let split = split(&[4.0, 1.0, 9.0, 0.0, f64::NAN, 7.0], 0.3);
        // Seven have ended; the best ⌈0.3 · 7⌉ = 3 are 0, 1 and 4, the next is 7.
        assert_eq!((split.good.len(), split.bad.len()), (3, 5));
        let expected = [7.0, 6.0, 3.0].map(|gain| gain * 3.0 / 16.0);
        split.weights.iter().zip(expected).for_each(|(w, e)| assert!((w - e).abs() < 1e-15, "{w} {e}"));
    }

    #[test]
    fn equal_and_extreme_values_have_weights() {
        assert_eq!(split(&[2.0; 30], 0.1).weights, [1.0; 4]);
        assert_eq!(split(&[-1e300, 1e300, f64::MAX, 1e300], 0.1).weights, [2.0, 0.0]);
        let spread: Vec<f64> = (0..99).map(|i| f64::from(i) * 5e-324).collect();
        assert!(split(&spread[..98], 0.9).weights.iter().all(|w| w.is_finite()));
        assert_eq!(split(&[1.0, 2.0], 0.5).good.len(), 1);
    }
}
