//! Where trials are likely to fail.

use synth_core::Result;

use crate::acquisition::log_cdf;
use crate::gp::{
    GaussianProcess, Inputs, KernelFamily, MeanRule, Noise, Observations, Scratch, fit, plausible_kernel,
};

use super::space::{Located, ModelSpace};

/// The probability that a point gives a value: a Gaussian process on +1 (did) and −1 (failed), and
/// `p = Φ(m / √(s² + σ²))`, the chance that the next label is positive.
#[derive(Clone, Debug)]
pub(crate) struct Feasibility {
    process: GaussianProcess,
    noise: f64,
}

/// Least noise variance σ² of the labels, and what is taken where there are too few to learn from.
const LABEL_NOISE: f64 = 0.05;
/// Of each label at least so many, or nothing can be learned of what makes trials fail.
const LABELS_TO_LEARN: usize = 3;

impl Feasibility {
    /// `None` where nothing failed: then nothing is to be avoided. There is room for `room` more.
    pub(crate) fn new(
        space: &ModelSpace,
        worked: &[Located],
        failed: &[Located],
        room: usize,
    ) -> Result<Option<Self>> {
        if failed.is_empty() {
            return Ok(None);
        }
        let mut inputs: Inputs = space.inputs(worked);
        failed.iter().for_each(|at| inputs.push(&at.numbers, &at.levels));
        let labels: Vec<f64> = (0..inputs.n).map(|i| if i < worked.len() { 1.0 } else { -1.0 }).collect();
        let observations = Observations::new(&labels, None)?;
        let start = plausible_kernel(&space.columns, KernelFamily::Matern52, 0.25);
        let (mut kernel, mut noise) = (start.clone(), LABEL_NOISE);
        let learnable = worked.len().min(failed.len()) >= LABELS_TO_LEARN && !space.columns.is_empty();
        let starts = [(start, LABEL_NOISE)];
        let iterations = if learnable { 30 } else { 0 };
        if let Some(found) = fit(&inputs, &observations, Noise::Present, &starts, iterations)? {
            (kernel, noise) = (found.kernel, found.noise_variance.max(LABEL_NOISE));
        }
        // Far from everything tried, the odds are those of the trials so far.
        let odds = (worked.len() as f64 - failed.len() as f64) / (inputs.n as f64 + 1.0);
        let mean = MeanRule::Fixed(odds);
        let process =
            GaussianProcess::build(&space.columns, kernel, noise, mean, inputs, observations, room)?;
        Ok(Some(Self { process, noise }))
    }

    /// Takes a point for failed, so that a batch does not stake everything on one doubtful place.
    pub(crate) fn doubt(&mut self, point: (&[f64], &[usize])) {
        self.process.push(point, -1.0, self.noise);
    }

    pub(crate) fn log_probability(&self, point: (&[f64], &[usize])) -> f64 {
        self.log_positive(self.process.posterior(point, &mut vec![0.0; self.process.len()]))
    }

    /// The log probability of each point.
    pub(crate) fn log_probabilities(&self, points: &Inputs) -> Vec<f64> {
        self.process.posteriors(points).into_iter().map(|posterior| self.log_positive(posterior)).collect()
    }

    /// ln of the chance that a label of this mean and variance is positive.
    fn log_positive(&self, (mean, variance): (f64, f64)) -> f64 {
        log_cdf(mean / libm::sqrt(variance + self.noise))
    }

    /// The log probability; its gradient is added to `gradient`.
    pub(crate) fn add_log_probability_gradient(
        &self,
        point: (&[f64], &[usize]),
        scratch: &mut Scratch,
        gradient: &mut [f64],
    ) -> f64 {
        let (mean, variance) = self.process.posterior_gradient(point, scratch);
        let root = libm::sqrt(variance + self.noise);
        let z = mean / root;
        let log = log_cdf(z);
        let ratio = libm::exp(-0.5 * z * z - 0.5 * libm::log(2.0 * std::f64::consts::PI) - log);
        let parts = scratch.mean_gradient.iter().zip(&scratch.variance_gradient);
        for (g, (m, v)) in gradient.iter_mut().zip(parts) {
            *g += ratio * (m / root - 0.5 * z * v / (root * root));
        }
        log
    }
}

#[cfg(test)]
mod tests {
    use synth_core::{Domain, Parameter, ParameterSpace};

    use super::*;

    #[test]
    fn failures_lower_the_probability_and_the_gradient_matches_central_differences() {
        let parameters = ["x", "y"].map(|name| Parameter::new(name, Domain::float(0.0, 1.0)));
        let space = ModelSpace::new(&ParameterSpace::new(parameters.to_vec()).expect("valid"));
        let at = |x: f64, y: f64| space.locate(vec![x, y]);
        let worked = [at(0.8, 0.5), at(0.9, 0.1), at(0.7, 0.9)];
        assert!(Feasibility::new(&space, &worked, &[], 0).expect("fits").is_none());
        let failed = [at(0.1, 0.5), at(0.2, 0.2)];
        let feasibility = Feasibility::new(&space, &worked, &failed, 0).expect("fits").expect("failures");
        let log = |x: f64, y: f64| feasibility.log_probability(at(x, y).point());
        assert!(log(0.85, 0.4) > -0.05 && log(0.12, 0.4) < -5.0, "{} {}", log(0.85, 0.4), log(0.12, 0.4));
        let points = [at(0.85, 0.4), at(0.12, 0.4), at(0.4, 0.6)];
        for (together, point) in feasibility.log_probabilities(&space.inputs(&points)).iter().zip(&points) {
            assert!((together - feasibility.log_probability(point.point())).abs() < 1e-12);
        }
        let mut gradient = vec![0.0; 2];
        let value = feasibility.add_log_probability_gradient(
            at(0.4, 0.6).point(),
            &mut Scratch::default(),
            &mut gradient,
        );
        assert!((value - log(0.4, 0.6)).abs() < 1e-12);
        let h = 1e-6;
        let by_x = (log(0.4 + h, 0.6) - log(0.4 - h, 0.6)) / (2.0 * h);
        let by_y = (log(0.4, 0.6 + h) - log(0.4, 0.6 - h)) / (2.0 * h);
        assert!((gradient[0] - by_x).abs() < 1e-6 && (gradient[1] - by_y).abs() < 1e-6);
    }
}
