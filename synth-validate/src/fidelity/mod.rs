//! How alike two sets of embeddings are, and how sure one can be of it.

mod bandwidth;
mod check;
mod design;
mod exp;
mod fitted;
mod grouped;
mod jackknife;
mod kernel;
mod mmd;
mod null;
mod pair_function;
mod quadratic;
mod sums;

pub use bandwidth::{Bandwidth, MEDIAN_ROWS, MedianBandwidth, median_bandwidth};
pub use kernel::{CubicKernel, RbfKernel};
pub use mmd::{FittedMmd, Mmd, Mmd2, MmdParams, mmd2};
pub use quadratic::Estimator;
