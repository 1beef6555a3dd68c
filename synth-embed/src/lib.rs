//! Embedders, projections and nearest neighbours.

mod features;

pub use features::{Features, FeaturesParams};
