//! Optimisers over [`synth_core::ParameterSpace`]: what to try next, given what was tried.

pub mod calibrate;

mod acquisition;
mod bayes;
mod distinct;
mod encoding;
mod gp;
mod minimize;
pub mod problems;
mod random;
mod sobol;

pub use acquisition::{Acquisition, log_cdf, log_expected_improvement};
pub use bayes::{GaussianProcessOptimizer, GpParams};
pub use encoding::{Encoding, SetKey, UnitColumn};
pub use gp::{Column, GaussianProcess, Kernel, KernelFamily, LeaveOneOut, Noise, Prediction};
pub use random::{Random, RandomParams};
pub use sobol::{Sobol, SobolParams, SobolSequence};
