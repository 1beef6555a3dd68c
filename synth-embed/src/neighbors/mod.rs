//! Nearest neighbours.

mod cosine;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
mod device;
mod exact;
mod hnsw;
mod metric;

#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub use device::DeviceNeighbors;
pub use exact::{ExactNeighbors, ExactNeighborsParams};
pub use hnsw::{Hnsw, HnswParams};
pub use metric::Metric;
