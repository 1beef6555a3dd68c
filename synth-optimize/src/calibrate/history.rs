//! What was measured so far, what was found in each iteration, and when to stop.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use synth_core::{
    Embeddings, Error, Estimate, FittedDivergence, ParameterSet, ParameterSpace, Result, Seed, Trial,
};

use super::axes::Axes;
use super::choice::Judged;
use super::curves::left_uniform;
use super::data::{Generated, Real, float_rows};
use super::fit::{Fit, grouped_std_error};
use super::linear::members;
use super::matching::mean_cross;
use super::params::CalibrationParams;
use super::record::{
    FailedSample, IterationRecord, ParameterVisibility, PlannedTrial, RankedSet, StopReason, TrialRecord,
};

/// Iterations before a plateau is looked for.
const LEAST_ITERATIONS: usize = 3;
/// A distribution moves by a squared distance of more than this share of what a perfect generator may
/// show.
const MOVED: f64 = 0.05;
const NULL_DRAWS: u64 = 2000;
const BEST: usize = 5;

#[derive(Debug)]
pub(crate) struct History {
    trials: Vec<(usize, TrialRecord)>,
    members: Vec<Vec<usize>>,
    self_similarity: f64,
    /// Mean of k(xᵢ, ·) over the other real samples.
    similarity_to_others: Vec<f64>,
    /// Quantiles of the divergence of a perfect generator.
    null: Vec<(f64, f64)>,
    estimates: Vec<Estimate>,
    best_so_far: Option<Judged>,
    since_better: usize,
    pub(crate) best: Vec<RankedSet>,
}

impl History {
    pub(crate) fn new(real: &Real, seed: Seed) -> Self {
        Self {
            trials: Vec::new(),
            members: real.members.clone(),
            self_similarity: real.self_similarity(),
            similarity_to_others: (0..real.len()).map(|i| real.similarity_to_others(i)).collect(),
            null: null_quantiles(real, seed.derive("null")),
            estimates: Vec::new(),
            best_so_far: None,
            since_better: 0,
            best: Vec::new(),
        }
    }

