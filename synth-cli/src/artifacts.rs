//! What a finished calibration leaves: its result, the calibrated distribution, the trials.

use std::fmt::Write;
use std::path::Path;

use serde::Serialize;
use synth_core::{
    Error, Marginal, ParameterDistribution, ParameterSpace, Result, StepFile, Trial, TrialStatus,
};
use synth_export::{RunDirectory, json_file};
use synth_optimize::calibrate::CalibrationResult;

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
            let status = if value.is_some() { TrialStatus::Ok } else { TrialStatus::Failed };
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
    line("calibrated distribution:".to_owned());
    for parameter in experiment.param_bounds.parameters() {
        if let Some(marginal) = marginal(&result.distribution, &parameter.name) {
            line(format!("  {:18} {}", parameter.name, describe(marginal)));
        }
    }
    for note in &result.notes {
        line(format!("note: {note}"));
    }
    line(format!("report: {}", root.join("report.html").display()));
    let generator = &experiment.generator.name;
    line(format!("next: synth generate {generator} --from-run {} --count 1000 --out DIR", root.display()));
    text
}

fn marginal<'a>(distribution: &'a ParameterDistribution, name: &str) -> Option<&'a Marginal> {
    match distribution {
        ParameterDistribution::Independent { marginals }
        | ParameterDistribution::Copula { marginals, .. } => marginals.get(name),
        _ => None,
    }
}

fn describe(marginal: &Marginal) -> String {
    match marginal {
        Marginal::Normal { mean, std } => format!("mean {mean:.3}, std {std:.3}"),
        Marginal::Uniform { low, high } => format!("uniform in [{low:.3}, {high:.3}]"),
        Marginal::Constant { value } => value.to_string(),
        Marginal::Categorical(shares) => {
            let shares: Vec<String> =
                shares.iter().map(|(name, share)| format!("{name} {share:.2}")).collect();
            shares.join(", ")
        }
    }
}
