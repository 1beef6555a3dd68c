//! Which distribution becomes the calibrated one.

use std::ops::Range;

use synth_core::Estimate;

use super::axes::Axes;
use super::data::Real;
use super::family::Member;
use super::fit::{Surrogate, grouped_std_error};
use super::record::{FitMethod, Measurement};

/// Standard errors by which another candidate must be better to take the first one's place; there are
/// about ten of them, of which the best is looked at.
const CLEARLY: f64 = 3.0;
/// Standard errors from a one-sided 95 % bound.
const ONE_SIDED: f64 = 1.645;
/// As [`CLEARLY`], for one that is only to be measured, too.
const WORTH_MEASURING: f64 = 1.0;

/// A distribution that may become the calibrated one.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) member: Member,
    /// The same fitted without each fold of the real samples.
    pub(crate) folds: Vec<Member>,
    pub(crate) method: FitMethod,
    /// Strength of the hyperprior in a fit by likelihood.
    pub(crate) strength: f64,
    /// The iteration that found it.
    pub(crate) iteration: usize,
}

/// A candidate with the generated rows that were drawn from it to measure it.
#[derive(Clone, Debug)]
pub(crate) struct Finalist {
    pub(crate) candidate: Candidate,
    pub(crate) drawn: Range<usize>,
}

impl Candidate {
    /// The uniform distribution, which is fitted to nothing.
    pub(crate) fn uniform(axes: &Axes, folds: usize, iteration: usize) -> Self {
        let member = Member::uniform(axes);
        let folds = vec![member.clone(); folds];
        Self { member, folds, method: FitMethod::Uniform, strength: 1.0, iteration }
    }
}

/// Divergence of a candidate from the real samples, with each sample's part in it.
#[derive(Clone, Debug)]
pub(crate) struct Judged {
    pub(crate) estimate: Estimate,
    pub(crate) influence: Vec<f64>,
}

impl Judged {
    /// By how much `other` is better, and the standard error of that: both are of the same real samples.
    pub(crate) fn gain(&self, other: &Self, members: &[Vec<usize>]) -> (f64, f64) {
        let change: Vec<f64> = self.influence.iter().zip(&other.influence).map(|(a, b)| a - b).collect();
        let std_error = grouped_std_error(&change, members).unwrap_or(f64::INFINITY);
        (self.estimate.value - other.estimate.value, std_error)
    }
}

/// The first candidate, unless its divergence is clearly above `perfect`, what a perfect generator may show,
/// and another is clearly better: then that one, on the same terms with those after it.
pub(crate) fn choose(judged: &[Judged], members: &[Vec<usize>], perfect: f64) -> usize {
    (1..judged.len()).fold(0, |at, other| {
        let estimate = &judged[at].estimate;
        let least = estimate.value - ONE_SIDED * estimate.std_error.unwrap_or(f64::INFINITY);
        let (gain, std_error) = judged[at].gain(&judged[other], members);
        if least > perfect && gain > CLEARLY * std_error { other } else { at }
    })
}

/// Divergence of a distribution from the real samples as measured on samples drawn from it.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    judged: Judged,
    /// Standard error by the chance of the drawn samples.
    std_error: f64,
    samples: usize,
}

impl Measured {
    /// Of generated rows that are independent draws; the unbiased MMD²
    /// ```text
    /// mean_{j≠k} k(yⱼ, yₖ) − 2 mean k(xᵢ, yⱼ) + mean_{i≠i′} k(xᵢ, xᵢ′)
    /// ```
    pub(crate) fn of(surrogate: &Surrogate, real: &Real, rows: Range<usize>) -> Self {
        let (n, m) = (real.len() as f64, rows.len() as f64);
        let (gram, cross) = (&surrogate.mean.gram, &surrogate.cross);
        let others = |j: usize| {
            rows.clone().filter(|&k| k != j).map(|k| gram[(j, k)]).sum::<f64>() / (m - 1.0).max(1.0)
        };
        let own: Vec<f64> = rows.clone().map(others).collect();
        let seen: Vec<f64> = rows.clone().map(|j| cross.column(j).sum() / n).collect();
        let slopes: Vec<f64> = own.iter().zip(&seen).map(|(own, seen)| 2.0 * (own - seen)).collect();
        let each: Vec<Vec<usize>> = (0..slopes.len()).map(|at| vec![at]).collect();
        let own = own.iter().sum::<f64>() / m;
        let influence: Vec<f64> = (0..real.len())
            .map(|i| {
                let witness = rows.clone().map(|j| cross[(i, j)]).sum::<f64>() / m;
                own - 2.0 * witness + 2.0 * real.similarity_to_others(i)
            })
            .collect();
        let value = own - 2.0 * seen.iter().sum::<f64>() / m + real.self_similarity();
        Self {
            judged: Judged { estimate: Estimate { value, ..Estimate::default() }, influence },
            std_error: grouped_std_error(&slopes, &each).unwrap_or(f64::INFINITY),
            samples: rows.len(),
        }
    }

    /// Whether it shows more than a perfect generator may, and `rival`, as the surrogate judges it, is
    /// better by enough to be measured.
    pub(crate) fn is_beaten_by(&self, rival: &Judged, members: &[Vec<usize>], perfect: f64) -> bool {
        let (gain, std_error) = self.judged.gain(rival, members);
        self.judged.estimate.value > perfect && gain > WORTH_MEASURING * std_error.hypot(self.std_error)
    }

    pub(crate) fn record(&self, of: &Candidate, members: &[Vec<usize>]) -> Measurement {
        let by_real = grouped_std_error(&self.judged.influence, members);
        let std_error = by_real.map(|by_real| by_real.hypot(self.std_error)).filter(|se| se.is_finite());
        let value = self.judged.estimate.value;
        let ci95 = std_error.map(|se| [value - 1.96 * se, value + 1.96 * se]);
        Measurement {
            method: of.method,
            found_in: of.iteration,
            samples: self.samples,
            divergence: Estimate { value, std_error, ci95, ..Estimate::default() },
        }
    }
}

/// The finalist of least measured divergence. A later one is there because the surrogate took it for
/// clearly better than those before; a measurement that says so too decides.
pub(crate) fn best_measured(finalists: &[Measured]) -> Option<usize> {
    let value = |i: &usize| finalists[*i].judged.estimate.value;
    (0..finalists.len()).min_by(|a, b| value(a).total_cmp(&value(b)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(influence: &[f64]) -> Judged {
        let value = influence.iter().sum::<f64>() / influence.len() as f64;
        let estimate = Estimate { value, std_error: Some(0.1), ..Estimate::default() };
        Judged { estimate, influence: influence.to_vec() }
    }

    #[test]
    fn the_first_stands_unless_another_is_clearly_better() {
        let members: Vec<Vec<usize>> = (0..4).map(|i| vec![i]).collect();
        let first = judged(&[1.0, 2.0, 3.0, 4.0]);
        // Gains of 1 ± 0.91, of 1 ± 0.04 and of 0.5 ± 0.
        let noisy = judged(&[2.0, -1.0, 3.0, 2.0]);
        let better = judged(&[0.1, 0.9, 2.0, 3.0]);
        let little = judged(&[0.5, 1.5, 2.5, 3.5]);
        let all = [first, noisy, better, little];
        assert_eq!(choose(&all[..2], &members, 0.0), 0);
        assert_eq!(choose(&all, &members, 0.0), 2);
        assert_eq!(choose(&all, &members, 2.4), 0, "not clearly worse than a perfect generator may look");
    }
}
