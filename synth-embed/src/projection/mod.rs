//! Low-dimensional views of rows: principal components.

mod pca;
mod saved;

pub use pca::{FittedPca, Pca, PcaParams};
