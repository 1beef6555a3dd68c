//! A deterministic image embedder that needs no weights.

mod curvature;
mod describe;
mod embedder;
mod filter;
mod levels;

mod morphology;
mod orientation;
mod plane;
mod texture;

pub use embedder::{Features, FeaturesParams};
