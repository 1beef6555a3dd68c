//! What the optimiser needs beyond the process's public face.

use std::ops::Range;

use super::GaussianProcess;
use crate::gp::cholesky::SIDE_BY_SIDE;
use crate::gp::kernel::{Covariance, Inputs, Point};
use crate::gp::sums::{add_scaled, dot};

impl GaussianProcess {
    /// Mean and variance of f at a point; `k` is scratch of at least [`len`](Self::len).
    pub(crate) fn posterior(&self, point: Point<'_>, k: &mut [f64]) -> (f64, f64) {
        let k = &mut k[..self.len()];
        self.covariance.row(point, &self.inputs, k);
        let mean = self.mean + dot(k, &self.alpha);
        self.factor.solve_lower(k);
        (mean, (self.covariance.variance - dot(k, k)).max(0.0))
    }

    /// Mean, variance and their gradients with respect to the numbers of a point.
    pub(crate) fn posterior_gradient(&self, point: Point<'_>, scratch: &mut Scratch) -> (f64, f64) {
        let n = self.len();
        scratch.resize(n, point.0.len());
        let Scratch { k, slopes, weights, mean_gradient, variance_gradient } = scratch;
        self.covariance.row_with_slopes(point, &self.inputs, k, slopes);
        let mean = self.mean + dot(k, &self.alpha);
        self.covariance.add_gradient(point.0, &self.inputs, slopes, &self.alpha, mean_gradient);
        weights.copy_from_slice(k);
        self.factor.solve_lower(weights);
        let variance = self.covariance.variance - dot(weights, weights);
        self.factor.solve_upper(weights);
        weights.iter_mut().for_each(|w| *w *= -2.0);
        self.covariance.add_gradient(point.0, &self.inputs, slopes, weights, variance_gradient);
        (mean, variance.max(0.0))
    }

    /// Under several weightings `alphas` of the observations: what `score` makes of the means and the variance
    /// of a point (its value, and its slopes by each mean and by the variance), and the gradient of that with
    /// respect to the numbers of the point, in the scratch's `mean_gradient`.
    pub(crate) fn score_gradient(
        &self,
        point: Point<'_>,
        alphas: &[Vec<f64>],
        scratch: &mut Scratch,
        score: impl FnOnce(&[f64], f64) -> (f64, Vec<f64>, f64),
    ) -> f64 {
        scratch.resize(self.len(), point.0.len());
        let Scratch { k, slopes, weights, mean_gradient, .. } = scratch;
        self.covariance.row_with_slopes(point, &self.inputs, k, slopes);
        let means: Vec<f64> = alphas.iter().map(|alpha| self.mean + dot(k, alpha)).collect();
        weights.copy_from_slice(k);
        self.factor.solve_lower(weights);
        let variance = (self.covariance.variance - dot(weights, weights)).max(0.0);
        self.factor.solve_upper(weights);
        let (value, by_means, by_variance) = score(&means, variance);
        weights.iter_mut().for_each(|w| *w *= -2.0 * by_variance);
        for (slope, alpha) in by_means.iter().zip(alphas) {
            add_scaled(weights, *slope, alpha);
        }
        self.covariance.add_gradient(point.0, &self.inputs, slopes, weights, mean_gradient);
        value
    }

    /// α = C⁻¹(y − m) with some entries of L⁻¹(y − m), from `first` on, moved.
    pub(crate) fn alpha_moved(&self, first: usize, moves: &[f64]) -> Vec<f64> {
        let mut alpha = self.whitened.clone();
        alpha[first..].iter_mut().zip(moves).for_each(|(entry, by)| *entry += by);
        self.factor.solve_upper(&mut alpha);
        alpha
    }

    /// Mean and its gradient alone: linear in the number of observations.
    pub(crate) fn mean_gradient(&self, point: Point<'_>, scratch: &mut Scratch) -> f64 {
        scratch.resize(self.len(), point.0.len());
        let Scratch { k, slopes, mean_gradient, .. } = scratch;
        self.covariance.row_with_slopes(point, &self.inputs, k, slopes);
        self.covariance.add_gradient(point.0, &self.inputs, slopes, &self.alpha, mean_gradient);
        self.mean + dot(k, &self.alpha)
    }

    pub(crate) fn covariance_function(&self) -> &Covariance {
        &self.covariance
    }

