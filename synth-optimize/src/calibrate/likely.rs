//! Which single parameter sets may have given the real samples: proposals of the `point` mode.
//!
//! A divergence is one number of a trial; its embeddings say more. As the emulator has it, the summaries of a
//! sample are s | θ ~ N(m(θ), Σ), so that of n real samples of one set
//! ```text
//! s̄ | θ ~ N(m(θ), v(θ) Σ),   v(θ) = (1 − ρ)/n + ρ + b(θ)ᵀ A⁻¹ b(θ)
//! ```
//! ρ being the share of Σ that samples of a set have in common (what the polynomial misses), b the basis and A
//! its information. With a uniform prior that is a posterior of θ (a composite surrogate: the model is of what
//! the simulator gives, not of the divergence; Astudillo & Frazier 2019, "Bayesian optimization of composite
//! functions", ICML), from which sets are drawn (Thompson sampling). It is sampled by importance, from a member
//! of the family fitted to the points before (population Monte Carlo; Cappé, Guillin, Marin & Robert 2004), flattened
//! while few points have all the weight. Samples of one group count as fewer than n.

use nalgebra::{DMatrix, RowDVector};
use synth_core::{Result, Seed};

use super::axes::{Axes, Points};
use super::batch::{Chosen, design_inverse, take};
use super::data::Real;
use super::emulator::Emulator;
use super::family::{Member, grid_over, ln_density, softmax, uniform_grid};
use super::fit::{Fit, Frame, sample_weights};
use super::record::TrialOrigin;
use crate::distinct::Seen;
use crate::{Encoding, SobolSequence};

/// Points of each round.
const POINTS: u64 = 2048;
/// Rounds after the first.
const ROUNDS: usize = 4;
/// Least standard deviation of a member that points are drawn from, as a fraction of a parameter's range.
const LEAST_SIGMA: f64 = 0.01;
/// Share of every choice's level in it.
const LEAST_SHARE: f64 = 0.02;
/// Points that weights are worth at least (the effective sample size; Kong 1992).
const EFFECTIVE: f64 = 64.0;
/// ρ where no set has replications to tell it.
const UNKNOWN_SHARED: f64 = 0.5;

/// Up to `count` sets that may have given the real samples: the likeliest, then draws. None where the
/// embedding reveals nothing of any parameter.
pub(crate) fn likely(
    frame: &Frame<'_>,
    fit: &Fit,
    real: &Real,
    encoding: &Encoding,
    seen: &mut Seen,
    count: usize,
    seed: Seed,
) -> Result<Vec<Chosen>> {
    let Some(emulator) = fit.surrogate.emulator.as_ref().filter(|_| count > 0) else { return Ok(Vec::new()) };
    let posterior = Posterior::new(fit, emulator, real);
    let sequence = |round: usize| {
        SobolSequence::new(frame.sequence_width(), seed.derive(&format!("likely points {round}")))
    };
    let mut grid = uniform_grid(frame.axes, &sequence(0), POINTS);
    let mut ln = posterior.ln(frame.axes, &grid.points);
    for round in 1..=ROUNDS {
        let member = concentrated(frame, &grid.points, &weights(&ln, &grid.ln_density));
        grid = grid_over(frame.axes, &[member], &sequence(round), POINTS);
        ln = posterior.ln(frame.axes, &grid.points);
    }
    let weights = weights(&ln, &grid.ln_density);
    let likeliest = (0..ln.len()).max_by(|&a, &b| ln[a].total_cmp(&ln[b])).unwrap_or(0);
    let seed = seed.derive("likely");
    let draws = (0..8 * count as u64).map(|at| drawn(&weights, seed.stream(at).unit()));
    let mut chosen = Vec::with_capacity(count);
    let order = std::iter::once(likeliest).chain(draws);
    take(frame, encoding, seen, &grid.points, order, count, TrialOrigin::Likely, &mut chosen)?;
    Ok(chosen)
}

struct Posterior<'a> {
    emulator: &'a Emulator,
    /// Mean summaries of the real samples.
    mean: RowDVector<f64>,
    /// (1 − ρ)/n + ρ.
    spread: f64,
    /// A⁻¹.
    inverse: DMatrix<f64>,
}

impl<'a> Posterior<'a> {
    fn new(fit: &Fit, emulator: &'a Emulator, real: &Real) -> Self {
        let summaries = fit.surrogate.summaries.of(&real.rows);
        let samples: f64 = fit.weights.iter().sum();
        let mut mean = RowDVector::zeros(summaries.ncols());
        summaries.row_iter().zip(&fit.weights).for_each(|(row, weight)| mean += row * (weight / samples));
        let shared = emulator.shared.unwrap_or(UNKNOWN_SHARED);
        let mut basis = fit.surrogate.basis.clone();
        for (mut row, weight) in basis.row_iter_mut().zip(sample_weights(&fit.surrogate.groups, shared)) {
            row *= weight.sqrt();
        }
        Self { emulator, mean, spread: (1.0 - shared) / samples + shared, inverse: design_inverse(&basis) }
    }

