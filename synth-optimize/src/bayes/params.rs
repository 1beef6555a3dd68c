use serde::{Deserialize, Serialize};
use synth_core::{Error, Optimizer, ParameterSpace, Result, Seed, Suggestion, Trial};

use super::batch::Batch;
use super::outcome::Outcomes;
use super::space::ModelSpace;
use crate::acquisition::Acquisition;
use crate::distinct::{Seen, distinct};
use crate::gp::Noise;
use crate::sobol::SobolSequence;

/// Parameters of [`GaussianProcessOptimizer`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GpParams {
    /// What makes a point worth trying. Default `log_ei`.
    pub acquisition: Acquisition,
    /// Weight β of the standard deviation in `ucb`. Range: ≥ 0. Default 2.
    pub ucb_beta: f64,
    /// What is known of the objective's noise. Default `unknown`.
    pub noise: Noise,
    /// Points of the space-filling start, before the first model. Range: ≥ 2. Default: 2 per
    /// parameter and 2 more, but at most 16.
    pub initial_trials: Option<usize>,
    /// Candidates from which climbs start, per batch. Range: ≥ 16. Default 384.
    pub candidates: usize,
    /// Whether each batch starts where the models expect the minimum, without regard to what could be
    /// learned elsewhere: one point for each of the two models. Default true.
    pub exploit: bool,
}

impl Default for GpParams {
    fn default() -> Self {
        Self {
            acquisition: Acquisition::LogEi,
            ucb_beta: 2.0,
            noise: Noise::Unknown,
            initial_trials: None,
            candidates: 384,
            exploit: true,
        }
    }
}

impl GpParams {
    /// The same parameters with another acquisition.
    #[must_use]
    pub fn with_acquisition(mut self, acquisition: Acquisition) -> Self {
        self.acquisition = acquisition;
        self
    }

    /// The same parameters with another knowledge of the noise.
    #[must_use]
    pub fn with_noise(mut self, noise: Noise) -> Self {
        self.noise = noise;
        self
    }

    /// The same parameters with another number of starting points.
    #[must_use]
    pub fn with_initial_trials(mut self, initial_trials: usize) -> Self {
        self.initial_trials = Some(initial_trials);
        self
    }

    /// The optimiser of a space.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a parameter out of its range.
    pub fn build(self, space: ParameterSpace) -> Result<GaussianProcessOptimizer> {
        if !(self.ucb_beta.is_finite() && self.ucb_beta >= 0.0) {
            return Err(Error::invalid("ucb_beta", "a finite number >= 0", self.ucb_beta));
        }
        if let Some(few) = self.initial_trials.filter(|n| *n < 2) {
            return Err(Error::invalid("initial_trials", "at least 2", few));
        }
        if self.candidates < 16 {
            return Err(Error::invalid("candidates", "at least 16", self.candidates));
        }
        let initial = self.initial_trials.unwrap_or((2 * space.len() + 2).min(16));
        Ok(GaussianProcessOptimizer { model_space: ModelSpace::new(&space), initial, params: self })
    }
}

/// Bayesian optimisation with a Gaussian process over numbers, whole numbers and categories.
#[derive(Clone, Debug)]
pub struct GaussianProcessOptimizer {
    params: GpParams,
    model_space: ModelSpace,
    initial: usize,
}

impl GaussianProcessOptimizer {
    /// The parameters it was built from.
    #[must_use]
    pub fn params(&self) -> &GpParams {
        &self.params
    }
}

impl Optimizer for GaussianProcessOptimizer {
    fn name(&self) -> &str {
        "gp"
    }

    fn space(&self) -> &ParameterSpace {
        self.model_space.encoding.space()
    }

    fn suggest(&self, history: &[Trial], n: usize, seed: Seed) -> Result<Suggestion> {
        let encoding = &self.model_space.encoding;
        let outcomes = Outcomes::of(history, &self.model_space)?;
        let mut seen = Seen::of(history, encoding)?;
        let tried = outcomes.measured.len() + outcomes.failed.len() + outcomes.pending.len();
        if n == 0 {
            return Ok(Suggestion::default());
        }
        if tried < self.initial || outcomes.measured.len() < 2 {
            let sequence = SobolSequence::new(encoding.dim(), seed);
            let first = history.len() as u64;
            return distinct(encoding, &mut seen, n, seed, |i| encoding.decode(&sequence.point(first + i)));
        }
        Batch::new(&self.params, &self.model_space, &outcomes, seen, n, seed)?.choose(n)
    }
}
