//! Nearest neighbours.

mod cosine;
mod exact;
mod hnsw;
mod metric;

pub use exact::{ExactNeighbors, ExactNeighborsParams};
pub use hnsw::{Hnsw, HnswParams};
pub use metric::Metric;
