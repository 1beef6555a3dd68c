//! What a finished calibration leaves: its result, the calibrated distribution, the trials.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use synth_core::{Error, ParameterSpace, Result, StepFile, Trial, TrialStatus};
use synth_export::{RunDirectory, json_file};
use synth_optimize::calibrate::{CalibrationResult, FitMethod, MarginalCurve, StopReason};

use crate::config::{CalibratedFile, Experiment};
use crate::inputs::Inputs;
use crate::pipeline::StoredIteration;

/// The calibrated distribution: input of `synth generate`.
pub(crate) const CALIBRATED: &str = "calibrated.yaml";
const RESULT: &str = "result.json";

/// `optimizer.json`: who proposed, and everything that was measured.
#[derive(Serialize)]
struct OptimizerFile<'a> {
    name: &'a str,
    acquisition: &'a synth_optimize::Acquisition,
    space: &'a ParameterSpace,
    trials: Vec<Trial>,
}

/// The files of the step after the last iteration.
pub(crate) fn result_files(
    run: &RunDirectory,
    experiment: &Experiment,
    inputs: &Inputs,
    result: &CalibrationResult,
) -> Result<Vec<StepFile>> {
    let optimizer = OptimizerFile {
        name: &experiment.optimizer,
        acquisition: &experiment.acquisition_function,
        space: inputs.generator.space(),
        trials: trials(run)?,
    };
    let calibrated = CalibratedFile::of(experiment, &result.distribution).to_yaml()?;
    Ok(vec![
        json_file("optimizer.json", &optimizer)?,
        json_file(RESULT, result)?,
        StepFile { path: CALIBRATED.into(), bytes: calibrated.into_bytes() },
    ])
}

fn trials(run: &RunDirectory) -> Result<Vec<Trial>> {
    let mut trials = Vec::new();
    for iteration in 0.. {
        let Some(stored) = StoredIteration::read(run, iteration)? else { break };
        trials.extend(stored.scores.record.trials.into_iter().map(|trial| {
            let (value, std_error) =
                trial.divergence.map_or((None, None), |found| (Some(found.value), found.std_error));
            let status = match value {
                Some(_) => TrialStatus::Ok,
                // Too few samples for a value of its own are no failure.
                None if trial.samples > 0 => TrialStatus::Pending,
                None => TrialStatus::Failed,
            };
            Trial { params: trial.params, value, std_error, mean_embedding: None, status }
        }));
    }
    Ok(trials)
}

/// The result of a finished run.
///
/// # Errors
/// [`Error::NotFound`] where the run is not finished, [`Error::Corrupt`] for an altered file.
pub(crate) fn read_result(run: &RunDirectory) -> Result<CalibrationResult> {
    serde_json::from_slice(&run.read(RESULT)?).map_err(|error| Error::Corrupt {
        path: run.root().join(RESULT).display().to_string(),
        problem: error.to_string(),
    })
}

/// What a person wants to know first.
pub(crate) fn summary(experiment: &Experiment, result: &CalibrationResult, root: &Path) -> String {
    let mut text = String::new();
    let mut line = |content: String| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{content}");
    };
    line(format!("verdict: {}", result.verdict.text));
    line(format!(
        "divergence (MMD²): calibrated {:.5}, uniform prior {:.5}",
        result.calibrated.value, result.uniform.value
    ));
    line(format!(
        "real set: {} samples in {} independent groups",
        result.verdict.samples, result.verdict.groups
    ));
    line(format!("stopped {}", ending(result)));
    line(format!("distribution {}", origin(result)));
    if let Some(measured) = &result.measured {
        let found = &measured.divergence;
        let error = found.std_error.map(|error| format!(" ± {error:.5}")).unwrap_or_default();
        line(format!("measured on {} samples drawn from it: {:.5}{error}", measured.samples, found.value));
    }
    line("calibrated distribution, mean and standard deviation inside the bounds:".to_owned());
    for marginal in &result.marginals {
        let (parameter, described) = describe(marginal);
        line(format!("  {parameter:18} {described}"));
    }
    for note in &result.notes {
        line(format!("note: {note}"));
    }
    line(format!("report: {}", root.join("report.html").display()));
    let generator = &experiment.generator.name;
    line(format!("next: synth generate {generator} --from-run {} --count 1000 --out DIR", root.display()));
    text
}

/// Why the calibration ended, as `after iteration 7: …`.
pub(crate) fn ending(result: &CalibrationResult) -> String {
    let why = match result.stop {
        StopReason::IterationLimit => {
            "the limit was reached; the last iterations are kept for measuring the result"
        }
        StopReason::Plateau => {
            "neither did the divergence fall nor the distribution move by more than chance"
        }
        StopReason::Threshold => "the upper 95 % bound of the divergence fell below `convergence_threshold`",
        StopReason::Exhausted => "every parameter set of the space was measured",
    };
    format!("after iteration {}: {why}", result.iterations.saturating_sub(1))
}

/// Where the calibrated distribution comes from, as `found in iteration 5 by …`.
pub(crate) fn origin(result: &CalibrationResult) -> String {
    let how = match result.method {
        FitMethod::Likelihood => "by the likelihood of the real samples",
        FitMethod::MeanEmbedding => {
            "by its mean embedding: clearly nearer to the real samples than the likelihood's"
        }
        FitMethod::Uniform => "to be the uniform prior: nothing fitted is nearer to the real samples",
    };
    format!("found in iteration {} {how}", result.found_in)
}

fn describe(marginal: &MarginalCurve) -> (&str, String) {
    match marginal {
        MarginalCurve::Numeric { parameter, mean, std, .. } => {
            (parameter, format!("mean {mean:.3}, std {std:.3}"))
        }
        MarginalCurve::Categorical { parameter, choices, probability, .. } => {
            let shares: Vec<String> =
                choices.iter().zip(probability).map(|(name, share)| format!("{name} {share:.2}")).collect();
            (parameter, shares.join(", "))
        }
    }
}
