//! Optimisers over [`synth_core::ParameterSpace`]: what to try next, given what was tried.

mod distinct;
mod encoding;
mod random;
mod sobol;

pub use encoding::{Encoding, SetKey, UnitColumn};
pub use random::{Random, RandomParams};
pub use sobol::{Sobol, SobolParams, SobolSequence};
