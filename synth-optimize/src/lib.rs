//! Optimisers over [`synth_core::ParameterSpace`]: what to try next, given what was tried.

pub mod calibrate;

mod acquisition;
mod ask;
mod bayes;
mod distinct;
mod encoding;
mod gp;
mod minimize;
pub mod problems;
mod random;
mod registry;
mod sobol;

pub use acquisition::{Acquisition, log_cdf, log_expected_improvement};
pub use ask::{AskRecord, Direction, Objective, SpaceFile, TrialRecord};
pub use bayes::{GaussianProcessOptimizer, GpParams};
pub use encoding::{Encoding, SetKey, UnitColumn};
pub use gp::{Column, GaussianProcess, Kernel, KernelFamily, LeaveOneOut, Noise, Prediction};
pub use random::{Random, RandomParams};
pub use registry::{OPTIMIZER_NAMES, OptimizerOptions, optimizer_by_name};
pub use sobol::{Sobol, SobolParams, SobolSequence};
