//! `synth ask`: the next parameter sets for a simulator of one's own.

use std::path::Path;

use serde::Serialize;
use synth_core::{Error, ParameterSet, ParameterSpace, Proposal, Result, Seed, Trial};
use synth_export::parse_json_lines;
use synth_optimize::Acquisition;

use crate::args::AskArguments;
use crate::config::{did_you_mean, nearest, read_space};
use crate::context::Context;
use crate::failure::Failure;
use crate::optimizers;
use crate::talk::print;

/// A line of the answer.
#[derive(Serialize)]
#[serde(untagged)]
enum Line {
    /// Of a proposal with what the model expects of it.
    Explained(Proposal),
    /// Of the parameter set alone, ready to become a trial.
    Plain { params: ParameterSet },
}

/// What was typed, built and checked.
struct Question {
    space: ParameterSpace,
    trials: Vec<Trial>,
    acquisition: Acquisition,
}

/// Proposes parameter sets, as JSON lines on standard output.
pub(crate) fn ask(arguments: &AskArguments, context: &Context) -> Result<(), Failure> {
    let question = Question::read(arguments)?;
    let optimizer = optimizers::by_name(&arguments.optimizer, &question.space, question.acquisition)?;
    let seed = Seed::from_u64(context.seed.unwrap_or(0)).derive("ask");
    let suggestion = optimizer.suggest(&question.trials, arguments.count as usize, seed)?;
    for proposal in suggestion.proposals {
        let line = if arguments.explain {
            Line::Explained(proposal)
        } else {
            Line::Plain { params: proposal.params }
        };
        let text = serde_json::to_string(&line).map_err(|source| Error::component("JSON output", source))?;
        print(&format!("{text}\n"))?;
    }
    if suggestion.exhausted {
        context.talk.say("the space holds no further set that was not tried");
    }
    Ok(())
}

impl Question {
    fn read(arguments: &AskArguments) -> Result<Self, Failure> {
        let space = read_space(&arguments.space)?;
        let trials = read_trials(&arguments.trials)?;
        for (at, trial) in trials.iter().enumerate() {
            space.resolve(&trial.params).map_err(|error| Error::Corrupt {
                path: arguments.trials.display().to_string(),
                problem: format!("line {}: {error}", at + 1),
            })?;
        }
        let acquisition = match &arguments.acquisition {
            None => Acquisition::default(),
            Some(name) => read_acquisition(name)?,
        };
        Ok(Self { space, trials, acquisition })
    }
}

/// The trials so far; none where the file does not exist yet.
fn read_trials(path: &Path) -> Result<Vec<Trial>> {
    match std::fs::read(path) {
        Ok(bytes) => parse_json_lines(path, &bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(source) => Err(Error::Io { action: "reading", path: path.display().to_string(), source }),
    }
}

fn read_acquisition(name: &str) -> Result<Acquisition, Failure> {
    let names = crate::config::ACQUISITIONS.map(|(name, _)| name);
    if let Some((_, acquisition)) = crate::config::ACQUISITIONS.iter().find(|(known, _)| *known == name) {
        return Ok(*acquisition);
    }
    let failure = Failure::from(Error::invalid("--acquisition", names.join(", "), name));
    Err(match nearest(name, names) {
        Some(near) => failure.hint(did_you_mean(near)),
        None => failure,
    })
}
