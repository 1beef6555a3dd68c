//! A deterministic image embedder that needs no weights.

mod bending;
mod corners;
mod describe;
mod embedder;
mod filter;
mod levels;
mod morphology;
mod orientation;
mod plane;
mod scales;
mod spots;
mod texture;

pub use embedder::{Features, FeaturesParams};
