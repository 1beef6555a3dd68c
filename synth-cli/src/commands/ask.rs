//! `synth ask`: the next parameter sets for a simulator of one's own.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value;
use synth_core::{Error, ParameterValue, Result, Seed};
use synth_export::to_json_lines;
use synth_optimize::{Acquisition, AskRecord, OPTIMIZER_NAMES, OptimizerOptions, optimizer_by_name};

use super::trials::read_trials;
use crate::args::AskArguments;
use crate::config::{ACQUISITIONS, WrittenChoices, did_you_mean, nearest, read_space};
use crate::context::Context;
use crate::failure::Failure;
use crate::talk::print;

/// The optimisers that have a model of the objective, and with it an acquisition and expectations.
const WITH_MODEL: [&str; 2] = ["auto", "gp"];

/// Proposes parameter sets, as JSON lines on standard output.
pub(crate) fn ask(arguments: &AskArguments, context: &Context) -> Result<(), Failure> {
    let acquisition = match &arguments.acquisition {
        None => Acquisition::default(),
        Some(name) => read_acquisition(name)?,
    };
    let asked = read_space(&arguments.space)?;
    let options = OptimizerOptions { acquisition, noise: asked.objective.noise() };
    let optimizer = optimizer_by_name(&arguments.optimizer, asked.space.clone(), options)
        .map_err(|error| with_near(error.into(), &arguments.optimizer, OPTIMIZER_NAMES))?;
    refuse_unused(arguments)?;
    let trials = read_trials(&arguments.trials, &asked, &context.talk)?;
    let seed = Seed::from_u64(context.seed.unwrap_or(0)).derive("ask");
    let suggestion = optimizer.suggest(&trials, arguments.count as usize, seed)?;
    let exhausted = suggestion.exhausted;
    let answers = asked.objective.answers(suggestion, arguments.explain);
    if arguments.explain && answers.iter().all(|answer| answer.mean.is_none()) {
        context.talk.say(
            "nothing to explain: a model of the objective needs some trials, and `auto` has one up to 1,500",
        );
    }
    let answers: Vec<Answer<'_>> =
        answers.iter().map(|answer| Answer::new(answer, &asked.written)).collect::<Result<_>>()?;
    print(&String::from_utf8_lossy(&to_json_lines(&answers)?))?;
    if exhausted {
        context.talk.say("the space holds no further set that was not tried");
    }
    Ok(())
}

/// An answer with its choices as the space's file writes them.
#[derive(Serialize)]
struct Answer<'a> {
    params: BTreeMap<&'a str, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mean: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    std: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    acquisition: Option<f64>,
}

impl<'a> Answer<'a> {
    fn new(record: &'a AskRecord, written: &WrittenChoices) -> Result<Self> {
        let value = |(name, value): (&'a str, &ParameterValue)| {
            let as_written = match value {
                ParameterValue::Choice(text) => written.as_written(name, text).cloned(),
                _ => None,
            };
            let value = match as_written {
                Some(value) => value,
                None => serde_json::to_value(value).map_err(|source| Error::component("answer", source))?,
            };
            Ok((name, value))
        };
        let params = record.params.iter().map(value).collect::<Result<_>>()?;
        let AskRecord { mean, std, acquisition, .. } = *record;
        Ok(Self { params, mean, std, acquisition })
    }
}

/// An option that would change nothing is a slip.
fn refuse_unused(arguments: &AskArguments) -> Result<(), Failure> {
    let name = &arguments.optimizer;
    let given = [("--acquisition", arguments.acquisition.is_some()), ("--explain", arguments.explain)];
    match given.into_iter().find(|(_, given)| *given && !WITH_MODEL.contains(&name.as_str())) {
        None => Ok(()),
        Some((option, _)) => {
            let expected = format!("left out: `{name}` has no model of the objective");
            let failure = Failure::from(Error::invalid(option, expected, format!("--optimizer {name}")));
            Err(failure.hint("leave it out, or take --optimizer auto"))
        }
    }
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
