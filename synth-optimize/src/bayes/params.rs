use serde::{Deserialize, Serialize};
use synth_core::{Error, Optimizer, ParameterSpace, Result, Seed, Suggestion, Trial};

use super::batch::Batch;
use super::outcome::Outcomes;
use super::space::ModelSpace;
use crate::acquisition::Acquisition;
use crate::distinct::Seen;
use crate::gp::Noise;
use crate::sobol::even_look;

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
    /// Whether a batch goes where the models expect the minimum, without regard to what could be learned
    /// elsewhere: one point for each of the two fitted models, but at most a quarter of the batch, so none of
    /// fewer than four. Default true.
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

/// Bayesian optimisation with Gaussian processes over numbers, whole numbers, categories, simplices and
/// conditional parameters; minimises.
///
/// What one call does:
///
/// 1. **Data.** Trials of the same set are joined to their mean; their scatter and the standard errors
///    become noise variances, which differ from point to point where the scatters of at least eight points
///    vary more than chance leads to expect (empirical Bayes, Smyth 2004). Trials that failed or gave no finite value
///    teach where trials fail.
/// 2. **Outcomes** are bent by `ln(1 + a z)/a` against their longer tail, as far as the likelihood supports it, and
///    standardised: a of 0, 1, 10 or 100 lets values over orders of magnitude fit into one process, a below 0
///    widens wells in a plain.
/// 3. **Three models.** Two are fitted, one per family ([`KernelFamily`](crate::KernelFamily)), by maximum a
///    posteriori with analytic gradients ([`GaussianProcess`](crate::GaussianProcess); kernel:
///    [`Kernel`](crate::Kernel)). The more probable one leads. The third is the first with its length scales
///    halved: a fit to few points tends to be too sure of what lies between them. Also without noise a model
///    may take ripples finer than the points are apart for noise, where the data speak for it (Gramacy & Lee
///    2012); what it believes of chosen points has a twentieth of that.
/// 4. **The batch** grows point by point. First some fitted models' own minima of the mean
///    ([`GpParams::exploit`]), then, the models taking turns, the maximum of the acquisition given the
///    points chosen so far, whose values each model believes to be its own predictions ("Kriging
///    believer", Ginsbourger et al. 2010). Turns matter: what one model holds for certain the other
///    still doubts, so a batch does not pile up on one spot. Pending trials are believed likewise. Under
///    noise ([`Noise::None`] excludes it) chosen points and the least value so far are drawn from the posterior
///    jointly, 16 times, and the expected improvement is averaged over the draws (Letham et al. 2019).
/// 5. **Search.** Scrambled Sobol points and steps of many sizes from the best points; from the best of
///    them L-BFGS climbs with whole numbers let loose, then held in their slots, and through the neighbours in
///    the discrete columns. What is scored and proposed in the end stands on whole numbers. A
///    category of many levels is never enumerated; a discrete space of up to 2,048 sets is looked at whole.
///    From 100 trials of 16 numbers on it stays in a trust region about the best point (Eriksson et al. 2019).
/// 6. **Failures** multiply the acquisition by the cubed probability of giving a value.
///
/// Before [`GpParams::initial_trials`] points are known it proposes the scrambled Sobol sequence. No set is proposed
/// twice, but that where there is noise ([`Noise::Present`]; if unknown, where standard errors are given or
/// replications differ) up to a quarter of a batch of four or more are sets measured before: those of the least
/// values, where the process thinks that they owe them to luck.
///
/// Cost of a batch of 8 in six mixed parameters, CPU time on one core of an Intel Xeon with AVX-512
/// (bench `optimizers times`): 6 ms at 16 trials, 14 ms at 56, 29 ms at 96, 0.1 s at 300, 0.4 s at 1,000;
/// under noise 32 ms at 96, 0.6 s at 1,000; hyper-parameters are fitted to at most 160 trials.
/// Median simple regret of 20 seeds after 16 Sobol points and ten batches of 8, beside random search:
/// Branin 1e-8 (0.3), the mixed void surrogate 1e-8 (0.25), shifted Ackley-5 1.2 (17), Hartmann-6 1.2e-7 (1.4;
/// a third to a half of the seeds end in the second-best of its minima). Eleven further problems are in
/// `benches/README.md`.
///
/// What was tried and did not help: the dimension-scaled prior of Hvarfner et al. as published (it
/// switches columns off at 16 points), one model for the whole batch (points piled up within 1e-5 of
/// each other), four starts of the fit in place of two, six climbs in place of three, a bound on short length
/// scales, an upper confidence bound for the last point of a batch, a trust region from the first batch on, joint batches
/// without noise.
///
/// # Examples
/// ```
/// use synth_core::{Domain, Optimizer, Parameter, ParameterSpace, Seed, Trial};
/// use synth_optimize::{GpParams, Noise};
/// let space = ParameterSpace::new(vec![
///     Parameter::new("x", Domain::float(-2.0, 2.0)),
///     Parameter::new("n", Domain::int(0, 9)),
/// ])?;
/// let gp = GpParams::default().with_noise(Noise::None).build(space)?;
/// let mut trials = Vec::new();
/// for _ in 0..5 {
///     for proposal in gp.suggest(&trials, 6, Seed::from_u64(1))?.proposals {
///         let (x, n) = (proposal.params.float("x")?, proposal.params.float("n")?);
///         trials.push(Trial::ok(proposal.params, (x - 0.3).powi(2) + 0.1 * (n - 7.0).powi(2)));
///     }
/// }
/// let best = trials.iter().filter_map(|trial| trial.value).fold(f64::INFINITY, f64::min);
/// assert!(best < 1e-6);
/// assert!(GpParams { candidates: 0, ..GpParams::default() }.build(gp.space().clone()).is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
///
/// # References
/// Ament et al. 2023 (LogEI), <https://arxiv.org/abs/2310.20708>; Hvarfner et al. 2024 (length-scale
/// priors), <https://arxiv.org/abs/2402.02229>; Ru et al. 2020 (sum and product of categorical and
/// numeric kernels), <https://arxiv.org/abs/1906.08878>; Letham et al. 2019 (noisy expected improvement),
/// <https://arxiv.org/abs/1706.07094>; Gramacy & Lee 2012, "Cases for the nugget in modeling computer
/// experiments", <https://arxiv.org/abs/1007.4580>; Ginsbourger, Le Riche & Carraro 2010, "Kriging is
/// well-suited to parallelize optimization".
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
        let tried = outcomes.measured.len() + outcomes.failed.len() + outcomes.pending.len();
        if n == 0 {
            return Ok(Suggestion::default());
        }
        if tried < self.initial || outcomes.measured.len() < 2 {
            return even_look(encoding, history, n, seed);
        }
        let seen = Seen::of(history, encoding)?;
        Batch::new(&self.params, &self.model_space, &outcomes, seen, n, seed)?.choose(n)
    }
}
