use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ndarray::Array2;
use synth_core::{
    Divergence, Embeddings, Error, FittedDivergence, FittedProjection, Optimizer, ParameterSpace, Result,
    RunStore, StepFile,
};
use synth_embed::{FittedPca, PcaParams};
use synth_export::{DatasetType, RunDirectory, json_file, npy_from_f32, npy_from_f64, to_json_lines};
use synth_optimize::calibrate::{
    Action, BatchPolicy, Calibration, CalibrationInput, CalibrationMode, CalibrationParams,
    CalibrationResult, FailedSample, IterationRecord, Outcome, PlannedTrial,
};
use synth_optimize::{GpParams, Noise, OptimizerOptions, optimizer_by_name};
use synth_validate::fidelity::MmdParams;

use super::make::{Made, Maker};
use super::plan::{real_samples, starting_sets, trial_samples};
use super::scores::{RealSet, Scores};
use super::stored::{StoredIteration, corrupt, step_name};
use crate::config::{self, Experiment, Mode, RealSource};
use crate::inputs::Inputs;

/// Drives the calibration's machine: makes, embeds and saves what it asks for, or takes it from the
/// run where a step is finished already.
pub(crate) struct Driver<'a> {
    pub(crate) experiment: &'a Experiment,
    pub(crate) inputs: &'a Inputs,
    pub(crate) run: &'a RunDirectory,
    pub(crate) maker: Maker<'a>,
    pub(crate) notes: &'a dyn Fn(Note<'_>) -> Result<()>,
}

/// What the driver tells on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Note<'a> {
    /// An iteration is saved.
    Iteration {
        record: &'a IterationRecord,
        /// Of all that were planned.
        last: usize,
        /// Seconds since its first sample.
        seconds: f64,
    },
    /// An iteration was finished in an earlier session.
    Kept,
    /// Samples failed.
    Failed(&'a [FailedSample]),
}

/// An iteration on its way through the machine.
enum Current {
    Stored(Box<StoredIteration>),
    Fresh { made: Made, started: Instant },
}

impl Driver<'_> {
    /// Runs to the end, or until the wish to stop is seen.
    pub(crate) fn run(&self) -> Result<CalibrationResult> {
        let stored = StoredIteration::read(self.run, 0)?;
        let mut fresh_real = match stored {
            Some(_) => None,
            None => Some(self.make_real()?),
        };
        let identity = self.maker.embedder.identity();
        let is_real = |dataset_type| dataset_type == DatasetType::Real;
        let real = match (&stored, &fresh_real) {
            (Some(stored), _) => stored.embeddings(identity, is_real)?,
            (None, Some(made)) => made.embeddings(identity, is_real)?,
            (None, None) => None,
        };
        let real = real.ok_or_else(|| Error::TooFewSamples {
            what: "a calibration".into(),
            needed: 2,
            got: 0,
            unit: "real samples",
        })?;
        let divergence = MmdParams::default().build()?;
        let mut machine = self.machine(&real, &divergence)?;
        let real = RealSet::new(real)?;
        let mut current = stored.map(|stored| Current::Stored(Box::new(stored)));
        loop {
            self.maker.cancel.check()?;
            let outcome = match machine.next() {
                Action::Generate { iteration, trials } => {
                    let next = match current.take().filter(|_| iteration == 0) {
                        Some(stored) => stored,
                        None => self.begin(iteration, &trials, fresh_real.take())?,
                    };
                    // A failed sample of the real set is missed there, and no outcome of a trial.
                    let is_planned = |failed: &&FailedSample| {
                        trials.iter().any(|trial| trial.param_set_id == failed.param_set_id)
                    };
                    let failed = next.failed().iter().filter(is_planned).cloned().collect();
                    current = Some(next);
                    Outcome::Generated { failed }
                }
                Action::Embed { .. } => {
                    Outcome::Embedded { embeddings: self.synthetic_rows(current.as_ref())? }
                }
                Action::Save { record } => {
                    if let Some(done) = current.take() {
                        self.save(*record, done, &real, machine.divergence())?;
                    }
                    Outcome::Saved
                }
                Action::Done(result) => return Ok(*result),
            };
            machine.apply(outcome)?;
        }
    }

    fn make_real(&self) -> Result<Made> {
        match (&self.experiment.real, &self.inputs.real) {
            (RealSource::Drawn(size), _) => {
                let space = self.inputs.generator.space();
                let plan = real_samples(self.experiment, size, space, self.inputs.seed)?;
                self.maker.make(0, &plan, "making the real set")
            }
            (RealSource::Folder { dir, .. }, Some(images)) => self.maker.embed_real(Path::new(dir), images),
            (RealSource::Folder { dir, .. }, None) => {
                Err(Error::NotFound { what: "the real set", name: dir.clone() })
            }
        }
    }

    fn machine(&self, real: &Embeddings, divergence: &dyn Divergence) -> Result<Calibration> {
        let experiment = self.experiment;
        let space = self.inputs.generator.space();
        let mut input =
            CalibrationInput::new(space.clone(), real.clone(), self.inputs.seed.derive("calibrate"));
        input.initial = starting_sets(experiment, space, self.inputs.seed)?;
        input.blocks = crate::models::blocks(&experiment.embedder);
        input.optimizer = Some(optimizer(experiment, space)?);
        Calibration::new(params(experiment), input, divergence)
    }

    /// Makes an iteration's samples, or takes them from the run.
    fn begin(&self, iteration: usize, trials: &[PlannedTrial], real: Option<Made>) -> Result<Current> {
        if let Some(stored) = StoredIteration::read(self.run, iteration)? {
            return Ok(Current::Stored(Box::new(stored)));
        }
        let started = Instant::now();
        let plan = trial_samples(iteration, trials, self.inputs.seed);
        let stage = format!("iteration {iteration} of {}", self.experiment.max_iterations);
        let made = self.maker.make(iteration, &plan, &stage)?;
        let made = match real {
            None => made,
            Some(mut real) => {
                real.append(made)?;
                real
            }
        };
        (self.notes)(Note::Failed(&made.failed))?;
        Ok(Current::Fresh { made, started })
    }

    fn synthetic_rows(&self, current: Option<&Current>) -> Result<Option<Embeddings>> {
        let identity = self.maker.embedder.identity();
        let wanted = |dataset_type| dataset_type != DatasetType::Real;
        match current {
            Some(Current::Stored(stored)) => stored.embeddings(identity, wanted),
            Some(Current::Fresh { made, .. }) => made.embeddings(identity, wanted),
            None => Ok(None),
        }
    }

    fn save(
        &self,
        record: IterationRecord,
        current: Current,
        real: &RealSet,
        divergence: &dyn FittedDivergence,
    ) -> Result<()> {
        match current {
            Current::Stored(stored) => {
                if stored.scores.record != record {
                    let path = self.run.root().join(step_name(record.iteration)).join("scores.json");
                    let problem = "this machine finds other scores from the same embeddings; go on with the \
                                   kind of CPU that began the run (manifest.json names it), or start anew \
                                   in another folder";
                    return Err(corrupt(&path, problem.into()));
                }
                (self.notes)(Note::Kept)
            }
            Current::Fresh { made, started } => {
                let rows = made.embeddings(self.maker.embedder.identity(), |t| t != DatasetType::Real)?;
                let scores = real.score(record, &made.records, rows.as_ref(), divergence)?;
                self.save_step(&scores, made)?;
                let last = self.experiment.max_iterations;
                let seconds = started.elapsed().as_secs_f64();
                (self.notes)(Note::Iteration { record: &scores.record, last, seconds })
            }
        }
    }

    fn save_step(&self, scores: &Scores, made: Made) -> Result<()> {
        let iteration = scores.record.iteration;
        let step = step_name(iteration);
        let mut files = made.files;
        let add = |files: &mut Vec<StepFile>, path: &str, bytes| {
            files.push(StepFile { path: path.to_owned(), bytes });
        };
        add(&mut files, "samples.jsonl", to_json_lines(&made.records)?);
        add(&mut files, "embeddings.npy", npy_from_f32(made.matrix.view()));
        if !made.failed.is_empty() {
            add(&mut files, "failed.jsonl", to_json_lines(&made.failed)?);
        }
        let (projected, projection) = self.project(iteration, &made.matrix)?;
        add(&mut files, "pca_2d.npy", npy_from_f64(projected.view()));
        files.push(json_file("scores.json", scores)?);
        for file in &mut files {
            file.path = format!("{step}/{}", file.path);
        }
        files.extend(projection.map(|bytes| StepFile { path: PROJECTION.into(), bytes }));
        self.run.save(&step, &files)
    }

    /// The rows in the plane of the plots; at iteration 0 also the fitted projection's bytes.
    fn project(&self, iteration: usize, rows: &Array2<f32>) -> Result<(Array2<f64>, Option<Vec<u8>>)> {
        if iteration > 0 {
            let fitted = FittedPca::load(&self.run.read(PROJECTION)?)?;
            return Ok((fitted.transform(rows.view())?, None));
        }
        let components = self.experiment.pca_components.min(rows.nrows()).min(rows.ncols());
        let fitted = PcaParams::default().with_components(components).build()?.fit(rows.view())?;
        Ok((fitted.transform(rows.view())?, Some(fitted.save()?)))
    }
}

