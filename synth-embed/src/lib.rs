//! Embedders, projections and nearest neighbours.

mod features;
mod neighbors;
mod projection;

pub use features::{Features, FeaturesParams};
pub use neighbors::{ExactNeighbors, ExactNeighborsParams, Metric};
pub use projection::{FittedPca, Pca, PcaParams};
