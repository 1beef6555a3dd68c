//! `synth ask`: the next parameter sets for a simulator of one's own.

use std::path::Path;

use synth_core::{Error, ParameterSpace, Result, Seed, Trial};
use synth_export::{parse_json_lines, to_json_lines};
use synth_optimize::{
    Acquisition, OPTIMIZER_NAMES, Objective, OptimizerOptions, TrialRecord, optimizer_by_name,
};

use crate::args::AskArguments;
use crate::config::{ACQUISITIONS, did_you_mean, nearest, read_space};
use crate::context::Context;
use crate::failure::Failure;
use crate::talk::print;

/// Proposes parameter sets, as JSON lines on standard output.
pub(crate) fn ask(arguments: &AskArguments, context: &Context) -> Result<(), Failure> {
    let (space, objective) = read_space(&arguments.space)?;
    let trials = read_trials(&arguments.trials, &space, objective)?;
    let acquisition = match &arguments.acquisition {
        None => Acquisition::default(),
        Some(name) => read_acquisition(name)?,
    };
    let options = OptimizerOptions { acquisition, noise: objective.noise() };
    let optimizer = optimizer_by_name(&arguments.optimizer, space, options)
        .map_err(|error| with_near(error.into(), &arguments.optimizer, OPTIMIZER_NAMES))?;
    let seed = Seed::from_u64(context.seed.unwrap_or(0)).derive("ask");
    let suggestion = optimizer.suggest(&trials, arguments.count as usize, seed)?;
    let exhausted = suggestion.exhausted;
    let lines = to_json_lines(&objective.answers(suggestion, arguments.explain))?;
    print(&String::from_utf8_lossy(&lines))?;
    if exhausted {
        context.talk.say("the space holds no further set that was not tried");
    }
    Ok(())
}

/// The trials so far, each inside the space; none where the file does not exist yet.
fn read_trials(path: &Path, space: &ParameterSpace, objective: Objective) -> Result<Vec<Trial>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(Error::Io { action: "reading", path: path.display().to_string(), source }),
    };
    let records: Vec<TrialRecord> = parse_json_lines(path, &bytes)?;
    for (at, record) in records.iter().enumerate() {
        space.resolve(&record.params).map_err(|error| Error::Corrupt {
            path: path.display().to_string(),
            problem: format!("trial {}: {error}", at + 1),
        })?;
    }
    Ok(records.into_iter().map(|record| objective.trial(record)).collect())
}

fn read_acquisition(name: &str) -> Result<Acquisition, Failure> {
    let names = ACQUISITIONS.map(|(name, _)| name);
    match ACQUISITIONS.iter().find(|(known, _)| *known == name) {
        Some((_, acquisition)) => Ok(*acquisition),
        None => {
            let expected = format!("one of {}", names.join(", "));
            Err(with_near(Error::invalid("--acquisition", expected, name).into(), name, names))
        }
    }
}

/// The failure, with the name that was probably meant.
fn with_near<const N: usize>(failure: Failure, given: &str, known: [&str; N]) -> Failure {
    match nearest(given, known) {
        Some(near) => failure.hint(did_you_mean(near)),
        None => failure,
    }
}
