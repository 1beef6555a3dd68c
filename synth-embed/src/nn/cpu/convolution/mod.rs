//! Convolutions for the processor, with bias, clipping and residual in the same pass.
//!
//! Channels lie in panels as wide as the machine's registers ([`Layout`]), weights are packed for that
//! once. So every load is a whole register, a tile of sums stays in registers until it is done, and no
//! product of these small shapes is packed again for each image. Each sum runs over its terms in one
//! fixed order, whoever computes it.

mod buffers;
mod depthwise;
mod layout;
mod pointwise;
mod stem;

pub(crate) use buffers::{Aligned, Buffers};
pub(crate) use depthwise::Depthwise;
pub(crate) use layout::{Layout, Part};
pub(crate) use pointwise::{After, Pointwise, Source, Target};
pub(crate) use stem::{Planes, Stem};

use pulp::{Simd, WithSimd};

/// Panels that one tile spans: with [`TILE_PLACES`] its sums fill the registers.
pub(crate) const TILE_PANELS: usize = 2;
/// What is clipped to [0, 6]: Howard et al. 2017, "MobileNets".
const RELU6: f32 = 6.0;

/// How many float32 a register of this machine holds.
pub(crate) fn lanes() -> usize {
    struct Lanes;
    impl WithSimd for Lanes {
        type Output = usize;

        fn with_simd<S: Simd>(self, _: S) -> usize {
            S::F32_LANES
        }
    }
    dispatch(Lanes)
}

/// With the widest registers of this machine.
fn dispatch<Op: WithSimd>(op: Op) -> Op::Output {
    pulp::Arch::new().dispatch(op)
}

#[inline(always)]
fn relu6<S: Simd>(simd: S, x: S::f32s) -> S::f32s {
    simd.min_f32s(simd.max_f32s(x, simd.splat_f32s(0.0)), simd.splat_f32s(RELU6))
}
