//! The void simulator's images in point mode: which parameter set did the real images come from?

use std::sync::Arc;

use ndarray::{Array2, Axis, concatenate};
use synth_benches::VoidImages;
use synth_core::{Embeddings, Error, Optimizer, ParameterSet, Result, Seed, Trial};
use synth_embed::FeaturesParams;
use synth_optimize::calibrate::{
    Action, Calibration, CalibrationInput, CalibrationMode, CalibrationParams, InitialSet, Outcome,
    PlannedTrial, TrialOrigin,
};
use synth_optimize::{Noise, OptimizerOptions, RandomParams, optimizer_by_name};
use synth_validate::fidelity::{MmdParams, median_bandwidth, mmd2};

use crate::problems::Answer;
use crate::{BATCH, BATCHES};

/// Images of the hidden set that stand for the real ones.
const REAL: usize = 48;
/// Images generated for a trial.
const TRIAL: usize = 24;
/// Images of each side from which the regret is measured.
const MANY: usize = 240;
/// Trials of the hidden set itself that show how much its values vary.
const AT_TRUTH: usize = 50;

/// MMD² of a parameter set's images to those of a hidden set that the seed draws from the whole space, in
/// standard deviations of what a trial of the hidden set itself gives: at 2 a trial cannot tell it from that.
pub(crate) struct PointOfImages {
    images: VoidImages,
    real: Array2<f32>,
    many: Array2<f32>,
    sigma: f64,
    unit: f64,
    seed: Seed,
}

impl PointOfImages {
    pub(crate) fn new(seed: Seed) -> Result<Self> {
        let images = VoidImages::new(Box::new(FeaturesParams::default().build()?))?;
        let draw = RandomParams::default().build(images.space().clone())?.suggest(&[], 1, seed)?;
        let of = |count, purpose| {
            images.embed(&vec![draw.proposals[0].params.clone(); count], seed.derive(purpose))
        };
        let (real, many) = (of(REAL, "real")?, of(MANY, "many")?);
        let sigma = median_bandwidth(real.view(), None, seed.derive("sigma"))?.sigma;
        let trials = of(AT_TRUTH * TRIAL, "at truth")?;
        let at_truth: Vec<f64> = trials
            .axis_chunks_iter(Axis(0), TRIAL)
            .map(|trial| Ok(mmd2(trial, real.view(), sigma)?.unbiased))
            .collect::<Result<_>>()?;
        Ok(Self { images, real, many, sigma, unit: standard_deviation(&at_truth), seed })
    }

    /// The value is of a few fresh images and the few real ones, the regret of many.
    pub(crate) fn evaluate(&self, set: &ParameterSet, index: u64) -> Result<Answer> {
        let trial = self.trial(set, index)?;
        let many = self.images.embed(&vec![set.clone(); MANY], self.seed.derive("regret"))?;
        let value = mmd2(trial.view(), self.real.view(), self.sigma)?.unbiased;
        let regret = mmd2(many.view(), self.many.view(), self.sigma)?.unbiased;
        Ok(Answer { value: value / self.unit, regret: regret / self.unit })
    }

    fn trial(&self, set: &ParameterSet, index: u64) -> Result<Array2<f32>> {
        self.images.embed(&vec![set.clone(); TRIAL], self.seed.derive(&format!("trial {index}")))
    }
}

fn standard_deviation(values: &[f64]) -> f64 {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let square: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (square / (values.len() - 1) as f64).sqrt()
}

/// A calibration in point mode, which is told the images of the trials and not only their values.
pub(crate) struct PointRun {
    problem: PointOfImages,
    calibration: Calibration,
}

impl PointRun {
    /// From the starting sets.
    pub(crate) fn new(problem: PointOfImages, start: &[ParameterSet], seed: u64) -> Result<Self> {
        let space = problem.images.space().clone();
        let params = CalibrationParams {
            mode: CalibrationMode::Point,
            replications: TRIAL,
            iteration_batch_size: BATCH,
            max_iterations: BATCHES,
            early_stop_patience: BATCHES,
            bootstrap_replicates: 19,
            ..CalibrationParams::default()
        };
        let real = Embeddings::ungrouped(problem.real.clone(), problem.images.embedder().identity().clone())?;
        let mut input = CalibrationInput::new(space.clone(), real, Seed::from_u64(seed));
        let options = OptimizerOptions { noise: Noise::Present, ..OptimizerOptions::default() };
        input.optimizer = Some(Arc::from(optimizer_by_name("auto", space, options)?));
        input.initial = start
            .iter()
            .enumerate()
            .map(|(at, params)| InitialSet {
                param_set_id: format!("start_{at}"),
                params: params.clone(),
                replications: TRIAL,
                origin: TrialOrigin::Sobol,
            })
            .collect();
        let calibration =
            Calibration::new(params, input, &MmdParams::default().with_permutations(0).build()?)?;
        Ok(Self { problem, calibration })
    }

    /// The next batch, after all these trials were made; empty at the end.
    pub(crate) fn next(&mut self, trials: &[Trial]) -> Result<Vec<ParameterSet>> {
        let mut planned: Option<Vec<PlannedTrial>> = None;
        loop {
            let outcome = match self.calibration.next() {
                Action::Generate { trials, .. } if planned.is_some() => {
                    return Ok(trials.into_iter().map(|trial| trial.params).collect());
                }
                Action::Generate { trials, .. } => {
                    planned = Some(trials);
                    Outcome::Generated { failed: Vec::new() }
                }
                Action::Embed { .. } => {
                    let planned = planned.as_deref().unwrap_or_default();
                    Outcome::Embedded { embeddings: Some(self.embed(planned, trials.len() - planned.len())?) }
                }
                Action::Save { .. } => Outcome::Saved,
                Action::Done(_) => return Ok(Vec::new()),
            };
            self.calibration.apply(outcome)?;
        }
    }

    /// The images of the last trials, the first of which has this index.
    fn embed(&self, planned: &[PlannedTrial], first: usize) -> Result<Embeddings> {
        let images: Vec<Array2<f32>> = planned
            .iter()
            .enumerate()
            .map(|(at, trial)| self.problem.trial(&trial.params, (first + at) as u64))
            .collect::<Result<_>>()?;
        let views: Vec<_> = images.iter().map(|image| image.view()).collect();
        let matrix = concatenate(Axis(0), &views).map_err(|e| Error::component("images", e))?;
        let groups: Vec<String> =
            planned.iter().flat_map(|t| std::iter::repeat_n(t.param_set_id.clone(), TRIAL)).collect();
        let ids = (0..groups.len()).map(|i| format!("{first}_{i}")).collect();
        Embeddings::new(ids, groups, matrix, self.problem.images.embedder().identity().clone())
    }
}
