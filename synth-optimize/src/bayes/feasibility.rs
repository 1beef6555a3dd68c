//! Where trials are likely to fail.

use synth_core::Result;

use crate::acquisition::log_cdf;
use crate::gp::{GaussianProcess, Inputs, KernelFamily, MeanRule, Observations, Scratch, plausible_kernel};

use super::space::{Located, ModelSpace};

/// The probability that a point gives a value: a Gaussian process on +1 (did) and −1 (failed) read
/// through a probit, `p = Φ(m / √(1 + s²) · 2)`, with fixed length scales, because failures are few.
#[derive(Clone, Debug)]
pub(crate) struct Feasibility {
    process: GaussianProcess,
}

/// How sharply the labels are read.
const STEEPNESS: f64 = 2.0;

impl Feasibility {
    /// `None` where nothing failed: then nothing is to be avoided.
    pub(crate) fn new(space: &ModelSpace, worked: &[Located], failed: &[Located]) -> Result<Option<Self>> {
        if failed.is_empty() {
            return Ok(None);
        }
        let mut inputs: Inputs = space.inputs(worked);
        failed.iter().for_each(|at| inputs.push(&at.numbers, &at.levels));
        let labels: Vec<f64> = (0..inputs.n).map(|i| if i < worked.len() { 1.0 } else { -1.0 }).collect();
        let mut kernel = plausible_kernel(&space.columns, KernelFamily::Matern52, 0.25);
        kernel.category_rates.iter_mut().flatten().for_each(|rate| *rate = 0.5);
        let observations = Observations::new(&labels, None)?;
        let prior = MeanRule::Fixed(if worked.is_empty() { 0.0 } else { 0.5 });
        let process = GaussianProcess::build(&space.columns, kernel, 0.05, prior, inputs, observations, 0)?;
        Ok(Some(Self { process }))
    }

    pub(crate) fn log_probability(&self, point: (&[f64], &[usize])) -> f64 {
        let (mean, variance) = self.process.posterior(point, &mut vec![0.0; self.process.len()]);
        log_cdf(STEEPNESS * mean / libm::sqrt(1.0 + variance))
    }

    /// The log probability; its gradient is added to `gradient`.
    pub(crate) fn add_log_probability_gradient(
        &self,
        point: (&[f64], &[usize]),
        scratch: &mut Scratch,
        gradient: &mut [f64],
    ) -> f64 {
        let (mean, variance) = self.process.posterior_gradient(point, scratch);
        let root = libm::sqrt(1.0 + variance);
        let z = STEEPNESS * mean / root;
        let log = log_cdf(z);
        let ratio = libm::exp(-0.5 * z * z - 0.5 * libm::log(2.0 * std::f64::consts::PI) - log);
        let parts = scratch.mean_gradient.iter().zip(&scratch.variance_gradient);
        for (g, (m, v)) in gradient.iter_mut().zip(parts) {
            *g += ratio * (STEEPNESS * m / root - 0.5 * z * v / (root * root));
        }
        log
    }
}
