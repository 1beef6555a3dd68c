//! The log marginal likelihood and its analytic gradient.

use std::f64::consts::PI;

use synth_core::Result;

use super::cholesky::Cholesky;
use super::kernel::Kernel;
use super::observations::Observations;
use super::pairs::Pairs;
use super::sums::{add_scaled, dot, sum};
use super::vectorized::vectorized;

/// Which entry of the flat vector of free hyper-parameters means what. All are logarithms but the
/// additive share, which is a logit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    pub(crate) numbers: usize,
    pub(crate) levels: Vec<usize>,
}

impl Layout {
    pub(crate) fn of(kernel: &Kernel) -> Self {
        Self {
            numbers: kernel.length_scales.len(),
            levels: kernel.category_rates.iter().map(Vec::len).collect(),
        }
    }

    pub(crate) fn is_mixed(&self) -> bool {
        self.numbers > 0 && !self.levels.is_empty()
    }

    pub(crate) fn rates_at(&self) -> usize {
        self.numbers
    }

    pub(crate) fn share_at(&self) -> usize {
        self.numbers + self.levels.iter().sum::<usize>()
    }

    pub(crate) fn variance_at(&self) -> usize {
        self.share_at() + usize::from(self.is_mixed())
    }

    pub(crate) fn noise_at(&self) -> usize {
        self.variance_at() + 1
    }

    pub(crate) fn len(&self) -> usize {
        self.noise_at() + 1
    }

    /// The flat vector of a kernel and a noise variance.
    pub(crate) fn pack(&self, kernel: &Kernel, noise_variance: f64) -> Vec<f64> {
        let logs = kernel.length_scales.iter().chain(kernel.category_rates.iter().flatten());
        let mut theta: Vec<f64> = logs.map(|x| libm::log(x.max(1e-300))).collect();
        if self.is_mixed() {
            let a = kernel.additive_share.clamp(1e-9, 1.0 - 1e-9);
            theta.push(libm::log(a / (1.0 - a)));
        }
        theta.push(libm::log(kernel.variance));
        theta.push(libm::log(noise_variance));
        theta
    }

    /// The kernel and noise variance of a flat vector.
    pub(crate) fn unpack(&self, theta: &[f64], like: &Kernel) -> (Kernel, f64) {
        let mut rates = theta[self.rates_at()..self.share_at()].iter().map(|t| libm::exp(*t));
        let kernel = Kernel {
            family: like.family,
            variance: libm::exp(theta[self.variance_at()]),
            length_scales: theta[..self.numbers].iter().map(|t| libm::exp(*t)).collect(),
            category_rates: self.levels.iter().map(|levels| rates.by_ref().take(*levels).collect()).collect(),
            additive_share: match self.is_mixed() {
                true => 1.0 / (1.0 + libm::exp(-theta[self.share_at()])),
                false => 0.0,
            },
        };
        (kernel, libm::exp(theta[self.noise_at()]))
    }
}

/// Log marginal likelihood at one point, with its gradient and the mean that was used.
#[derive(Clone, Debug)]
pub(crate) struct Likelihood {
    pub(crate) value: f64,
    pub(crate) gradient: Vec<f64>,
}

/// How the constant mean is set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum MeanRule {
    Fixed(f64),
    /// The most probable mean under a normal prior of mean 0 and this variance.
    Profiled(f64),
}

/// ```text
/// ln p(y) = −½ rᵀ C⁻¹ r − ½ ln det C − n/2 ln 2π,   r = y − m,  C = K + diag(noise)
/// ∂/∂θ    = ½ Σ_ij (α_i α_j − C⁻¹_ij) ∂C_ij/∂θ,     α = C⁻¹ r
/// ```
/// (Rasmussen & Williams 2006, eq. 5.8 and 5.9.) Replications add the likelihood of their scatter
/// within a point: `−½ Σ_i (d_i ln(r_i σ²) + S_i/(r_i σ²))` up to a constant.
pub(crate) fn likelihood(
    pairs: &Pairs,
    observations: &Observations,
    kernel: &Kernel,
    noise_variance: f64,
    mean: MeanRule,
) -> Result<Likelihood> {
    let n = pairs.n;
    let layout = Layout::of(kernel);
    let parts = Parts::new(pairs, kernel);
    let factor = Cholesky::new(&parts.matrix(pairs, observations, noise_variance), n, 0)?;
    let (mean, prior) = mean_of(&factor, &observations.values, mean);
    let residual: Vec<f64> = observations.values.iter().map(|y| y - mean).collect();
    let mut alpha = residual.clone();
    factor.solve(&mut alpha);
    let fit: f64 = residual.iter().zip(&alpha).map(|(r, a)| r * a).sum();
    let scatter = observations.scatter(noise_variance);
    let value = -0.5 * fit - factor.half_log_det() - 0.5 * n as f64 * libm::log(2.0 * PI) + prior + scatter.0;

    let inverse = factor.inverse();
    let mut gradient = vec![0.0; layout.len()];
    let weights = pairs.weights(&alpha, &inverse);
    parts.add_slopes(pairs, &layout, kernel, &weights, &mut gradient);
    if !layout.levels.is_empty() {
        parts.add_category_slopes(pairs, &layout, kernel, &weights, &mut gradient);
    }
    let diagonal = |i: usize| alpha[i] * alpha[i] - inverse.row(i)[i];
    gradient[layout.variance_at()] += 0.5 * kernel.variance * (0..n).map(diagonal).sum::<f64>();
    let noise: f64 = (0..n).map(|i| diagonal(i) * observations.noise_shares[i]).sum();
    gradient[layout.noise_at()] += 0.5 * noise_variance * noise + scatter.1;
    Ok(Likelihood { value, gradient })
}