    /// Mean and variance of f at each point, which many at a time take less for than one by one.
    pub(crate) fn posteriors(&self, points: &Inputs) -> Vec<(f64, f64)> {
        let mut posteriors = Vec::with_capacity(points.n);
        for first in (0..points.n).step_by(SIDE_BY_SIDE) {
            let rows = self.whitened(points, first..points.n.min(first + SIDE_BY_SIDE), self.len());
            posteriors.extend(rows.iter().map(|row| (self.mean_from(row), self.variance_from(row))));
        }
        posteriors
    }

    /// Mean and variance of f at each observed point.
    pub(crate) fn posteriors_at_inputs(&self) -> Vec<(f64, f64)> {
        self.posteriors(&self.inputs)
    }

    /// L⁻¹ k(X, p) for each point, with room for what the process may still be given.
    pub(crate) fn whitened_rows(&self, points: &Inputs) -> Vec<Vec<f64>> {
        self.whitened(points, 0..points.n, self.factor.capacity())
    }

    fn whitened(&self, points: &Inputs, which: Range<usize>, capacity: usize) -> Vec<Vec<f64>> {
        let mut slopes = vec![0.0; self.len()];
        let row = |i: usize| {
            let mut k = Vec::with_capacity(capacity);
            k.resize(self.len(), 0.0);
            let point = (points.numbers_of(i), points.levels_of(i));
            self.covariance.row_with_slopes(point, &self.inputs, &mut k, &mut slopes);
            k
        };
        let mut rows: Vec<Vec<f64>> = which.map(row).collect();
        self.factor.solve_lower_each(&mut rows);
        rows
    }

    pub(crate) fn whitened_row(&self, point: Point<'_>) -> Vec<f64> {
        let mut k = vec![0.0; self.len()];
        self.covariance.row(point, &self.inputs, &mut k);
        self.factor.solve_lower(&mut k);
        k
    }

    /// Mean from a whitened row: m + (L⁻¹k)·(L⁻¹r).
    pub(crate) fn mean_from(&self, whitened_row: &[f64]) -> f64 {
        self.mean + dot(whitened_row, &self.whitened)
    }

    /// Variance from a whitened row: k(p, p) − |L⁻¹k|².
    pub(crate) fn variance_from(&self, whitened_row: &[f64]) -> f64 {
        (self.covariance.variance - dot(whitened_row, whitened_row)).max(0.0)
    }

    /// Adds an observation with the learned noise, hyper-parameters kept.
    pub(crate) fn push(&mut self, point: Point<'_>, value: f64, noise: f64) {
        let row = self.whitened_row(point);
        // A point on top of another must not turn the factor into noise.
        let floor = 1e-14 * self.covariance.variance;
        self.factor.push(&row, self.covariance.variance + noise, floor.max(f64::MIN_POSITIVE));
        let n = self.factor.len();
        let pivot = self.factor.row(n - 1)[n - 1];
        self.whitened.push((value - self.mean - dot(&row, &self.whitened)) / pivot);
        self.inputs.push(point.0, point.1);
        self.observations.values.push(value);
        self.observations.known_noise.push(noise);
        self.observations.noise_shares.push(0.0);
        self.alpha = self.whitened.clone();
        self.factor.solve_upper(&mut self.alpha);
    }

    /// The observation that was added last.
    pub(crate) fn last_value(&self) -> f64 {
        self.observations.values[self.len() - 1]
    }

    /// The last row of the factor: what whitening a further observation takes.
    pub(crate) fn last_factor_row(&self) -> &[f64] {
        self.factor.row(self.factor.len() - 1)
    }

    /// Means at the observed points.
    pub(crate) fn means_at_inputs(&self) -> Vec<f64> {
        let y = &self.observations.values;
        (0..self.len())
            .map(|i| y[i] - (self.noise_at_input(i) + self.factor.jitter()) * self.alpha[i])
            .collect()
    }

    /// Noise variance of an observation, a mean's where it is of replications.
    pub(crate) fn noise_at_input(&self, i: usize) -> f64 {
        self.observations.noise_of(i, self.noise_variance)
    }
}

/// Buffers for one posterior with gradient.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch {
    k: Vec<f64>,
    slopes: Vec<f64>,
    weights: Vec<f64>,
    pub(crate) mean_gradient: Vec<f64>,
    pub(crate) variance_gradient: Vec<f64>,
}

impl Scratch {
    fn resize(&mut self, n: usize, dim: usize) {
        for buffer in [&mut self.k, &mut self.slopes, &mut self.weights] {
            buffer.resize(n, 0.0);
        }
        for gradient in [&mut self.mean_gradient, &mut self.variance_gradient] {
            gradient.clear();
            gradient.resize(dim, 0.0);
        }
    }
}
