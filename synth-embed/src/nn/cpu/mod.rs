//! Kernels for the processor, on plain slices.
//!
//! The loops are written so that the compiler vectorises them; [`pulp`] picks the widest registers
//! of the machine at run time. Matrix products are the crate `gemm`'s.

pub(crate) mod convolution;

mod attention;
mod elementwise;
mod linear;
mod product;
mod vectorized;

pub(super) use attention::{Heads, attend};
pub(super) use elementwise::gate;
pub(super) use linear::{add_linear, linear, panels};
