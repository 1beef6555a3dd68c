//! What was measured so far, what was found in each iteration, and when to stop.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use synth_core::{Embeddings, Error, Estimate, FittedDivergence, ParameterSpace, Result, Seed, Trial};

use super::axes::Axes;
use super::curves::left_uniform;
use super::data::{Generated, Real, float_rows};
use super::fit::{Fit, grouped_std_error};
use super::params::CalibrationParams;
use super::record::{
    FailedSample, IterationRecord, ParameterVisibility, PlannedTrial, RankedSet, StopReason, TrialRecord,
};

/// Iterations before a plateau is looked for.
const LEAST_ITERATIONS: usize = 3;
const NULL_DRAWS: u64 = 2000;
const BEST: usize = 5;

#[derive(Debug)]
pub(crate) struct History {
    trials: Vec<(usize, TrialRecord)>,
    members: Vec<Vec<usize>>,
    self_similarity: f64,
    /// Quantiles of the divergence of a perfect generator.
    null: Vec<(f64, f64)>,
    estimates: Vec<Estimate>,
    best_value: f64,
    best_influence: Vec<f64>,
    since_better: usize,
    pub(crate) best: Vec<RankedSet>,
}

impl History {
    pub(crate) fn new(real: &Real, seed: Seed) -> Self {
        Self {
            trials: Vec::new(),
            members: real.members.clone(),
            self_similarity: real.self_similarity(),
            null: null_quantiles(real, seed.derive("null")),
            estimates: Vec::new(),
            best_value: f64::INFINITY,
            best_influence: Vec::new(),
            since_better: 0,
            best: Vec::new(),
        }
    }

    /// Sets with at least one sample.
    pub(crate) fn measured(&self) -> usize {
        self.trials.iter().filter(|(_, trial)| trial.samples > 0).count()
    }

    /// Sets tried, measured or failed.
    pub(crate) fn tried(&self) -> u64 {
        self.trials.len() as u64
    }

    /// The trials as an optimiser sees them.
    pub(crate) fn trials(&self) -> Vec<Trial> {
        let trial = |(_, trial): &(usize, TrialRecord)| match &trial.divergence {
            Some(estimate) => {
                let ok = Trial::ok(trial.params.clone(), estimate.value);
                estimate.std_error.filter(|se| *se > 0.0).map_or(ok.clone(), |se| ok.with_std_error(se))
            }
            None => Trial::failed(trial.params.clone()),
        };
        self.trials.iter().map(trial).collect()
    }

    pub(crate) fn take_in(
        &mut self,
        generated: &mut Generated,
        iteration: usize,
        planned: Vec<PlannedTrial>,
        failed: &[FailedSample],
        embeddings: Option<&Embeddings>,
        divergence: &dyn FittedDivergence,
    ) -> Result<()> {
        let rows = embeddings.map(float_rows).unwrap_or_default();
        for trial in planned {
            let own: Vec<usize> = embeddings.map_or_else(Vec::new, |e| {
                (0..e.len()).filter(|&row| e.groups()[row] == trial.param_set_id).collect()
            });
            let estimate = match embeddings {
                Some(embeddings) if !own.is_empty() => measured(divergence, &embeddings.select(&own)?)?,
                _ => None,
            };
            for &row in &own {
                generated.ids.push(embeddings.map_or_else(String::new, |e| e.ids()[row].clone()));
                generated.rows.push(rows[row].clone());
                generated.sets.push(trial.params.clone());
                generated.groups.push(self.trials.len());
            }
            let record = TrialRecord {
                failed: failed.iter().filter(|f| f.param_set_id == trial.param_set_id).count(),
                samples: own.len(),
                divergence: estimate,
                param_set_id: trial.param_set_id,
                params: trial.params,
                origin: trial.origin,
            };
            self.trials.push((iteration, record));
        }
        Ok(())
    }

    pub(crate) fn record(
        &mut self,
        space: &ParameterSpace,
        axes: &Axes,
        fit: &Fit,
        iteration: usize,
    ) -> IterationRecord {
        self.compare(fit);
        self.best = self.rank(fit);
        let calibrated = Estimate { null_quantiles: self.null.clone(), ..fit.calibrated.clone() };
        self.estimates.push(calibrated.clone());
        IterationRecord {
            iteration,
            trials: self.trials.iter().filter(|(i, _)| *i == iteration).map(|(_, t)| t.clone()).collect(),
            calibrated,
            uniform: fit.uniform.clone(),
            distribution: fit.member.distribution(axes, space),
            regularisation: fit.strength,
            visibility: visibility(space, axes, fit),
            best: self.best.clone(),
            notes: notes(space, fit),
        }
    }

    /// Whether the divergence fell by more than the standard error of the change, which is that of the
    /// paired contributions of the same real samples.
    fn compare(&mut self, fit: &Fit) {
        let value = fit.calibrated.value;
        let better = if self.best_influence.is_empty() {
            true
        } else {
            let change: Vec<f64> =
                self.best_influence.iter().zip(&fit.influence).map(|(old, new)| old - new).collect();
            let std_error = grouped_std_error(&change, &self.members).unwrap_or(f64::INFINITY);
            self.best_value - value > std_error
        };
        if better {
            self.best_value = value;
            self.best_influence.clone_from(&fit.influence);
            self.since_better = 0;
        } else if self.estimates.len() > LEAST_ITERATIONS {
            self.since_better += 1;
        }
    }

