use std::sync::Arc;

use synth_core::{
    Divergence, Embeddings, Error, FittedDivergence, Optimizer, ParameterSpace, Result, Seed, Trial,
    TrialStatus,
};

use super::action::{Action, CalibrationInput, FeatureBlock, Outcome};
use super::axes::Axes;
use super::batch;
use super::choice::{Candidate, Finalist};
use super::data::{Generated, Real, Similarity, folds, split};
use super::family::Hyperprior;
use super::fit::{Earlier, Fit, Frame};
use super::history::History;
use super::likely::likely;
use super::params::{BatchPolicy, CalibrationMode, CalibrationParams};
use super::record::{FailedSample, InitialSet, PlannedTrial, StopReason, TrialOrigin};
use super::report;
use crate::distinct::{Seen, distinct};
use crate::{Encoding, SobolSequence};

/// The calibration of a generator to a real set, as a state machine without input or output.
///
/// [`next`](Self::next) says what to do, [`apply`](Self::apply) takes in what became of it; the
/// composer keeps the samples and does everything slow in chunks of its own. All that the machine does
/// is a function of its parameters, its input and the outcomes applied so far: replaying the outcomes of
/// a killed run leads to the same state.
///
/// # Examples
/// The shape of every composer; the types of `space`, `real` and `divergence` are the caller's.
/// ```no_run
/// # use synth_core::{Divergence, Embeddings, ParameterSpace, Result, Seed};
/// # use synth_optimize::calibrate::{Action, Calibration, CalibrationInput, CalibrationParams, Outcome};
/// # fn compose(space: ParameterSpace, real: Embeddings, divergence: &dyn Divergence) -> Result<()> {
/// # fn embed() -> Option<Embeddings> { None }
/// let input = CalibrationInput::new(space, real, Seed::from_u64(0));
/// let mut calibration = Calibration::new(CalibrationParams::default(), input, divergence)?;
/// loop {
///     let outcome = match calibration.next() {
///         Action::Generate { iteration: _, trials: _ } => Outcome::Generated { failed: Vec::new() },
///         Action::Embed { iteration: _ } => Outcome::Embedded { embeddings: embed() },
///         Action::Save { record: _ } => Outcome::Saved,
///         Action::Done(result) => break assert!(result.verdict.text.contains("distinguishable")),
///     };
///     calibration.apply(outcome)?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Calibration {
    params: CalibrationParams,
    space: ParameterSpace,
    axes: Axes,
    encoding: Encoding,
    divergence: Box<dyn FittedDivergence>,
    optimizer: Option<Arc<dyn Optimizer>>,
    blocks: Vec<FeatureBlock>,
    seed: Seed,
    real: Real,
    held_out: Option<Embeddings>,
    folds: Vec<usize>,
    generated: Generated,
    history: History,
    pending: Vec<PlannedTrial>,
    failed: Vec<FailedSample>,
    iteration: usize,
    exhausted: bool,
    /// Distributions chosen so far, the latest last.
    chosen: Vec<Candidate>,
    /// Those that samples of their own were drawn from, and the one that the pending sets are drawn from.
    finalists: Vec<Finalist>,
    finalist: Option<Candidate>,
    /// Why to stop once the finalists are measured.
    stopping: Option<StopReason>,
    fit: Option<Box<Fit>>,
    state: Action,
}

/// Chosen distributions that are kept for comparison.
const MOST_CHOSEN: usize = 10;
/// Distributions that are measured at the end, at most.
const MOST_FINALISTS: usize = 3;
/// Measured sets without which nothing can be learned.
const LEAST_SETS: usize = 4;

