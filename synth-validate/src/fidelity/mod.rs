//! How alike two sets of embeddings are, and how sure one can be of it.

mod bandwidth;
mod check;
mod cmmd;
mod design;
mod energy;
mod exp;
mod fitted;
mod frechet;
mod grouped;
mod jackknife;
mod kernel;
mod kid;
mod mmd;
mod neighbors;
mod null;
mod pair_function;
mod pass;
mod quadratic;
mod sliced;
mod sums;
mod transport;
mod wasserstein;

pub use bandwidth::{Bandwidth, MEDIAN_ROWS, MedianBandwidth, median_bandwidth};
pub use cmmd::{CMMD_SCALE, CMMD_SIGMA, Cmmd, CmmdValue, cmmd};
pub use energy::{Energy, EnergyDistance, energy_distance};
pub use frechet::{Frechet, frechet_distance};
pub use kernel::{CubicKernel, RbfKernel};
pub use kid::{KID_SUBSET_ROWS, Kid, KidSubsets, kid, kid_of_subsets, kid_subsets};
pub use mmd::{FittedMmd, Mmd, Mmd2, MmdParams, mmd2};
pub use neighbors::{NearestNeighborTest, NearestReal, Prdc, nearest_neighbor_test, nearest_real, prdc};
pub use quadratic::Estimator;
pub use sliced::{random_directions, sliced_wasserstein};
pub use wasserstein::{EXACT_TRANSPORT_ROWS, Order, exact_wasserstein};
