//! Embedders, projections and nearest neighbours.

mod device;
mod features;
mod neighbors;
mod projection;

pub use device::DeviceChoice;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub use device::ResolvedDevice;
pub use features::{Features, FeaturesParams};
pub use neighbors::{ExactNeighbors, ExactNeighborsParams, Metric};
pub use projection::{FittedPca, Pca, PcaParams};
