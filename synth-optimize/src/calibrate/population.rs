//! The population behind the real samples: maximum a posteriori fit of the family.
//!
//! With p(sᵢ | θ) from the emulator, θₘ a quasi-random grid of density q, and φ a member of the family,
//! ```text
//! J(φ) = Σᵢ wᵢ ln Σₘ Wₘ(φ) p(sᵢ | θₘ) + λ ln h(φ),   Wₘ ∝ φ(θₘ) / q(θₘ),  Σ Wₘ = 1
//! ```
//! h being the hyperprior and wᵢ ≤ 1 the weight of a sample within its group.

use nalgebra::DMatrix;

use super::axes::{Axes, Points};
use super::family::{Grid, Hyperprior, Member, inside};
use crate::minimize::{Budget, minimize_in_box};

/// What the real samples say about a grid of parameter sets.
#[derive(Clone, Debug)]
pub(crate) struct Likelihood {
    /// p(sᵢ | θₘ) up to a factor per sample, `[samples][points]`.
    pub(crate) rows: Vec<Vec<f64>>,
    pub(crate) grid: Grid,
}

impl Likelihood {
    /// From ln p, `[samples, points]`.
    pub(crate) fn new(ln_likelihood: &[Vec<f64>], grid: Grid) -> Self {
        let scaled = |row: &Vec<f64>| {
            let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            row.iter().map(|l| (l - most).exp()).collect()
        };
        Self { rows: ln_likelihood.iter().map(scaled).collect(), grid }
    }
}

/// A population fit: which samples, with which weights, pulled how strongly.
#[derive(Debug)]
pub(crate) struct Population<'a> {
    pub(crate) axes: &'a Axes,
    pub(crate) likelihood: &'a Likelihood,
    /// Samples that take part, with their weights.
    pub(crate) samples: Vec<(usize, f64)>,
    pub(crate) hyper: Hyperprior,
    /// Strength λ of the hyperprior.
    pub(crate) strength: f64,
}

const FIT: Budget = Budget { iterations: 100, gradient: 1e-3, gain: 1e-5 };

impl Population<'_> {
    /// The member that maximises J, from `start`.
    pub(crate) fn fit(&self, start: &Member) -> Member {
        let (low, high) = Member::bounds(self.axes);
        let mut scratch = Scratch::default();
        let minimum = minimize_in_box(&start.to_vector(self.axes), &low, &high, FIT, &mut |x, gradient| {
            self.objective(x, gradient, &mut scratch)
        });
        Member::from_vector(&minimum.x, self.axes, &self.hyper)
    }

    /// −J and its gradient.
    fn objective(&self, x: &[f64], gradient: &mut [f64], scratch: &mut Scratch) -> f64 {
        let member = Member::from_vector(x, self.axes, &self.hyper);
        scratch.weights(self.axes, &member, &self.likelihood.grid);
        let mut value = 0.0;
        let total: f64 = self.samples.iter().map(|(_, weight)| weight).sum();
        scratch.response.clear();
        scratch.response.extend(scratch.weight.iter().map(|w| -total * w));
        for &(sample, weight) in &self.samples {
            let row = &self.likelihood.rows[sample];
            let density = dot(row, &scratch.weight).max(1e-300);
            value += weight * density.ln();
            let scale = weight / density;
            for ((r, l), w) in scratch.response.iter_mut().zip(row).zip(&scratch.weight) {
                *r += scale * l * w;
            }
        }
        chain(self.axes, &self.likelihood.grid.points, &member, &scratch.response, gradient);
        value += ln_hyperprior(self.axes, &self.hyper, self.strength, &member, gradient);
        gradient.iter_mut().for_each(|g| *g = -*g);
        -value
    }

    /// ln Σₘ Wₘ p(sᵢ | θₘ) of each asked sample: how well the member explains it.
    pub(crate) fn ln_evidence(&self, member: &Member, samples: &[usize]) -> Vec<f64> {
        let mut scratch = Scratch::default();
        scratch.weights(self.axes, member, &self.likelihood.grid);
        let evidence = |&i: &usize| dot(&self.likelihood.rows[i], &scratch.weight).max(1e-300).ln();
        samples.iter().map(evidence).collect()
    }

    /// Importance weights of the grid under a member, summing to 1.
    pub(crate) fn grid_weights(&self, member: &Member) -> Vec<f64> {
        let mut scratch = Scratch::default();
        scratch.weights(self.axes, member, &self.likelihood.grid);
        scratch.weight
    }

    /// Second derivatives of −J at a member, by central differences of the gradient.
    pub(crate) fn curvature(&self, member: &Member) -> DMatrix<f64> {
        const STEP: f64 = 1e-4;
        let centre = member.to_vector(self.axes);
        let n = centre.len();
        let mut scratch = Scratch::default();
        let mut curvature = DMatrix::zeros(n, n);
        let (mut above, mut below) = (vec![0.0; n], vec![0.0; n]);
        for i in 0..n {
            let mut x = centre.clone();
            x[i] = centre[i] + STEP;
            self.objective(&x, &mut above, &mut scratch);
            x[i] = centre[i] - STEP;
            self.objective(&x, &mut below, &mut scratch);
            for j in 0..n {
                curvature[(i, j)] = (above[j] - below[j]) / (2.0 * STEP);
            }
        }
        (&curvature + curvature.transpose()) * 0.5
    }
}

