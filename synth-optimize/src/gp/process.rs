mod posterior;

pub(crate) use posterior::Scratch;

use ndarray::{Array1, Array2, ArrayView2};
use synth_core::{Error, Result, Seed};

use super::cholesky::Cholesky;
use super::fit::{self, MEAN_VARIANCE, Noise};
use super::kernel::{Column, Covariance, Inputs, Kernel, KernelFamily};
use super::likelihood::{MeanRule, likelihood, mean_of};
use super::observations::Observations;
use super::pairs::Pairs;
use super::standardisation::Standardisation;
use super::sums::dot;

/// Marginal means and variances of the latent function.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Means, `[m]`, in the unit of the observations.
    pub mean: Array1<f64>,
    /// Variances without observation noise, `[m]`, ≥ 0.
    pub variance: Array1<f64>,
}

/// Leave-one-out predictions of the observations (noise included).
#[derive(Clone, Debug, PartialEq)]
pub struct LeaveOneOut {
    /// Predictive means, `[n]`.
    pub mean: Array1<f64>,
    /// Predictive variances, `[n]`.
    pub variance: Array1<f64>,
    /// Mean log density of the observations under their own predictions, in nats.
    pub log_density: f64,
}

/// A Gaussian process conditioned on observations.
///
/// ```text
/// f ~ GP(m, k),   y_i = f(x_i) + e_i,   e_i ~ N(0, known_i + σ²)
/// mean(x)   = m + k(x, X) C⁻¹ (y − m),   C = k(X, X) + diag(known + σ²)
/// cov(x, z) = k(x, z) − k(x, X) C⁻¹ k(X, z)
/// ```
///
/// Exact inference, cubic in the number of observations; should the matrix be singular in floating
/// point, the least jitter that helps is added to its diagonal ([`jitter`](Self::jitter)).
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_optimize::{Column, GaussianProcess, Noise};
/// let x = array![[0.0_f64], [0.25], [0.5], [0.75], [1.0]];
/// let y = x.column(0).map(|x| (3.0 * x).sin());
/// let process = GaussianProcess::fit(&[Column::Number], x.view(), &y.to_vec(), None, Noise::None)?;
/// let prediction = process.predict(array![[0.6]].view())?;
/// assert!((prediction.mean[0] - 1.8_f64.sin()).abs() < 0.01);
/// assert!(process.predict(array![[0.6, 0.1]].view()).is_err(), "one column was fitted");
/// # Ok::<(), synth_core::Error>(())
/// ```
///
/// # References
/// Rasmussen & Williams 2006, "Gaussian processes for machine learning", algorithm 2.1.
#[derive(Clone, Debug)]
pub struct GaussianProcess {
    columns: Vec<Column>,
    kernel: Kernel,
    covariance: Covariance,
    noise_variance: f64,
    mean: f64,
    inputs: Inputs,
    observations: Observations,
    factor: Cholesky,
    whitened: Vec<f64>,
    alpha: Vec<f64>,
}

