//! DINOv2 (Oquab et al. 2024), with and without registers.

mod embedder;
mod layout;
mod network;

pub use embedder::{Dinov2, Dinov2Params, Output};

#[cfg(test)]
mod tests;