    /// ln p(θ | real) up to a constant.
    fn ln(&self, axes: &Axes, points: &Points) -> Vec<f64> {
        let basis = axes.basis(points);
        let leverage = (&basis * &self.inverse).component_mul(&basis).column_sum();
        let spreads: Vec<f64> = leverage.iter().map(|h| self.spread + h).collect();
        let likelihood = self.emulator.ln_density_of_mean(&self.mean, &basis, &spreads);
        likelihood.iter().zip(ln_density(axes, None, points)).map(|(l, prior)| l + prior).collect()
    }
}

/// Importance weights, summing to 1, of points of these ln p placed with these ln densities: of p^τ with the
/// greatest τ ≤ 1 at which the weights are worth [`EFFECTIVE`] points, so that no few points decide.
fn weights(ln: &[f64], ln_density: &[f64]) -> Vec<f64> {
    let tempered = |tau: f64| {
        let powers: Vec<f64> = ln.iter().zip(ln_density).map(|(l, d)| tau * l - d).collect();
        softmax(&powers)
    };
    let effective = |weights: &[f64]| 1.0 / weights.iter().map(|w| w * w).sum::<f64>();
    let whole = tempered(1.0);
    if effective(&whole) >= EFFECTIVE {
        return whole;
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..20 {
        let middle = 0.5 * (low + high);
        if effective(&tempered(middle)) >= EFFECTIVE { low = middle } else { high = middle }
    }
    tempered(low)
}

/// The member with the weighted points' moments and shares.
fn concentrated(frame: &Frame<'_>, points: &Points, weights: &[f64]) -> Member {
    let axes = frame.axes;
    let mut member = Member::typical(axes, &frame.hyper);
    for j in 0..axes.numbers() {
        let over = |f: &dyn Fn(f64) -> f64| -> f64 {
            (0..points.len)
                .filter(|&at| points.exists_row(at, axes)[j])
                .map(|at| weights[at] * f(points.row(at, axes)[j]))
                .sum()
        };
        let total = over(&|_| 1.0);
        if total > 0.0 {
            let mean = over(&|u| u) / total;
            let sigma = (over(&|u| (u - mean).powi(2)) / total).sqrt();
            (member.mean[j], member.ln_sigma[j]) = (mean, sigma.max(LEAST_SIGMA).ln());
        }
    }
    for (column, logits) in member.logits.iter_mut().enumerate() {
        for (level, logit) in logits.iter_mut().enumerate() {
            let is_there = |at: &usize| points.levels_of(*at, axes)[column] == level;
            let share: f64 = (0..points.len).filter(is_there).map(|at| weights[at]).sum();
            *logit = share.max(LEAST_SHARE).ln();
        }
    }
    member
}

/// The index at which the summed weights pass `unit`.
fn drawn(weights: &[f64], unit: f64) -> usize {
    let mut left = unit;
    let passes = |weight: &f64| {
        left -= weight;
        left < 0.0
    };
    weights.iter().position(passes).unwrap_or(weights.len() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// ln p of a normal of 0.1 about 0.5 on even points: all of it, as 64 points are worth more; of a normal of
    /// 1e-4 a flattened one that still has its peak there.
    #[test]
    fn weights_are_the_posterior_unless_few_points_would_decide() {
        let points: Vec<f64> = (0..1000).map(|i| f64::from(i) / 1000.0).collect();
        let ln = |sigma: f64| points.iter().map(|u| -0.5 * ((u - 0.5) / sigma).powi(2)).collect::<Vec<_>>();
        let even = vec![0.0; 1000];
        let moments = |weights: &[f64]| {
            let mean: f64 = points.iter().zip(weights).map(|(u, w)| u * w).sum();
            let square: f64 = points.iter().zip(weights).map(|(u, w)| (u - mean).powi(2) * w).sum();
            (mean, square.sqrt())
        };
        let (mean, std) = moments(&weights(&ln(0.1), &even));
        assert!((mean - 0.5).abs() < 1e-6 && (std - 0.1).abs() < 1e-4, "{mean} ± {std}");
        let (mean, std) = moments(&weights(&ln(1e-4), &even));
        // A normal's weights on a grid of step h are worth 2√π σ/h points.
        let expected = EFFECTIVE * 1e-3 / (2.0 * std::f64::consts::PI.sqrt());
        assert!((mean - 0.5).abs() < 1e-6 && (std / expected - 1.0).abs() < 1e-2, "{mean} ± {std}");
    }
}
