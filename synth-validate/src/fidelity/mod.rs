//! How alike two sets of embeddings are, and how sure one can be of it.
//!
//! Three ways in:
//! - a plain function per figure, on matrices: [`mmd2`], [`cmmd`], [`frechet_distance`], [`kid`],
//!   [`sliced_wasserstein`], [`exact_wasserstein`], [`energy_distance`], [`prdc`],
//!   [`nearest_neighbor_test`], [`nearest_real`];
//! - [`Mmd`], [`Energy`], [`Cmmd`] and [`Kid`] as [`Divergence`](synth_core::Divergence)s, for loops
//!   that measure many sets against one reference;
//! - [`compare`], all figures of two sets with one verdict.
//!
//! # Uncertainty
//! A *group* is what is independent. Standard errors of averages over pairs leave out one group at a
//! time (the delete-a-group jackknife, on both sides; too large rather than too small where there is
//! no difference); intervals are Student's, those of shares are Wilson's. p-values relabel whole
//! groups, all ways of it where there are few, and count the observed labels among them. Below six
//! groups in a set there is no p-value. Bootstrap samples are never used: their copies bias every
//! figure made of distances.
//!
//! # Few rows
//! Most published figures are biased at small n: two samples of one distribution are at a biased
//! MMD², Fréchet or exact Wasserstein distance far above 0. Each report carries the null's
//! quantiles, which say what 0 difference looks like at this n.

mod bandwidth;
mod check;
mod cmmd;
mod compare;
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
mod principal;
mod quadratic;
mod shift;
mod sliced;
mod sums;
mod transport;
mod wasserstein;

pub use bandwidth::{Bandwidth, MEDIAN_ROWS, MedianBandwidth, median_bandwidth};
pub use cmmd::{CMMD_SCALE, CMMD_SIGMA, Cmmd, CmmdValue, cmmd};
pub use compare::{CompareParams, Comparison, ComparisonVerdict, Metric, MetricReport, compare};
pub use energy::{Energy, EnergyDistance, energy_distance};
pub use frechet::{Frechet, frechet_distance};
pub use kernel::{CubicKernel, RbfKernel};
pub use kid::{KID_SUBSET_ROWS, Kid, KidSubsets, kid, kid_of_subsets, kid_subsets};
pub use mmd::{FittedMmd, Mmd, Mmd2, MmdParams, mmd2};
pub use neighbors::{NearestNeighborTest, NearestReal, Prdc, nearest_neighbor_test, nearest_real, prdc};
pub use quadratic::Estimator;
pub use sliced::{random_directions, sliced_wasserstein};
pub use wasserstein::{EXACT_TRANSPORT_ROWS, Order, exact_wasserstein};
