//! Optimisers over [`synth_core::ParameterSpace`]: what to try next, given what was tried.
//!
//! | name | type | what it is |
//! |---|---|---|
//! | `auto` | [`Auto`] | the choice among the others by space, noise and number of trials |
//! | `gp` | [`GaussianProcessOptimizer`] | Bayesian optimisation for small mixed spaces, noise and batches |
//! | `tpe` | [`Tpe`] | tree-structured Parzen estimators: near-linear in the trials, many categories |
//! | `cmaes` | [`CmaEs`] | CMA-ES with restarts for many numbers, rugged or badly scaled functions, long runs |
//! | `sobol` | [`Sobol`] | a scrambled Sobol sequence: an even first look |
//! | `random` | [`Random`] | independent uniform draws: what must be beaten |
//!
//! `OPTIMIZERS.md` beside this crate's manifest has their formulas, and what was tried and did not help.
//!
//! All keep the laws of [`synth_core::Optimizer`]: pure in the history, inside the space, no set twice in a
//! batch, nor one measured before unless values are noisy.
//! [`optimizer_by_name`] makes one from its name; [`SpaceFile`] and [`TrialRecord`] are the files of
//! `synth ask`. Worth using alone: [`GaussianProcess`] (regression over numbers and categories) and
//! [`Encoding`] (parameter sets as points of a cube, or as features). [`calibrate`] looks for a
//! *distribution* over parameters rather than a single set.

pub mod calibrate;

mod acquisition;
mod ask;
mod auto;
mod bayes;
mod cmaes;
mod distinct;
mod encoding;
mod gp;
mod minimize;
pub mod problems;
mod random;
mod registry;
mod sobol;
mod tpe;

pub use acquisition::{Acquisition, log_cdf, log_expected_improvement};
pub use ask::{AskRecord, Direction, Objective, SpaceFile, TrialRecord};
pub use auto::Auto;
pub use bayes::{GaussianProcessOptimizer, GpParams};
pub use cmaes::{CmaEs, CmaEsParams};
pub use encoding::{Encoding, SetKey, UnitColumn};
pub use gp::{Column, GaussianProcess, Kernel, KernelFamily, LeaveOneOut, Noise, Prediction};
pub use random::{Random, RandomParams};
pub use registry::{OPTIMIZER_NAMES, OptimizerOptions, optimizer_by_name};
pub use sobol::{Sobol, SobolParams, SobolSequence};
pub use tpe::{Tpe, TpeParams};
