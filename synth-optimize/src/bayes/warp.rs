//! Outcomes made fit for a Gaussian process: tails pulled in, then standardised.

use crate::gp::{Observations, Standardisation, Within};

use super::outcome::Measured;
use super::scatter::{Scatter, relative_variances};

/// A smooth increasing map of the outcomes,
///
/// ```text
/// t(y) = ln(1 + a z)/a,   z = (y − min)/(median − min)
/// ```
///
/// with `t = z` for a = 0. Near the minimum it changes nothing (slope 1, so that what the process
/// learns there stays as smooth as the objective); far above it grows like a logarithm, so that
/// values orders of magnitude apart fit into one stationary process.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Warp {
    strength: f64,
    minimum: f64,
    unit: f64,
    standard: Standardisation,
    log_jacobian: f64,
}

/// Strengths that are tried; the likelihood decides.
pub(crate) const STRENGTHS: [f64; 4] = [0.0, 1.0, 10.0, 100.0];

impl Warp {
    pub(crate) fn new(measured: &[Measured], strength: f64) -> Self {
        let mut sorted: Vec<f64> = measured.iter().map(|m| m.value).collect();
        sorted.sort_by(f64::total_cmp);
        let minimum = sorted.first().copied().unwrap_or(0.0);
        let median = sorted.get(sorted.len() / 2).copied().unwrap_or(0.0);
        let last = sorted.last().copied().unwrap_or(0.0);
        let (half, whole) = (0.5 * median - 0.5 * minimum, 0.5 * last - 0.5 * minimum);
        let unit = if half > 1e-12 * whole { half } else { whole };
        let unit = if unit > 0.0 && unit.is_finite() { unit } else { 1.0 };
        let mut warp = Self {
            strength,
            minimum,
            unit,
            standard: Standardisation { centre: 0.0, scale: 1.0 },
            log_jacobian: 0.0,
        };
        let raw: Vec<f64> = measured.iter().map(|m| warp.bend(warp.lift(m.value))).collect();
        warp.standard = Standardisation::of(&raw);
        let slopes = measured.iter().map(|m| libm::log(1.0 + strength * warp.lift(m.value)));
        warp.log_jacobian = -slopes.sum::<f64>() - measured.len() as f64 * libm::log(warp.standard.scale);
        warp
    }

    /// z of a value, halved while differences could overflow.
    fn lift(&self, value: f64) -> f64 {
        ((0.5 * value - 0.5 * self.minimum) / self.unit).max(-0.5)
    }

    fn bend(&self, z: f64) -> f64 {
        if self.strength == 0.0 { z } else { libm::log1p((self.strength * z).max(-0.9)) / self.strength }
    }

    fn unbend(&self, t: f64) -> f64 {
        if self.strength == 0.0 { t } else { libm::expm1(self.strength * t) / self.strength }
    }

    /// Σ ln |dt/dy| over the outcomes, up to a constant that all strengths share.
    pub(crate) fn log_jacobian(&self) -> f64 {
        self.log_jacobian
    }

    pub(crate) fn apply(&self, value: f64) -> f64 {
        self.standard.apply(self.bend(self.lift(value)))
    }

    /// A warped value in the unit of the objective.
    pub(crate) fn undo(&self, warped: f64) -> f64 {
        2.0 * (0.5 * self.minimum + self.unit * self.unbend(self.standard.undo(warped)))
    }

    /// Standard deviations in the unit of the objective, per warped standard deviation, at a warped value.
    pub(crate) fn stretch(&self, warped: f64) -> f64 {
        let t = self.standard.undo(warped);
        2.0 * self.unit * self.standard.scale * libm::exp(self.strength * t)
    }

    /// Noise variance of a warped value from that of the value.
    fn shrink(&self, value: f64, variance: f64) -> f64 {
        let sd = libm::sqrt(variance) / self.unit * 0.5 / (1.0 + self.strength * self.lift(value).max(0.0));
        let sd = (sd / self.standard.scale).min(1e6);
        sd * sd
    }

    /// Warped observations with the noise of each and the scatter of replications.
    pub(crate) fn observations(&self, measured: &[Measured]) -> Observations {
        let mut observations = Observations {
            values: measured.iter().map(|m| self.apply(m.value)).collect(),
            known_noise: measured.iter().map(|m| self.shrink(m.value, m.known_noise)).collect(),
            noise_shares: measured.iter().map(|m| 1.0 / m.values.len() as f64).collect(),
            within: Within::default(),
        };
        let replicated: Vec<usize> = (0..measured.len())
            .filter(|at| measured[*at].values.len() > 1 && measured[*at].known_noise == 0.0)
            .collect();
        let scatters: Vec<Scatter> = replicated.iter().map(|at| self.scatter(&measured[*at])).collect();
        for ((at, scatter), variance) in replicated.iter().zip(&scatters).zip(relative_variances(&scatters)) {
            observations.noise_shares[*at] *= variance;
            observations.within.freedom += scatter.freedom;
            observations.within.squares += scatter.squares / variance;
            observations.within.log_variances += scatter.freedom * libm::log(variance);
        }
        observations
    }

    fn scatter(&self, point: &Measured) -> Scatter {
        let centre = self.apply(point.value);
        let squares = point.values.iter().map(|y| (self.apply(*y) - centre) * (self.apply(*y) - centre));
        Scatter { freedom: (point.values.len() - 1) as f64, squares: squares.sum() }
    }
}
