//! CMA-ES with restarts: a normal distribution over the numbers, one of levels over the choices, both
//! rebuilt from the trials.

mod categories;
mod coefficients;
mod columns;
mod distribution;
mod gaussian;
mod margin;
mod params;
mod points;
mod replay;

pub use params::{CmaEs, CmaEsParams};
