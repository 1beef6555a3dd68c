//! Outcomes made fit for a Gaussian process: a long tail pulled in, then standardised.

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
/// learns there stays as smooth as the objective). For a > 0 it grows like a logarithm far above it, so that
/// values orders of magnitude apart fit into one stationary process. For a < 0 it steepens towards the
/// highest value: of a plain with wells it widens the wells, and a slope that levels off becomes straight.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Warp {
    strength: f64,
    minimum: f64,
    unit: f64,
    standard: Standardisation,
    log_jacobian: f64,
}

/// Strengths a where high values have the longer tail, tried in this order for as long as the likelihood grows.
const OF_HIGH_TAIL: [f64; 4] = [0.0, 1.0, 10.0, 100.0];
/// a times the z of the highest value, where low values have the longer tail.
const OF_LOW_TAIL: [f64; 2] = [0.0, -0.9];

/// The strengths to try: those that pull in the longer tail, as the skewness of the values has it.
pub(crate) fn strengths(measured: &[Measured]) -> &'static [f64] {
    let straight = Warp::new(measured, 0.0);
    let cube = |t: f64| t * t * t;
    let skewness: f64 = measured.iter().map(|m| cube(straight.apply(m.value))).sum();
    if skewness < 0.0 { &OF_LOW_TAIL } else { &OF_HIGH_TAIL }
}

impl Warp {
    /// The warp of a strength; one below 0 is a times the z of the highest value.
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
        if strength < 0.0 {
            let all = measured.iter().flat_map(|m| &m.values);
            warp.strength /= all.map(|value| warp.lift(*value)).fold(1.0, f64::max);
        }
        let raw: Vec<f64> = measured.iter().map(|m| warp.bend(warp.lift(m.value))).collect();
        warp.standard = Standardisation::of(&raw);
        let slopes = measured.iter().map(|m| libm::log(1.0 + warp.strength * warp.lift(m.value)));
        warp.log_jacobian = -slopes.sum::<f64>() - measured.len() as f64 * libm::log(warp.standard.scale);
        warp
    }

    /// Whether it steepens towards the highest value.
    pub(crate) fn widens_wells(&self) -> bool {
        self.strength < 0.0
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

#[cfg(test)]
mod tests {
    use synth_core::{Domain, Parameter, ParameterSet, ParameterSpace, Trial};

    use super::*;
    use crate::bayes::ModelSpace;
    use crate::bayes::outcome::Outcomes;

    fn measured(values: &[f64]) -> Vec<Measured> {
        let space = ParameterSpace::new(vec![Parameter::new("x", Domain::float(0.0, 1.0))]).expect("valid");
        let trials: Vec<Trial> = (values.iter().enumerate())
            .map(|(i, value)| {
                Trial::ok(ParameterSet::new().with("x", i as f64 / values.len() as f64), *value)
            })
            .collect();
        Outcomes::of(&trials, &ModelSpace::new(&space)).expect("fits").measured
    }

    /// Lengths r from 0 to 30.
    fn slope(value: impl Fn(f64) -> f64) -> Vec<f64> {
        (0..31).map(|r| value(f64::from(r))).collect()
    }

    #[test]
    fn every_strength_can_be_undone_and_knows_its_slopes() {
        let values = slope(|r| 3.0 + 20.0 * (1.0 - libm::exp(-r / 10.0)));
        let measured = measured(&values);
        let straight = Warp::new(&measured, 0.0);
        for strength in OF_LOW_TAIL.into_iter().chain(OF_HIGH_TAIL) {
            let warp = Warp::new(&measured, strength);
            let mut log_slopes = 0.0;
            for &value in &values {
                assert!((warp.undo(warp.apply(value)) - value).abs() < 1e-10, "{strength}: {value}");
                // Up to the value: none is above the highest.
                let step = 1e-6;
                let middle = value - step;
                let slope = (warp.apply(value) - warp.apply(value - 2.0 * step)) / (2.0 * step);
                assert!((slope * warp.stretch(warp.apply(middle)) - 1.0).abs() < 1e-5, "{strength}: {slope}");
                log_slopes += libm::log(slope * straight.stretch(0.0));
            }
            let own = warp.log_jacobian() - straight.log_jacobian();
            assert!((log_slopes - own).abs() < 1e-3, "{strength}: {log_slopes} and {own}");
        }
    }

    /// How far values are from a straight line in r, as a share of their range.
    fn bend_of(values: &[f64]) -> f64 {
        let (first, last) = (values[0], values[30]);
        let off = |r: usize| (values[r] - first - (last - first) * r as f64 / 30.0).abs();
        (0..31).map(off).fold(0.0, f64::max) / (last - first)
    }

    #[test]
    fn the_longer_tail_is_pulled_in_and_makes_slopes_straighter() {
        for (values, tail) in [
            (slope(|r| libm::exp(r / 5.0)), OF_HIGH_TAIL.as_slice()),
            (slope(|r| 1.0 - libm::exp(-r / 10.0)), OF_LOW_TAIL.as_slice()),
        ] {
            let measured = measured(&values);
            assert_eq!(strengths(&measured), tail);
            let bends = tail.iter().map(|strength| {
                let warp = Warp::new(&measured, *strength);
                bend_of(&values.iter().map(|value| warp.apply(*value)).collect::<Vec<_>>())
            });
            let bends: Vec<f64> = bends.collect();
            assert!(bends[1..].iter().any(|bend| *bend < 0.35 * bends[0]), "{bends:?}");
        }
    }
}
