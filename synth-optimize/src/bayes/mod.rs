//! Bayesian optimisation over mixed spaces.

mod batch;
mod candidates;
mod feasibility;
mod lucky;
mod model;
mod outcome;
mod params;
mod region;
mod scatter;
mod search;
mod space;
mod surface;
mod warp;
mod worlds;

pub(crate) use outcome::{Measured, Outcomes};
pub use params::{GaussianProcessOptimizer, GpParams};
pub(crate) use space::ModelSpace;
