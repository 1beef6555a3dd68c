//! EfficientNet-Lite (Tan and Le 2019; without squeeze-and-excitation and with ReLU6), for processors.

mod architecture;
mod embedder;
mod layers;
mod network;
#[cfg(feature = "flex")]
mod processor;

pub(crate) use architecture::is_one;

pub use embedder::{EfficientNetLite, EfficientNetLiteParams, Output};

#[cfg(test)]
mod tests;
