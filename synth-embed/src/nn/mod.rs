//! The blocks that transformer embedders share.
//!
//! Written once against burn's tensors, which every device runs. On the processor the same blocks
//! take the fused kernels of [`cpu`], which burn's `flex` backend lacks: product, bias, activation
//! and residual in one pass over memory.

mod activation;
mod attention;
mod block;
pub(crate) mod config;
mod images;
mod linear;
pub(crate) mod load;
mod names;
mod norm;
mod positions;

#[cfg(test)]
pub(crate) mod testing;

#[cfg(feature = "flex")]
mod cpu;
#[cfg(feature = "flex")]
mod flex;

pub(crate) use activation::Activation;
pub(crate) use attention::Attention;
pub(crate) use block::{Block, Mlp};
pub(crate) use images::{ImageNetwork, embed_images};
pub(crate) use linear::Linear;
pub(crate) use names::{Names, QkvNames};
pub(crate) use norm::LayerNorm;
pub(crate) use positions::Resampling;

/// How many of the processor's threads one operation may use; other devices ignore it.
///
/// The numbers do not depend on it: no sum is split between threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Threads {
    /// Only the caller's: other items run beside this one.
    One,
    /// All of rayon's current pool.
    All,
}

/// The patches of one image `[3, height, width]`, each as a convolution's kernel has it: `[3, side, side]`,
/// row by row.
pub(crate) fn patches(pixels: &[f32], [height, width]: [usize; 2], side: usize) -> Vec<f32> {
    let mut patches = Vec::with_capacity(pixels.len());
    for (top, left) in
        (0..height / side).flat_map(|row| (0..width / side).map(move |column| (row * side, column * side)))
    {
        for line in
            (0..3).flat_map(|channel| (0..side).map(move |y| (channel * height + top + y) * width + left))
        {
            patches.extend_from_slice(&pixels[line..line + side]);
        }
    }
    patches
}