impl Calibration {
    /// Starts a calibration. Bandwidths, null, folds and the held-out part are fixed here.
    ///
    /// # Errors
    /// A parameter out of range, an initial set outside the space or named twice, `point` mode without
    /// an optimiser, fewer than two real groups, or too few real samples for the divergence.
    pub fn new(
        params: CalibrationParams,
        input: CalibrationInput,
        divergence: &dyn Divergence,
    ) -> Result<Self> {
        params.check()?;
        if params.mode == CalibrationMode::Point && input.optimizer.is_none() {
            return Err(Error::invalid("optimizer", "given where mode is `point`", "none"));
        }
        let seed = input.seed.derive("calibrate");
        let encoding = Encoding::new(&input.space);
        let (real, held_out) = split(&input.real, params.holdout_from, seed)?;
        let fitted = divergence.fit(&real, seed.derive("divergence"))?;
        let real = Real::new(real.clone(), Similarity::of(&*fitted, &real));
        let folds = folds(real.members.len(), params.folds, seed)?;
        let mut calibration = Self {
            axes: Axes::new(&input.space),
            space: input.space,
            encoding,
            divergence: fitted,
            optimizer: input.optimizer,
            blocks: input.blocks,
            seed,
            history: History::new(&real, seed),
            real,
            held_out,
            folds,
            generated: Generated::default(),
            pending: Vec::new(),
            failed: Vec::new(),
            iteration: 0,
            exhausted: false,
            chosen: Vec::new(),
            finalists: Vec::new(),
            finalist: None,
            stopping: None,
            fit: None,
            state: Action::Embed { iteration: 0 },
            params,
        };
        let trials = calibration.starting_sets(input.initial)?;
        calibration.plan(trials);
        Ok(calibration)
    }

    /// The parameters it was built from.
    #[must_use]
    pub fn params(&self) -> &CalibrationParams {
        &self.params
    }

    /// What to do next. Asking twice gives the same answer.
    #[must_use]
    pub fn next(&self) -> Action {
        self.state.clone()
    }

    /// The divergence to the real samples, as fitted at the start: for the composer's own scores.
    #[must_use]
    pub fn divergence(&self) -> &dyn FittedDivergence {
        &*self.divergence
    }

    /// Takes in what became of [`next`](Self::next)'s action and moves on. Fits are made here: about a
    /// second after an embedding, a few seconds for the verdict at the end.
    ///
    /// # Errors
    /// An outcome of another action, embeddings of another embedder or of a set that was not asked for,
    /// or fewer than four measured sets after the initial iteration: the machine then stays as it was.
    /// A fit that fails is final; a new machine given the same outcomes comes to the same place.
    pub fn apply(&mut self, outcome: Outcome) -> Result<()> {
        match (&self.state, outcome) {
            (Action::Generate { iteration, .. }, Outcome::Generated { failed }) => {
                self.check_failed(&failed)?;
                self.failed = failed;
                self.state = Action::Embed { iteration: *iteration };
                Ok(())
            }
            (Action::Embed { .. }, Outcome::Embedded { embeddings }) => self.measure(embeddings),
            (Action::Save { .. }, Outcome::Saved) => self.advance(),
            (state, outcome) => {
                let expected = format!("an answer to `{}`", name_of(state));
                Err(Error::invalid("outcome", expected, outcome.answers()))
            }
        }
    }