    /// Why to stop after `iteration`, if at all.
    pub(crate) fn stop(
        &self,
        params: &CalibrationParams,
        iteration: usize,
        exhausted: bool,
    ) -> Option<StopReason> {
        let upper = |e: &Estimate| e.std_error.map_or(f64::INFINITY, |se| e.value + 1.645 * se);
        let last = self.estimates.last()?;
        if exhausted {
            Some(StopReason::Exhausted)
        } else if iteration >= LEAST_ITERATIONS
            && params.convergence_threshold.is_some_and(|threshold| upper(last) < threshold)
        {
            Some(StopReason::Threshold)
        } else if iteration >= params.max_iterations {
            Some(StopReason::IterationLimit)
        } else {
            (self.since_better >= params.early_stop_patience).then_some(StopReason::Plateau)
        }
    }

    /// Iterations made.
    pub(crate) fn iterations(&self) -> usize {
        self.estimates.len()
    }

    pub(crate) fn last(&self) -> Option<&Estimate> {
        self.estimates.last()
    }

    /// Single sets by the surrogate's divergence, which smooths over all trials.
    fn rank(&self, fit: &Fit) -> Vec<RankedSet> {
        let (mean, cross) = (&fit.surrogate.mean, &fit.surrogate.cross);
        let n = cross.nrows() as f64;
        let real = DVector::from_iterator(cross.ncols(), cross.column_iter().map(|c| c.sum() / n));
        let weights = &fit.surrogate.smoothed;
        let predicted = |weights: DVector<f64>| {
            weights.dot(&(&mean.gram * &weights)) - 2.0 * weights.dot(&real) + self.self_similarity
        };
        let mut ranked: Vec<RankedSet> = fit
            .surrogate
            .firsts
            .iter()
            .map(|&(row, trial)| {
                let (_, record) = &self.trials[trial];
                RankedSet {
                    param_set_id: record.param_set_id.clone(),
                    params: record.params.clone(),
                    predicted: predicted(weights.row(row).transpose()),
                    measured: record.divergence.as_ref().map(|e| e.value),
                }
            })
            .collect();
        ranked.sort_by(|a, b| a.predicted.total_cmp(&b.predicted).then(a.param_set_id.cmp(&b.param_set_id)));
        ranked.truncate(BEST);
        ranked
    }
}

/// The divergence of a set's samples; `None` where they are too few for it.
fn measured(divergence: &dyn FittedDivergence, samples: &Embeddings) -> Result<Option<Estimate>> {
    match divergence.estimate(samples) {
        Ok(estimate) => Ok(Some(estimate)),
        Err(Error::TooFewSamples { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

fn visibility(space: &ParameterSpace, axes: &Axes, fit: &Fit) -> Vec<ParameterVisibility> {
    let r2 = &fit.surrogate.summaries.r2;
    let best = |columns: std::ops::Range<usize>| {
        columns.filter_map(|c| r2.get(c)).copied().fold(0.0, f64::max).clamp(0.0, 1.0)
    };
    space
        .parameters()
        .iter()
        .zip(axes.target_columns())
        .map(|(p, columns)| ParameterVisibility { parameter: p.name.clone(), r2: best(columns) })
        .collect()
}

fn notes(space: &ParameterSpace, fit: &Fit) -> Vec<String> {
    let mut notes = Vec::new();
    if fit.surrogate.emulator.is_none() {
        notes.push(
            "the embedding reveals nothing of any parameter: the distribution is the typical one".into(),
        );
    }
    let uniform = left_uniform(space);
    if !uniform.is_empty() {
        notes.push(format!(
            "shares stay uniform, the family has no other distribution for them: {}",
            uniform.join(", ")
        ));
    }
    if fit.correlation > 0.0 {
        notes.push(format!(
            "samples of one real group are alike (intraclass correlation {:.2}) and weigh accordingly",
            fit.correlation
        ));
    }
    notes
}

/// Null of the unbiased MMD² between n real samples and the distribution that they come from: the
/// degenerate V-statistic's weighted chi-squares, Σ λₗ (zₗ² − 1) / n, with the eigenvalues of the
/// centred Gram matrix of group means (Gretton et al. 2012, "A kernel two-sample test", J. Mach. Learn.
/// Res. 13, theorem 12).
fn null_quantiles(real: &Real, seed: Seed) -> Vec<(f64, f64)> {
    let count = real.members.len();
    let mean = |a: &[usize], b: &[usize]| {
        a.iter().flat_map(|&i| b.iter().map(move |&j| real.gram[(i, j)])).sum::<f64>()
            / (a.len() * b.len()) as f64
    };
    let gram = DMatrix::from_fn(count, count, |i, j| mean(&real.members[i], &real.members[j]));
    let rows: DVector<f64> = gram.column_mean();
    let total = rows.mean();
    let centred = DMatrix::from_fn(count, count, |i, j| gram[(i, j)] - rows[i] - rows[j] + total);
    let n = count as f64;
    let weights: Vec<f64> =
        SymmetricEigen::new(centred).eigenvalues.iter().map(|l| l.max(0.0) / (n - 1.0) / n).collect();
    let mut draws: Vec<f64> = (0..NULL_DRAWS)
        .map(|index| {
            let mut stream = seed.stream(index);
            weights.iter().map(|w| w * (stream.normal().powi(2) - 1.0)).sum()
        })
        .collect();
    draws.sort_by(f64::total_cmp);
    let at = |level: f64| draws[((draws.len() - 1) as f64 * level).round() as usize];
    [0.05, 0.5, 0.95].map(|level| (level, at(level))).to_vec()
}