/// The mean to subtract, and the log of its prior density (up to a constant).
pub(crate) fn mean_of(factor: &Cholesky, y: &[f64], rule: MeanRule) -> (f64, f64) {
    match rule {
        MeanRule::Fixed(mean) => (mean, 0.0),
        MeanRule::Profiled(variance) => {
            let mut weights = vec![1.0; y.len()];
            factor.solve(&mut weights);
            let top: f64 = weights.iter().zip(y).map(|(w, y)| w * y).sum();
            let mean = top / (weights.iter().sum::<f64>() + 1.0 / variance);
            (mean, -0.5 * mean * mean / variance)
        }
    }
}

/// The kernel's factors for every pair.
struct Parts {
    numeric: Vec<f64>,
    slope: Vec<f64>,
    categorical: Vec<f64>,
    covariance: Vec<f64>,
    product: f64,
    summand: f64,
    variance: f64,
}

impl Parts {
    fn new(pairs: &Pairs, kernel: &Kernel) -> Self {
        let zeros = || vec![0.0; pairs.len()];
        let (mut numeric, mut slope, mut covariance) = (zeros(), zeros(), zeros());
        let categorical = pairs.categorical(kernel);
        let (product, summand) = kernel.weights();
        vectorized(
            #[inline(always)]
            || {
                for (squares, length) in pairs.squares.iter().zip(&kernel.length_scales) {
                    add_scaled(&mut numeric, 1.0 / (length * length), squares);
                }
            },
        );
        kernel.family.correlate(&mut numeric, &mut slope);
        vectorized(
            #[inline(always)]
            || {
                for ((k, n), c) in covariance.iter_mut().zip(&numeric).zip(&categorical) {
                    *k = product * n * c + summand * (n + c);
                }
            },
        );
        Self { numeric, slope, categorical, covariance, product, summand, variance: kernel.variance }
    }

    fn matrix(&self, pairs: &Pairs, observations: &Observations, noise_variance: f64) -> Vec<f64> {
        let mut matrix = vec![0.0; pairs.n * pairs.n];
        for ((i, row), pairs) in matrix.chunks_exact_mut(pairs.n.max(1)).enumerate().zip(&pairs.rows) {
            row[..i].copy_from_slice(&self.covariance[pairs.start..pairs.start + i]);
            row[i] = self.variance + observations.noise_of(i, noise_variance);
        }
        matrix
    }

    /// Adds to the gradient what the covariances of pairs change with length scales and variance.
    fn add_slopes(
        &self,
        pairs: &Pairs,
        layout: &Layout,
        kernel: &Kernel,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        let mut by_distance = vec![0.0; pairs.len()];
        let (product, summand) = (self.product, self.summand);
        vectorized(
            #[inline(always)]
            || {
                let factors = self.slope.iter().zip(&self.categorical);
                for ((d, w), (slope, c)) in by_distance.iter_mut().zip(weights).zip(factors) {
                    *d = -2.0 * w * slope * (product * c + summand);
                }
                for (j, (squares, length)) in pairs.squares.iter().zip(&kernel.length_scales).enumerate() {
                    gradient[j] += dot(squares, &by_distance) / (length * length);
                }
                gradient[layout.variance_at()] += dot(weights, &self.covariance);
            },
        );
    }

    /// Adds to the gradient what the covariances of pairs change with the rates and the additive share.
    fn add_category_slopes(
        &self,
        pairs: &Pairs,
        layout: &Layout,
        kernel: &Kernel,
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        let (mut by_exponent, mut by_share) = (vec![0.0; pairs.len()], vec![0.0; pairs.len()]);
        let (mut share, product, summand) = (0.0, self.product, self.summand);
        vectorized(
            #[inline(always)]
            || {
                let factors = self.numeric.iter().zip(&self.categorical);
                let targets = by_exponent.iter_mut().zip(&mut by_share);
                for (((e, s), w), (n, c)) in targets.zip(weights).zip(factors) {
                    *e = -w * c * (product * n + summand);
                    *s = w * (0.5 * (n + c) - n * c);
                }
                share = sum(&by_share);
            },
        );
        let mut at = layout.rates_at();
        for (levels, rates) in pairs.levels.iter().zip(&kernel.category_rates) {
            for (sum, level) in pairs.sums_where_levels_differ(levels, &by_exponent).iter().zip(levels) {
                gradient[at + level] += rates[*level] * sum;
            }
            at += rates.len();
        }
        if layout.is_mixed() {
            let a = kernel.additive_share;
            gradient[layout.share_at()] += share * self.variance * a * (1.0 - a);
        }
    }
}
