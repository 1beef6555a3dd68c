//! The `synth` command: glue between the crates that do the work.

mod ahead;
mod args;
mod artifacts;
mod bad_files;
mod commands;
mod config;
mod context;
mod downloads;
mod failure;
mod generators;
mod host;
mod input_files;
mod inputs;
mod models;
mod pipeline;
mod real;
mod report;
mod talk;

use std::process::ExitCode;

use clap::Parser;

use args::{Arguments, Command};
use context::Context;
use failure::Failure;
use talk::Talk;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let talk = Talk::new(arguments.global.quiet);
    match execute(&arguments, talk.clone()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            talk.always(failure.to_string().trim_end());
            failure.exit_code()
        }
    }
}

fn execute(arguments: &Arguments, talk: Talk) -> Result<(), Failure> {
    let context = Context::build(&arguments.global, talk)?;
    for (option, reason) in arguments.unused() {
        context.talk.say(format!("warning: {option} has no effect on this command: {reason}"));
    }
    match &arguments.command {
        Command::Run(run) => commands::run(run, &context),
        Command::Generate(generate) => commands::generate(generate, &context),
        Command::Embed(embed) => commands::embed(embed, &context),
        Command::Compare(compare) => commands::compare(compare, &context),
        Command::Ask(ask) => commands::ask(ask, &context),
        Command::Models(models) => commands::models(models, &context),
        Command::Report(report) => commands::report(report, &context),
    }
}
