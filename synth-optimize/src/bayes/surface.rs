//! The acquisition as a function of the unit cube.

use crate::acquisition::Acquisition;
use crate::gp::{GaussianProcess, Scratch};

use super::feasibility::Feasibility;
use super::region::Region;
use super::space::{Located, ModelSpace};
use super::worlds::Worlds;

/// What is being climbed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// The acquisition, with the value to improve on and the weight of the standard deviation.
    Acquisition { kind: Acquisition, best: f64, beta: f64 },
    /// Minus the predicted mean, where a failure is less likely than not.
    Mean,
}

/// Weight of ln p beside the acquisition. One is the expected value of an improvement times its chance; more,
/// because the process that extrapolates beyond a border of failures has nothing to restrain it there.
const DOUBT: f64 = 3.0;
/// Weight of ln(2p) against the standardised mean where p < ½.
const CAUTION: f64 = 20.0;

/// A score to be maximised over the unit cube, under one state of the process.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Surface<'a> {
    pub(crate) space: &'a ModelSpace,
    pub(crate) process: &'a GaussianProcess,
    pub(crate) feasibility: Option<&'a Feasibility>,
    pub(crate) goal: Goal,
    /// Draws of what there is to improve on, in place of the goal's one value.
    pub(crate) worlds: Option<&'a Worlds>,
    /// Where to stay.
    pub(crate) region: Option<&'a Region>,
}

/// A standard deviation below this (in standardised units) is none.
const LEAST_SD: f64 = 1e-9;

impl Surface<'_> {
    /// The score from a predicted mean and variance and the whitened row of covariances, without feasibility.
    pub(crate) fn score(&self, mean: f64, variance: f64, whitened: &[f64]) -> f64 {
        let sd = libm::sqrt(variance).max(LEAST_SD);
        match (self.goal, self.worlds) {
            (Goal::Mean, _) => -mean,
            (Goal::Acquisition { .. }, Some(worlds)) => worlds.score(mean, sd, whitened),
            (Goal::Acquisition { kind, best, beta }, None) => kind.score(mean, sd, best, beta).value,
        }
    }

    /// Nearly the [score](Self::score), at less cost: what there is to improve on taken for known.
    pub(crate) fn rank(&self, mean: f64, variance: f64, whitened: &[f64]) -> f64 {
        match (self.goal, self.worlds) {
            (Goal::Acquisition { kind, best, beta }, Some(worlds)) => {
                let sd = libm::sqrt(worlds.variance_over_all(variance, whitened)).max(LEAST_SD);
                kind.score(mean, sd, best, beta).value
            }
            _ => self.score(mean, variance, whitened),
        }
    }

    /// What a log probability of giving a value adds to the score, and the derivative of that.
    pub(crate) fn caution(&self, log_probability: f64) -> (f64, f64) {
        match self.goal {
            Goal::Acquisition { .. } => (DOUBT * log_probability, DOUBT),
            Goal::Mean if log_probability >= -std::f64::consts::LN_2 => (0.0, 0.0),
            Goal::Mean => (CAUTION * (log_probability + std::f64::consts::LN_2), CAUTION),
        }
    }

    fn feasible(&self, at: &Located) -> f64 {
        self.feasibility.map_or(0.0, |f| self.caution(f.log_probability(at.point())).0)
    }

    /// The score at a point.
    pub(crate) fn value(&self, at: &Located, scratch: &mut Vec<f64>) -> f64 {
        scratch.resize(self.process.len(), 0.0);
        let (mean, variance) = self.process.posterior(at.point(), scratch);
        self.score(mean, variance, &scratch[..self.process.len()]) + self.feasible(at)
    }

    /// The score and its gradient with respect to the unit cube.
    pub(crate) fn gradient(&self, at: &Located, scratch: &mut Scratch, gradient: &mut [f64]) -> f64 {
        let (mut value, mut numbers) = match (self.goal, self.worlds) {
            (Goal::Mean, _) => {
                let mean = self.process.mean_gradient(at.point(), scratch);
                (-mean, scratch.mean_gradient.iter().map(|g| -g).collect::<Vec<f64>>())
            }
            (Goal::Acquisition { .. }, Some(worlds)) => {
                let score = |means: &[f64], variance: f64| {
                    let sd = libm::sqrt(variance).max(LEAST_SD);
                    let (value, by_means, by_sd) = worlds.score_with_slopes(means, sd);
                    (value, by_means, by_sd / (2.0 * sd))
                };
                let value = self.process.score_gradient(at.point(), worlds.alphas(), scratch, score);
                (value, scratch.mean_gradient.clone())
            }
            (Goal::Acquisition { kind, best, beta }, None) => {
                let (mean, variance) = self.process.posterior_gradient(at.point(), scratch);
                let sd = libm::sqrt(variance).max(LEAST_SD);
                let score = kind.score(mean, sd, best, beta);
                let by_variance = score.by_sd / (2.0 * sd);
                let parts = scratch.mean_gradient.iter().zip(&scratch.variance_gradient);
                (score.value, parts.map(|(m, v)| score.by_mean * m + by_variance * v).collect())
            }
        };
        if let Some(feasibility) = self.feasibility {
            let mut slope = vec![0.0; numbers.len()];
            let log = feasibility.add_log_probability_gradient(at.point(), scratch, &mut slope);
            let (term, factor) = self.caution(log);
            value += term;
            numbers.iter_mut().zip(slope).for_each(|(n, s)| *n += factor * s);
        }
        self.space.pull_back(at, &numbers, gradient);
        value
    }
}
