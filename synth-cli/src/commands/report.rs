//! `synth report`: a run's report again, from its files.

use synth_core::Error;
use synth_export::{RunDirectory, RunHead};

use crate::args::ReportArguments;
use crate::artifacts;
use crate::config::Layers;
use crate::context::Context;
use crate::failure::Failure;
use crate::generators;
use crate::report::report_files;
use crate::talk::{print, print_json};

/// The step that holds the report.
pub(crate) const STEP: &str = "report";

/// Writes the report of a finished calibration again; other bytes replace it as a whole.
pub(crate) fn report(arguments: &ReportArguments, context: &Context) -> Result<(), Failure> {
    let read = RunDirectory::open(&arguments.run)?;
    let config = read.config()?;
    let name = arguments.run.join("config.yaml").display().to_string();
    let experiment = Layers::from_text(&name, &config)?.experiment(&generators::default_space()?)?;
    let result = artifacts::read_result(&read).map_err(|error| match error {
        Error::NotFound { .. } => Failure::from(error).hint("the run is not finished: synth run … --resume"),
        other => other.into(),
    })?;
    let files = report_files(&read, &experiment, &result)?;
    let run = RunDirectory::resume(&arguments.run, &RunHead { config, about: read.about() })?;
    context.cancel.check()?;
    run.replace(STEP, &files)?;
    let path = arguments.run.join("report.html").display().to_string();
    if context.json {
        print_json(&serde_json::json!({ "report": path }))?;
    } else {
        print(&format!("{path}\n"))?;
    }
    Ok(())
}
