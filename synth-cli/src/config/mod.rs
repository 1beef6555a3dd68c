//! Experiments in YAML, checked as a whole before anything runs.
//!
//! Layers, later over earlier: the defaults, the file, each `--set a.b=c`. Every value remembers
//! where it was written, so that an error can say so, and all problems are reported at once.

mod bounds;
mod experiment;
mod layers;
mod node;
mod problem;
mod read;
mod table;

pub(crate) use experiment::{Acquisition, Experiment, GeneratorChoice, Mode, RealSource, SetSize};
pub(crate) use layers::{BUILT_IN, Layers};
pub(crate) use node::Origin;
pub(crate) use problem::{ConfigError, Problems, nearest};

#[cfg(test)]
mod tests;
