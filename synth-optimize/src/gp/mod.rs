//! Gaussian processes over numbers and categories.

mod cholesky;
mod exponential;
mod fit;
mod kernel;
mod likelihood;
mod observations;
mod pairs;
mod process;
mod standardisation;
mod sums;
mod vectorized;

pub use fit::Noise;
pub use kernel::{Column, Kernel, KernelFamily};
pub use process::{GaussianProcess, LeaveOneOut, Prediction};

pub(crate) use cholesky::Cholesky;
pub(crate) use fit::{MEAN_VARIANCE, fit, plausible_kernel, starting_kernels, starting_noise};
pub(crate) use kernel::Inputs;
pub(crate) use likelihood::MeanRule;
pub(crate) use observations::{Observations, Within};
pub(crate) use process::Scratch;
pub(crate) use standardisation::Standardisation;
pub(crate) use sums::dot;
