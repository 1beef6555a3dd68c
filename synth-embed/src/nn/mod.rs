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
mod patches;
mod positions;
mod rows;
pub(crate) mod shapes;
mod table;
mod texts;

#[cfg(test)]
pub(crate) mod testing;

#[cfg(feature = "flex")]
mod cpu;
#[cfg(feature = "flex")]
mod flex;

pub(crate) use activation::Activation;
pub(crate) use attention::{Attention, Sight};
pub(crate) use block::{Block, Mlp, NormOrder};
#[cfg(feature = "flex")]
pub(crate) use cpu::convolution;
pub(crate) use images::{ImageNetwork, embed_images, preprocessing_beside};
pub(crate) use linear::{Linear, LinearValues};
pub(crate) use names::{CLIP_LAYER, CLIP_LAYER_QKV, Names, QkvNames};
pub(crate) use norm::LayerNorm;
pub(crate) use patches::{PatchTokens, patches_on};
pub(crate) use positions::Resampling;
pub(crate) use rows::is_processor;
pub(crate) use table::{TableShape, TokenTable};
pub(crate) use texts::{TextNetwork, Tokenize, Tokens, embed_texts};

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
