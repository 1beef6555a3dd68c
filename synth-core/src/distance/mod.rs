//! The one blocked pairwise pass that fidelity, nearest neighbours and duplicates share.
//!
//! All squared Euclidean distances of two sets of rows, or of a set to itself, are made tile by
//! tile and handed to a tally that keeps only what it needs: sums, counts, the `k` smallest. The
//! full matrix never exists; memory is a few tiles per thread plus the tally's own state.
//!
//! - Rows are float32; products and sums are float64 (`|a|² + |b|² − 2 a·b`, one matrix product per
//!   tile). Pairs so close that this cancels are computed again as `Σ (a − b)²`, so a copy is at
//!   distance exactly 0 and every value is good to about 1e-9 of itself.
//! - A value depends on its two rows only, to the bit: not on the tile, the order of the two or the
//!   rows around them. A copied row is at the same distances as its original.
//! - Tiles run in rounds in which no block of rows occurs twice, so each block's state is changed
//!   by one thread at a time and always in the same order: the thread count changes no bit. Beside a
//!   side of one block only the distances are computed at once; the tally takes them in by itself.
//!
//! [`nearest`] and [`nearest_others`] are the ready-made pass for neighbours; anything else
//! implements [`Within`] or [`Between`] and goes through [`Pairwise`].

mod nearest;
mod pairwise;
mod rounds;
mod smallest;
mod tile;

pub use nearest::{Nearest, nearest, nearest_others};
pub use pairwise::{Between, Pairwise, Sides, Within};
pub use smallest::Smallest;
pub use tile::{BLOCK_ROWS, Tile};