/// Adds to the gradient over a member's free numbers, in the order of [`Member::to_vector`], what an
/// objective of the grid's weights gives, from its `response` ∂/∂ ln Wₘ.
pub(crate) fn chain(axes: &Axes, points: &Points, member: &Member, response: &[f64], gradient: &mut [f64]) {
    let numbers = axes.numbers();
    let fitted: Vec<usize> = (0..numbers).filter(|&j| axes.fitted()[j]).collect();
    let inverse: Vec<f64> = member.ln_sigma.iter().map(|s| (-s).exp()).collect();
    let moments: Vec<(f64, f64, f64)> =
        (0..numbers).map(|j| inside(member.mean[j], 1.0 / inverse[j])).collect();
    gradient.fill(0.0);
    let logits_from = 2 * fitted.len();
    let offsets: Vec<usize> = axes
        .levels()
        .iter()
        .scan(logits_from, |at, count| {
            let own = *at;
            *at += count;
            Some(own)
        })
        .collect();
    let mut present = vec![0.0; axes.levels().len()];
    for (at, &response) in response.iter().enumerate() {
        if response == 0.0 {
            continue;
        }
        let (row, exists) = (points.row(at, axes), points.exists_row(at, axes));
        for (k, &j) in fitted.iter().enumerate() {
            if exists[j] {
                let z = (row[j] - member.mean[j]) * inverse[j];
                gradient[2 * k] += response * (z - moments[j].1) * inverse[j];
                gradient[2 * k + 1] += response * (z * z - moments[j].2);
            }
        }
        for (column, &level) in points.levels_of(at, axes).iter().enumerate() {
            if level != usize::MAX {
                gradient[offsets[column] + level] += response;
                present[column] += response;
            }
        }
    }
    for (column, &offset) in offsets.iter().enumerate() {
        for (level, p) in member.probabilities(column).iter().enumerate() {
            gradient[offset + level] -= present[column] * p;
        }
    }
}

/// λ ln h(φ) of strength λ, its gradient added.
pub(crate) fn ln_hyperprior(
    axes: &Axes,
    hyper: &Hyperprior,
    strength: f64,
    member: &Member,
    gradient: &mut [f64],
) -> f64 {
    let (mut value, mut at) = (0.0, 0);
    let mut add = |x: f64, centre: f64, std: f64| {
        let z = (x - centre) / std;
        value -= 0.5 * strength * z * z;
        gradient[at] -= strength * z / std;
        at += 1;
    };
    for j in (0..axes.numbers()).filter(|&j| axes.fitted()[j]) {
        add(member.mean[j], 0.5, hyper.mean_std);
        add(member.ln_sigma[j], hyper.ln_sigma, hyper.ln_sigma_std);
    }
    for logit in member.logits.iter().flatten() {
        add(*logit, 0.0, hyper.logit_std);
    }
    value
}

#[derive(Debug, Default)]
pub(crate) struct Scratch {
    pub(crate) weight: Vec<f64>,
    pub(crate) response: Vec<f64>,
}

