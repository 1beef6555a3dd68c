//! Experiments in YAML, checked as a whole before anything runs.
//!
//! Layers, later over earlier: the defaults, the file, each `--set a.b=c`. Every value remembers
//! where it was written, so that an error can say so, and all problems are reported at once.

mod bounds;
mod choices;
mod experiment;
mod files;
mod layers;
mod node;
mod problem;
mod read;
mod space;
mod table;

pub(crate) use choices::WrittenChoices;
pub(crate) use experiment::{BatchPolicy, Experiment, GeneratorChoice, Mode, RealSource, SetSize};
pub(crate) use files::{CalibratedFile, read_params};
pub(crate) use layers::Layers;
pub(crate) use problem::{ConfigError, Problems, nearest};
pub(crate) use read::ACQUISITIONS;
pub(crate) use space::{AskSpace, read_space};
pub(crate) use table::did_you_mean;

#[cfg(test)]
mod tests;