    fn frame(&self) -> Frame<'_> {
        Frame {
            space: &self.space,
            axes: &self.axes,
            similarity: Similarity::of(&*self.divergence, &self.real.embeddings),
            hyper: Hyperprior::default(),
            perfect: self.history.perfect(),
            folds: &self.folds,
            seed: self.seed,
        }
    }

    fn starting_sets(&self, initial: Vec<InitialSet>) -> Result<Vec<PlannedTrial>> {
        let mut trials: Vec<PlannedTrial> = Vec::new();
        for set in initial {
            if trials.iter().any(|other| other.param_set_id == set.param_set_id) {
                return Err(Error::AlreadyExists { what: "parameter set", name: set.param_set_id });
            }
            if set.replications == 0 {
                return Err(Error::invalid(set.param_set_id, "replicated at least once", 0));
            }
            trials.push(PlannedTrial {
                params: self.space.resolve(&set.params)?,
                param_set_id: set.param_set_id,
                replications: set.replications,
                origin: set.origin,
            });
        }
        if trials.is_empty() {
            let mut seen = Seen::default();
            let sets = self.sobol_sets(&mut seen, self.params.initial_sets, 0)?;
            trials = self.named(sets.0, self.params.replications);
        }
        Ok(trials)
    }

    /// New sets of the run's one Sobol sequence from point `first` on, and whether the space is used up.
    fn sobol_sets(&self, seen: &mut Seen, count: usize, first: u64) -> Result<(Vec<batch::Chosen>, bool)> {
        let sequence = SobolSequence::new(self.encoding.dim(), self.seed.derive("sobol"));
        let draw = |i: u64| self.encoding.decode(&sequence.point(first + i));
        let suggestion = distinct(&self.encoding, seen, count, self.seed.derive("sobol rest"), draw)?;
        let sets = suggestion.proposals.into_iter().map(|p| (p.params, TrialOrigin::Sobol)).collect();
        Ok((sets, suggestion.exhausted))
    }

    fn named(&self, sets: Vec<batch::Chosen>, replications: usize) -> Vec<PlannedTrial> {
        let most = self.params.iteration_batch_size.max(self.params.initial_sets).max(sets.len());
        let (iteration, digits) = (self.iteration, most.to_string().len().max(3));
        let planned = |(at, (params, origin)): (usize, batch::Chosen)| PlannedTrial {
            param_set_id: format!("iter{iteration}_set_{at:0digits$}"),
            params,
            replications,
            origin,
        };
        sets.into_iter().enumerate().map(planned).collect()
    }

    fn plan(&mut self, trials: Vec<PlannedTrial>) {
        self.pending.clone_from(&trials);
        self.state = Action::Generate { iteration: self.iteration, trials };
    }

    fn check_failed(&self, failed: &[FailedSample]) -> Result<()> {
        let unknown = failed.iter().find(|f| self.pending.iter().all(|t| t.param_set_id != f.param_set_id));
        match unknown {
            Some(failure) => Err(Error::NotFound { what: "planned set", name: failure.param_set_id.clone() }),
            None => Ok(()),
        }
    }

    /// Takes in the samples of the pending sets and fits.
    fn measure(&mut self, embeddings: Option<Embeddings>) -> Result<()> {
        if let Some(embeddings) = &embeddings {
            self.real.embeddings.check_comparable(embeddings)?;
            let unknown = |group: &&String| self.pending.iter().all(|trial| trial.param_set_id != **group);
            if let Some(group) = embeddings.groups().iter().find(unknown) {
                return Err(Error::NotFound { what: "planned set", name: group.clone() });
            }
        }
        let arrived = embeddings.as_ref().map_or(0, Embeddings::group_count);
        if self.history.measured() + arrived < LEAST_SETS {
            return Err(Error::TooFewSamples {
                what: "a calibration".into(),
                needed: LEAST_SETS,
                got: self.history.measured() + arrived,
                unit: "parameter sets whose samples could be made",
            });
        }
        let trials = std::mem::take(&mut self.pending);
        let failed = std::mem::take(&mut self.failed);
        let known = self.generated.len();
        self.history.take_in(
            &mut self.generated,
            self.iteration,
            trials,
            &failed,
            embeddings.as_ref(),
            &*self.divergence,
        )?;
        let drawn = known..self.generated.len();
        if let Some(candidate) = self.finalist.take().filter(|_| drawn.len() >= LEAST_SETS) {
            self.finalists.push(Finalist { candidate, drawn });
        }
        let previous = self.fit.as_ref().map(|fit| &fit.chosen.member);
        let earlier = Earlier { previous, chosen: &self.chosen, finalists: &self.finalists };
        let fit = self.frame().fit(&self.generated, &self.real, self.iteration, &earlier)?;
        if fit.chosen.iteration == self.iteration {
            self.chosen.push(fit.chosen.clone());
            self.chosen.drain(..self.chosen.len().saturating_sub(MOST_CHOSEN));
        }
        let record = self.history.record(&self.space, &self.axes, &fit, &self.generated, self.iteration);
        self.fit = Some(Box::new(fit));
        self.state = Action::Save { record: Box::new(record) };
        Ok(())
    }

    /// After a saved iteration: the next batch, or the end.
    fn advance(&mut self) -> Result<()> {
        let Some(fit) = &self.fit else {
            return Err(Error::invalid("outcome", "an answer to an action", "saved"));
        };
        let left = self.params.max_iterations.saturating_sub(self.iteration);
        let may_measure = left > 0 && !self.exhausted && self.params.mode == CalibrationMode::Distribution;
        if let Some(stop) = self.stopping {
            let rival = fit.rival.clone().filter(|_| may_measure && self.finalists.len() < MOST_FINALISTS);
            return match rival {
                Some(rival) => self.measure_finalist(rival),
                // What was learned on the way may give a better reason than the limit.
                None if stop == StopReason::IterationLimit => self.conclude(
                    self.history.stop(&self.params, self.iteration, self.exhausted).unwrap_or(stop),
                ),
                None => self.conclude(stop),
            };
        }
        let stop = self.history.stop(&self.params, self.iteration, self.exhausted);
        let is_perfect = fit.calibrated.estimate.value <= self.history.perfect();
        let reserved = match self.params.max_iterations {
            0..=1 => 0,
            8.. if !is_perfect => 2,
            _ => 1,
        };
        let stop = stop.or((may_measure && left <= reserved).then_some(StopReason::IterationLimit));
        if let Some(stop) = stop {
            if !may_measure {
                return self.conclude(stop);
            }
            self.stopping = Some(stop);
            let chosen = fit.chosen.clone();
            return self.measure_finalist(chosen);
        }
        let (sets, exhausted) = self.next_sets(fit)?;
        if sets.is_empty() {
            self.exhausted = true;
            return self.advance();
        }
        self.exhausted = exhausted;
        self.iteration += 1;
        let trials = self.named(sets, self.params.replications);
        self.plan(trials);
        Ok(())
    }

    /// Plans samples of a distribution itself.
    fn measure_finalist(&mut self, finalist: Candidate) -> Result<()> {
        let count = self.params.iteration_batch_size * self.params.replications;
        let seed = self.seed.derive(&format!("finalist {}", self.iteration));
        let sets = batch::drawn(&self.frame(), &finalist.member, count, seed)?;
        self.iteration += 1;
        self.finalist = Some(finalist);
        let trials = self.named(sets, 1);
        self.plan(trials);
        Ok(())
    }

    fn conclude(&mut self, stop: StopReason) -> Result<()> {
        let Some(fit) = &self.fit else {
            return Err(Error::invalid("outcome", "an answer to an action", "saved"));
        };
        let inputs = report::Inputs {
            frame: &self.frame(),
            fit,
            generated: &self.generated,
            real: &self.real,
            held_out: self.held_out.as_ref(),
            history: &self.history,
            blocks: &self.blocks,
            params: &self.params,
            seed: self.seed.derive("report"),
        };
        self.state = Action::Done(Box::new(report::result(&inputs, stop)?));
        Ok(())
    }

    fn next_sets(&self, fit: &Fit) -> Result<(Vec<batch::Chosen>, bool)> {
        let mut trials = self.history.trials();
        let mut seen = Seen::of(&trials, &self.encoding)?;
        let seed = self.seed.derive(&format!("batch {}", self.iteration));
        let count = self.params.iteration_batch_size;
        let is_point = self.params.mode == CalibrationMode::Point;
        let is_active = self.params.policy == BatchPolicy::Active;
        let (frame, encoding, mut sets) = (self.frame(), &self.encoding, Vec::new());
        if is_point && is_active {
            sets = likely(&frame, fit, &self.real, encoding, &mut seen, count / 2, seed)?;
        }
        let by_optimizer = if is_point { count - sets.len() } else { self.params.point_sets };
        trials.extend(sets.iter().map(|(set, _)| Trial::pending(set.clone())));
        sets.extend(self.proposed(&trials, &mut seen, by_optimizer, seed)?);
        if is_active && !is_point {
            let (left, replications) = (count - sets.len(), self.params.replications);
            sets.extend(batch::active(&frame, fit, encoding, &mut seen, left, replications, seed)?);
        }
        let rest = count - sets.len();
        let (sobol, exhausted) = self.sobol_sets(&mut seen, rest, self.history.tried())?;
        sets.extend(sobol);
        Ok((sets, exhausted))
    }

    fn proposed(
        &self,
        trials: &[Trial],
        seen: &mut Seen,
        count: usize,
        seed: Seed,
    ) -> Result<Vec<batch::Chosen>> {
        let Some(optimizer) = self.optimizer.as_ref().filter(|_| count > 0) else { return Ok(Vec::new()) };
        let is_pending = |trial: &&Trial| trial.status == TrialStatus::Pending;
        let pending: Vec<Trial> = trials.iter().filter(is_pending).cloned().collect();
        let (mut batch, mut sets) = (Seen::of(&pending, &self.encoding)?, Vec::new());
        for proposal in optimizer.suggest(trials, count, seed)?.proposals.into_iter().take(count) {
            let set = self.space.resolve(&proposal.params)?;
            seen.insert(&set, &self.encoding)?;
            // A set of an earlier batch may be measured again.
            if batch.insert(&set, &self.encoding)? {
                sets.push((set, TrialOrigin::Point));
            }
        }
        Ok(sets)
    }
}

fn name_of(action: &Action) -> &'static str {
    match action {
        Action::Generate { .. } => "generate",
        Action::Embed { .. } => "embed",
        Action::Save { .. } => "save",
        Action::Done(_) => "nothing: the calibration is done",
    }
}