impl Scratch {
    /// Wₘ: importance weights of the grid under a member.
    pub(crate) fn weights(&mut self, axes: &Axes, member: &Member, grid: &Grid) {
        self.weight.clear();
        let density = super::family::ln_density(axes, Some(member), &grid.points);
        self.weight.extend(density.iter().zip(&grid.ln_density).map(|(p, q)| p - q));
        let most = self.weight.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        self.weight.iter_mut().for_each(|w| *w = (*w - most).exp());
        let total: f64 = self.weight.iter().sum();
        self.weight.iter_mut().for_each(|w| *w /= total);
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    let (mut sums, n) = ([0.0; 4], a.len() / 4 * 4);
    for (x, y) in a[..n].chunks_exact(4).zip(b[..n].chunks_exact(4)) {
        for k in 0..4 {
            sums[k] += x[k] * y[k];
        }
    }
    let rest: f64 = a[n..].iter().zip(&b[n..]).map(|(x, y)| x * y).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SobolSequence;
    use crate::calibrate::family::uniform_grid;
    use synth_core::{Domain, Parameter, ParameterSpace, Seed};

    fn space() -> ParameterSpace {
        ParameterSpace::new(vec![
            Parameter::new("shape", Domain::choice(["a", "b", "c"])),
            Parameter::new("x", Domain::float(0.0, 1.0)),
            Parameter::new("y", Domain::float(0.0, 1.0)).when("shape", ["a", "b"]),
        ])
        .expect("valid")
    }

    fn likelihood(axes: &Axes) -> Likelihood {
        let grid = uniform_grid(axes, &SobolSequence::new(3, Seed::from_u64(1)), 2048);
        let row = |i: usize| -> Vec<f64> {
            let centre = 0.3 + 0.02 * i as f64;
            (0..grid.points.len)
                .map(|m| {
                    let level = if grid.points.levels_of(m, axes)[0] == i % 3 { 0.0 } else { -2.0 };
                    level - 0.5 * ((grid.points.row(m, axes)[0] - centre) / 0.05).powi(2)
                })
                .collect()
        };
        let rows: Vec<Vec<f64>> = (0..12).map(row).collect();
        Likelihood::new(&rows, grid)
    }

    #[test]
    fn the_gradient_equals_central_differences() {
        let axes = Axes::new(&space());
        let likelihood = likelihood(&axes);
        let population = Population {
            axes: &axes,
            likelihood: &likelihood,
            samples: (0..12).map(|i| (i, if i < 6 { 1.0 } else { 0.5 })).collect(),
            hyper: Hyperprior::default(),
            strength: 0.7,
        };
        let x = vec![0.42, -1.2, 0.6, -0.9, 0.3, -0.2, 0.1];
        let mut scratch = Scratch::default();
        let mut gradient = vec![0.0; 7];
        population.objective(&x, &mut gradient, &mut scratch);
        for i in 0..7 {
            let mut shifted = x.clone();
            let mut other = vec![0.0; 7];
            shifted[i] += 1e-5;
            let above = population.objective(&shifted, &mut other, &mut scratch);
            shifted[i] -= 2e-5;
            let below = population.objective(&shifted, &mut other, &mut scratch);
            let difference = (above - below) / 2e-5;
            assert!((gradient[i] - difference).abs() < 1e-5 * (1.0 + difference.abs()), "{i}");
        }
    }

    /// Twelve samples that reveal x to within 0.05, at 0.30, 0.32, …, 0.52: mean 0.41.
    #[test]
    fn finds_the_mean_of_what_the_samples_reveal() {
        let axes = Axes::new(&space());
        let likelihood = likelihood(&axes);
        let hyper = Hyperprior::default();
        let population = Population {
            axes: &axes,
            likelihood: &likelihood,
            samples: (0..12).map(|i| (i, 1.0)).collect(),
            hyper,
            strength: 0.01,
        };
        let member = population.fit(&Member::typical(&axes, &hyper));
        assert!((member.mean[0] - 0.41).abs() < 0.01, "{}", member.mean[0]);
        assert!(member.probabilities(0).iter().all(|p| (p - 1.0 / 3.0).abs() < 0.05));
    }
}