/// The file of the projection fitted at iteration 0.
pub(crate) const PROJECTION: &str = "projection.safetensors";

impl Current {
    fn failed(&self) -> &[FailedSample] {
        match self {
            Self::Stored(stored) => &stored.failed,
            Self::Fresh { made, .. } => &made.failed,
        }
    }
}

/// Who proposes single sets. A batch of the `distribution` mode has room for few of them, so there all
/// that a model proposes are chosen by the acquisition, none merely where it expects the minimum.
fn optimizer(experiment: &Experiment, space: &ParameterSpace) -> Result<Arc<dyn Optimizer>> {
    let (acquisition, space) = (experiment.acquisition_function, space.clone());
    // A divergence of a few samples is noisy whatever the generator.
    let noise = Noise::Present;
    let has_model = ["auto", "gp"].contains(&experiment.optimizer.as_str());
    if has_model && experiment.mode == Mode::Distribution {
        let params = GpParams { acquisition, exploit: false, noise, ..GpParams::default() };
        return Ok(Arc::new(params.build(space)?));
    }
    let options = OptimizerOptions { acquisition, noise };
    optimizer_by_name(&experiment.optimizer, space, options).map(Arc::from)
}

fn params(experiment: &Experiment) -> CalibrationParams {
    CalibrationParams {
        mode: match experiment.mode {
            Mode::Distribution => CalibrationMode::Distribution,
            Mode::Point => CalibrationMode::Point,
        },
        policy: match experiment.batch_policy {
            config::BatchPolicy::Active => BatchPolicy::Active,
            config::BatchPolicy::Sobol => BatchPolicy::Sobol,
        },
        initial_sets: experiment.initial_sets,
        iteration_batch_size: experiment.iteration_batch_size,
        replications: experiment.replications_per_iteration,
        max_iterations: experiment.max_iterations,
        early_stop_patience: experiment.early_stop_patience,
        convergence_threshold: experiment.convergence_threshold,
        point_sets: experiment.point_sets,
        bootstrap_replicates: experiment.bootstrap_replicates,
        folds: experiment.folds,
        holdout_from: experiment.holdout_from,
    }
}