    /// The divergence that a perfect generator exceeds in one of twenty real sets.
    pub(crate) fn perfect(&self) -> f64 {
        self.null.last().map_or(0.0, |(_, value)| *value)
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
            // Too few samples for a value are no failure.
            None if trial.samples > 0 => Trial::pending(trial.params.clone()),
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
            let group = self.group_of(&trial.params);
            for &row in &own {
                generated.ids.push(embeddings.map_or_else(String::new, |e| e.ids()[row].clone()));
                generated.rows.push(rows[row].clone());
                generated.sets.push(trial.params.clone());
                generated.groups.push(group);
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

    /// The group of a set's samples, the number of its first trial that gave any: what is measured again adds to
    /// what is there, and is left out with it.
    fn group_of(&self, params: &ParameterSet) -> usize {
        self.measured_again(params).next().map_or(self.trials.len(), |(at, _)| at)
    }

    /// Trials of a set that gave samples, with their numbers.
    fn measured_again(&self, params: &ParameterSet) -> impl Iterator<Item = (usize, &TrialRecord)> {
        let trials = self.trials.iter().enumerate().map(|(at, (_, trial))| (at, trial));
        trials.filter(move |(_, trial)| trial.samples > 0 && trial.params == *params)
    }

    pub(crate) fn record(
        &mut self,
        space: &ParameterSpace,
        axes: &Axes,
        fit: &Fit,
        generated: &Generated,
        iteration: usize,
    ) -> IterationRecord {
        self.compare(fit);
        self.best = self.rank(fit, generated);
        let calibrated = Estimate { null_quantiles: self.null.clone(), ..fit.calibrated.estimate.clone() };
        self.estimates.push(calibrated.clone());
        IterationRecord {
            iteration,
            trials: self.trials.iter().filter(|(i, _)| *i == iteration).map(|(_, t)| t.clone()).collect(),
            calibrated,
            uniform: fit.uniform.clone(),
            distribution: fit.chosen.member.distribution(axes, space),
            method: fit.chosen.method,
            found_in: fit.chosen.iteration,
            measured: fit.measured.last().cloned(),
            regularisation: fit.chosen.strength,
            visibility: visibility(space, axes, fit),
            best: self.best.clone(),
            notes: notes(space, fit),
        }
    }

    /// Whether the divergence fell by more than the standard error of the change, which is that of the
    /// paired contributions of the same real samples, or the distribution still moves. The divergence
    /// alone would stop too early: of few real samples its error hides much of what is still learned.
    fn compare(&mut self, fit: &Fit) {
        let better = self.best_so_far.as_ref().is_none_or(|best| {
            let (gain, std_error) = best.gain(&fit.calibrated, &self.members);
            gain > std_error
        });
        if better {
            self.best_so_far = Some(fit.calibrated.clone());
        }
        if better || fit.moved.is_some_and(|moved| moved > MOVED * self.perfect()) {
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
        let last = self.estimates.last()?;
        if exhausted {
            Some(StopReason::Exhausted)
        } else if iteration >= LEAST_ITERATIONS
            && params.convergence_threshold.is_some_and(|threshold| upper_bound(last) < threshold)
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
    fn rank(&self, fit: &Fit, generated: &Generated) -> Vec<RankedSet> {
        let everything: Vec<usize> = (0..fit.surrogate.cross.nrows()).collect();
        let predicted = fit.surrogate.single_sets(&mean_cross(&fit.surrogate.cross, &everything));
        let id = |at: usize| &self.trials[fit.surrogate.firsts[at].1].1.param_set_id;
        let mut order: Vec<usize> = (0..predicted.len()).collect();
        order.sort_by(|&a, &b| predicted[a].total_cmp(&predicted[b]).then(id(a).cmp(id(b))));
        order.truncate(BEST);
        let errors = self.smoothed_errors(fit, generated, &order);
        order
            .into_iter()
            .zip(errors)
            .map(|(at, predicted_std_error)| {
                let (_, record) = &self.trials[fit.surrogate.firsts[at].1];
                let measured = self.mean_measured(&record.params);
                RankedSet {
                    param_set_id: record.param_set_id.clone(),
                    params: record.params.clone(),
                    predicted: predicted[at] + self.self_similarity,
                    predicted_std_error,
                    measured: measured.map(|(value, _)| value),
                    measured_std_error: measured.and_then(|(_, std_error)| std_error),
                }
            })
            .collect()
    }

    /// Mean of the divergences measured of a set, with the standard error of a single one: several are of the same
    /// real samples, so their errors are not independent.
    fn mean_measured(&self, params: &ParameterSet) -> Option<(f64, Option<f64>)> {
        let estimates: Vec<&Estimate> =
            self.measured_again(params).filter_map(|(_, trial)| trial.divergence.as_ref()).collect();
        let n = estimates.len() as f64;
        let mean = estimates.iter().map(|e| e.value).sum::<f64>() / n;
        match estimates.as_slice() {
            [] => None,
            [only] => Some((mean, only.std_error)),
            _ => Some((mean, None)),
        }
    }

    /// Standard errors of the smoothed divergences of some measured sets, α being the weights of one: by
    /// the real samples, as everywhere, and by the generated ones, whose witness values
    /// f(x̃ⱼ) = 2 ((Kα)ⱼ − cⱼ) differ from what the other sets predict of them by eⱼ:
    /// Σ over sets of (Σⱼ αⱼ eⱼ)².
    fn smoothed_errors(&self, fit: &Fit, generated: &Generated, sets: &[usize]) -> Vec<Option<f64>> {
        let (surrogate, cross) = (&fit.surrogate, &fit.surrogate.cross);
        let prediction = surrogate.mean.left_out_weights(&generated.groups);
        let own = members(&generated.groups);
        let everything: Vec<usize> = (0..cross.nrows()).collect();
        let target = mean_cross(cross, &everything);
        let error = |&at: &usize| {
            let alpha: DVector<f64> = surrogate.smoothed.row(at).transpose();
            let witness = (&surrogate.mean.gram * &alpha - &target) * 2.0;
            let surprise = &witness - &prediction * &witness;
            let square =
                |rows: &Vec<usize>| rows.iter().map(|&j| alpha[j] * surprise[j]).sum::<f64>().powi(2);
            let influence: Vec<f64> = (0..cross.nrows())
                .map(|i| 2.0 * self.similarity_to_others[i] - 2.0 * cross.row(i).transpose().dot(&alpha))
                .collect();
            let by_real = grouped_std_error(&influence, &self.members)?;
            Some(by_real.hypot(own.iter().map(square).sum::<f64>().sqrt()))
        };
        sets.iter().map(error).collect()
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

/// Upper end of the one-sided 95 % interval.
pub(crate) fn upper_bound(estimate: &Estimate) -> f64 {
    estimate.std_error.map_or(f64::INFINITY, |std_error| estimate.value + 1.645 * std_error)
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