impl GaussianProcess {
    /// Conditions a process with given hyper-parameters on observations.
    ///
    /// # Shapes
    /// - `x`: `[n, columns]`; categories as level indices
    /// - `y`: `[n]`; `known_noise`: `[n]` variances that are added to `noise_variance`
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::InvalidParam`], [`Error::NonFinite`] where the parts do not fit or
    /// are not finite; [`Error::TooFewSamples`] without an observation.
    pub fn condition(
        columns: &[Column],
        kernel: Kernel,
        noise_variance: f64,
        mean: f64,
        x: ArrayView2<'_, f64>,
        y: &[f64],
        known_noise: Option<&[f64]>,
    ) -> Result<Self> {
        kernel.check(columns)?;
        if !(noise_variance.is_finite() && noise_variance >= 0.0 && mean.is_finite()) {
            let got = format!("noise variance {noise_variance}, mean {mean}");
            return Err(Error::invalid("noise_variance", "a finite number >= 0 (and a finite mean)", got));
        }
        let (inputs, observations) = checked(columns, x, y, known_noise)?;
        Self::build(columns, kernel, noise_variance, MeanRule::Fixed(mean), inputs, observations, 0)
    }

    /// Learns kernel, noise and mean from observations and conditions on them.
    ///
    /// The observations are standardised for the fit; hyper-parameters are the most probable ones
    /// under dimension-scaled log-normal priors (after Hvarfner et al. 2024), found by L-BFGS with analytic
    /// gradients from several starts; of the Matérn-5/2 and the squared exponential family the more
    /// probable one is taken. Number columns should be scaled to [0, 1].
    ///
    /// # Shapes
    /// As [`condition`](Self::condition).
    ///
    /// # Errors
    /// As [`condition`](Self::condition).
    pub fn fit(
        columns: &[Column],
        x: ArrayView2<'_, f64>,
        y: &[f64],
        known_noise: Option<&[f64]>,
        noise: Noise,
    ) -> Result<Self> {
        let (inputs, mut observations) = checked(columns, x, y, known_noise)?;
        let scale = Standardisation::of(&observations.values);
        observations.values.iter_mut().for_each(|y| *y = scale.apply(*y));
        observations.known_noise.iter_mut().for_each(|v| *v = (*v / scale.scale / scale.scale).min(1e12));
        let mut best = None;
        for family in [KernelFamily::Matern52, KernelFamily::Rbf] {
            let starts: Vec<(Kernel, f64)> = fit::starting_kernels(columns, family, 3)
                .into_iter()
                .map(|kernel| (kernel, fit::starting_noise(noise)))
                .collect();
            let found = fit::fit(&inputs, &observations, noise, &starts, 100)?;
            best = match (best, found) {
                (Some(a), Some(b)) => Some(if better(&a, &b) { b } else { a }),
                (a, b) => a.or(b),
            };
        }
        let (kernel, noise_variance) = match best {
            Some(fit::Fit { kernel, noise_variance, .. }) => (kernel, noise_variance),
            None => (fit::plausible_kernel(columns, KernelFamily::Matern52, 1.0), fit::starting_noise(noise)),
        };
        let process = Self::build(
            columns,
            kernel,
            noise_variance,
            MeanRule::Profiled(MEAN_VARIANCE),
            inputs,
            observations,
            0,
        )?;
        process.rescaled(scale)
    }

    pub(crate) fn build(
        columns: &[Column],
        kernel: Kernel,
        noise_variance: f64,
        mean: MeanRule,
        inputs: Inputs,
        observations: Observations,
        room: usize,
    ) -> Result<Self> {
        let covariance = Covariance::new(&kernel);
        let mut matrix = covariance.lower(&inputs);
        for i in 0..inputs.n {
            matrix[i * inputs.n + i] += observations.noise_of(i, noise_variance);
        }
        let factor = Cholesky::new(&matrix, inputs.n, room)?;
        let (mean, _) = mean_of(&factor, &observations.values, mean);
        let mut whitened: Vec<f64> = observations.values.iter().map(|y| y - mean).collect();
        factor.solve_lower(&mut whitened);
        let mut alpha = whitened.clone();
        factor.solve_upper(&mut alpha);
        let columns = columns.to_vec();
        Ok(Self {
            columns,
            kernel,
            covariance,
            noise_variance,
            mean,
            inputs,
            observations,
            factor,
            whitened,
            alpha,
        })
    }

    /// The same process in the unit of the original observations.
    fn rescaled(self, scale: Standardisation) -> Result<Self> {
        let s2 = scale.scale * scale.scale;
        let kernel = Kernel { variance: self.kernel.variance * s2, ..self.kernel };
        if !(kernel.variance.is_finite() && kernel.variance >= f64::MIN_POSITIVE) {
            return Err(Error::invalid("y", "values whose squares are representable", scale.scale));
        }
        let mut observations = self.observations;
        observations.values.iter_mut().for_each(|y| *y = scale.undo(*y));
        observations.known_noise.iter_mut().for_each(|v| *v *= s2);
        let mean = MeanRule::Fixed(scale.undo(self.mean));
        Self::build(&self.columns, kernel, self.noise_variance * s2, mean, self.inputs, observations, 0)
    }

    /// What each input column holds.
    #[must_use]
    pub fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The covariance function.
    #[must_use]
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The learned or given noise variance σ², beside what is known of each observation.
    #[must_use]
    pub fn noise_variance(&self) -> f64 {
        self.noise_variance
    }

    /// The constant mean m.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// What had to be added to the covariance's diagonal to factor it; usually 0.
    #[must_use]
    pub fn jitter(&self) -> f64 {
        self.factor.jitter()
    }

    /// How many observations the process is conditioned on.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inputs.n
    }

    /// Whether there is no observation: never, once constructed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inputs.n == 0
    }

    /// Marginal mean and variance of f at each row of `x` (`[m, columns]`).
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::InvalidParam`] or [`Error::NonFinite`] for rows that do not fit.
    pub fn predict(&self, x: ArrayView2<'_, f64>) -> Result<Prediction> {
        let posteriors = self.posteriors(&Inputs::new(&self.columns, x)?);
        let (mean, variance) = posteriors.into_iter().unzip::<f64, f64, Vec<_>, Vec<_>>();
        Ok(Prediction { mean: mean.into(), variance: variance.into() })
    }

    /// Joint posterior covariance of f at the rows of `x`: `[m, m]`.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn covariance(&self, x: ArrayView2<'_, f64>) -> Result<Array2<f64>> {
        let points = Inputs::new(&self.columns, x)?;
        let rows = self.whitened_rows(&points);
        let point = |i: usize| (points.numbers_of(i), points.levels_of(i));
        let mut covariance = Array2::zeros((points.n, points.n));
        for i in 0..points.n {
            for j in 0..=i {
                let value = self.covariance.between(point(i), point(j)) - dot(&rows[i], &rows[j]);
                covariance[[i, j]] = value;
                covariance[[j, i]] = value;
            }
        }
        Ok(covariance)
    }

    /// Joint draws of f at the rows of `x`: `[count, m]`. Draw `i` is a function of the seed and `i`.
    ///
    /// # Errors
    /// As [`predict`](Self::predict).
    pub fn sample(&self, x: ArrayView2<'_, f64>, count: usize, seed: Seed) -> Result<Array2<f64>> {
        let mean = self.predict(x)?.mean;
        let m = mean.len();
        let covariance = self.covariance(x)?;
        let factor = Cholesky::new(covariance.as_slice().unwrap_or_default(), m, 0)?;
        let seed = seed.derive("optimize/gp/sample");
        let mut draws = Array2::zeros((count, m));
        for (index, mut row) in draws.rows_mut().into_iter().enumerate() {
            let mut stream = seed.stream(index as u64);
            let z: Vec<f64> = (0..m).map(|_| stream.normal()).collect();
            for i in 0..m {
                row[i] = mean[i] + dot(factor.row(i), &z[..=i]);
            }
        }
        Ok(draws)
    }

    /// Each observation predicted from the others, hyper-parameters kept.
    ///
    /// ```text
    /// mean_i = y_i − α_i / C⁻¹_ii,   variance_i = 1 / C⁻¹_ii
    /// ```
    /// (Rasmussen & Williams 2006, eq. 5.12)
    #[must_use]
    pub fn leave_one_out(&self) -> LeaveOneOut {
        let n = self.len();
        let inverse = self.factor.inverse();
        let variance: Array1<f64> = (0..n).map(|i| 1.0 / inverse.row(i)[i]).collect();
        let y = &self.observations.values;
        let mean: Array1<f64> = (0..n).map(|i| y[i] - self.alpha[i] * variance[i]).collect();
        let density = |i: usize| {
            let z = self.alpha[i] * self.alpha[i] * variance[i];
            -0.5 * (libm::log(2.0 * std::f64::consts::PI * variance[i]) + z)
        };
        let log_density = (0..n).map(density).sum::<f64>() / n as f64;
        LeaveOneOut { mean, variance, log_density }
    }

    /// Log marginal likelihood ln p(y | X) and its gradient.
    ///
    /// The gradient is with respect to, in this order: the logarithms of the length scales, the
    /// logarithms of the category rates, the logit of the additive share (only where there are numbers and
    /// categories), the logarithm of the variance and the logarithm of the noise variance.
    ///
    /// # Errors
    /// [`Error::NonFinite`] if the covariance overflows.
    pub fn log_marginal_likelihood(&self) -> Result<(f64, Vec<f64>)> {
        let pairs = Pairs::new(&self.inputs);
        let found = likelihood(
            &pairs,
            &self.observations,
            &self.kernel,
            self.noise_variance,
            MeanRule::Fixed(self.mean),
        )?;
        Ok((found.value, found.gradient))
    }
}

fn better(a: &fit::Fit, b: &fit::Fit) -> bool {
    b.log_posterior > a.log_posterior
}

fn checked(
    columns: &[Column],
    x: ArrayView2<'_, f64>,
    y: &[f64],
    known_noise: Option<&[f64]>,
) -> Result<(Inputs, Observations)> {
    let inputs = Inputs::new(columns, x)?;
    if inputs.n != y.len() {
        return Err(Error::Shape { what: "observations", expected: vec![inputs.n], got: vec![y.len()] });
    }
    if y.is_empty() {
        return Err(Error::TooFewSamples {
            what: "a gaussian process".into(),
            needed: 1,
            got: 0,
            unit: "observation",
        });
    }
    Ok((inputs, Observations::new(y, known_noise)?))
}
