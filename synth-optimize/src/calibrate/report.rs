//! The end of a calibration: verdict, held-out samples, bands, and what is missed.

use synth_core::{Embeddings, Result, Seed};

use super::action::FeatureBlock;
use super::curves::curves;
use super::data::{Generated, Real, float_rows};
use super::fit::{Fit, Frame};
use super::history::History;
use super::miss;
use super::params::CalibrationParams;
use super::record::{CalibrationResult, HoldoutResult, StopReason};
use super::verdict::{Judgement, held_out, verdict};

/// All that a result is made from.
pub(crate) struct Inputs<'a> {
    pub(crate) frame: &'a Frame<'a>,
    pub(crate) fit: &'a Fit,
    pub(crate) generated: &'a Generated,
    pub(crate) real: &'a Real,
    pub(crate) held_out: Option<&'a Embeddings>,
    pub(crate) history: &'a History,
    pub(crate) blocks: &'a [FeatureBlock],
    pub(crate) params: &'a CalibrationParams,
    pub(crate) seed: Seed,
}

pub(crate) fn result(inputs: &Inputs<'_>, stop: StopReason) -> Result<CalibrationResult> {
    let Inputs { frame, fit, generated, real, history, seed, .. } = *inputs;
    let Judgement { verdict, errors } =
        verdict(frame, fit, generated, real, inputs.params.bootstrap_replicates, seed)?;
    let record = history.last().cloned().unwrap_or_else(|| fit.calibrated.estimate.clone());
    Ok(CalibrationResult {
        distribution: fit.chosen.member.distribution(frame.axes, frame.space),
        miss: miss::describe(fit, generated, real, inputs.blocks, &verdict),
        verdict,
        ratio: ratio(fit),
        calibrated: record,
        uniform: fit.uniform.clone(),
        holdout: inputs.held_out.map(|rows| judge_held_out(inputs, rows)),
        best: history.best.clone(),
        marginals: curves(frame, fit, &errors),
        method: fit.chosen.method,
        found_in: fit.chosen.iteration,
        measured: fit.winner.map(|winner| fit.measured[winner].clone()),
        contested: fit.rival.is_some(),
        stop,
        iterations: history.iterations(),
        notes: notes(inputs),
    })
}

/// Calibrated ÷ uniform, where the latter is clearly above 0.
fn ratio(fit: &Fit) -> Option<f64> {
    let std_error = fit.uniform.std_error?;
    (fit.uniform.value > 2.0 * std_error).then(|| fit.calibrated.estimate.value / fit.uniform.value)
}

fn judge_held_out(inputs: &Inputs<'_>, held: &Embeddings) -> HoldoutResult {
    let rows = float_rows(held);
    let slices: Vec<&[f32]> = rows.iter().map(Vec::as_slice).collect();
    let gram = inputs.frame.similarity.own_gram(&slices);
    let cross = inputs.frame.similarity.gram(&slices, &inputs.generated.slices());
    let groups = held.group_numbers();
    let judge = |alpha| held_out(inputs.fit, alpha, &gram, &cross, &groups);
    HoldoutResult {
        groups: held.group_count(),
        samples: held.len(),
        calibrated: judge(&inputs.fit.alpha),
        uniform: judge(&inputs.fit.uniform_alpha),
    }
}

fn notes(inputs: &Inputs<'_>) -> Vec<String> {
    let (samples, groups) = (inputs.real.len(), inputs.real.members.len());
    let mut notes = Vec::new();
    if groups < samples {
        notes.push(format!("{samples} real samples are {groups} independent groups, not {samples} samples"));
    }
    if inputs.held_out.is_none() {
        notes.push("no held-out part: there are too few independent real samples to spare any".to_owned());
    }
    let upper = super::history::upper_bound(&inputs.fit.uniform);
    if inputs.params.convergence_threshold.is_some_and(|threshold| upper < threshold) {
        notes.push(
            "even the uniform distribution's upper 95 % bound lies below `convergence_threshold`, so passing it says \
             little"
                .to_owned(),
        );
    }
    notes
}
