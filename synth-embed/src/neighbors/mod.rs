//! Nearest neighbours.

mod cosine;
mod exact;

pub use exact::{ExactNeighbors, ExactNeighborsParams, Metric};
