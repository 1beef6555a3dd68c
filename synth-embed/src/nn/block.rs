use burn::tensor::{Tensor, activation};

use super::{Activation, Attention, LayerNorm, Linear, Sight, Threads};

/// Attention and an MLP, each added to what came in.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) norm1: LayerNorm,
    pub(crate) attention: Attention,
    pub(crate) norm2: LayerNorm,
    pub(crate) mlp: Mlp,
    pub(crate) order: NormOrder,
}

/// Where the normalisations stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NormOrder {
    /// On what enters attention and MLP: vision transformers, CLIP.
    Before,
    /// On the sum with what came in: BERT.
    After,
}

/// The part of a block that looks at each row alone.
#[derive(Clone, Debug)]
pub(crate) enum Mlp {
    /// Up, a non-linearity, down.
    Plain {
        /// `[dim, hidden]`
        up: Linear,
        /// Between them.
        activation: Activation,
        /// `[hidden, dim]`
        down: Linear,
    },
    /// silu(first half) · second half, down (Shazeer 2020).
    SwiGlu {
        /// `[dim, 2 hidden]`
        up: Linear,
        /// `[hidden, dim]`
        down: Linear,
    },
}

impl Block {
    /// `[batch, rows, dim]`, as it came.
    pub(crate) fn forward(&self, x: Tensor<3>, sight: &Sight, threads: Threads) -> Tensor<3> {
        match self.order {
            NormOrder::Before => {
                let normal = self.norm1.forward(x.clone());
                let x = self.attention.add_to(x, normal, sight, threads);
                let normal = self.norm2.forward(x.clone());
                self.mlp.add_to(x, normal, threads)
            }
            NormOrder::After => {
                let x = self.norm1.forward(self.attention.add_to(x.clone(), x, sight, threads));
                self.norm2.forward(self.mlp.add_to(x.clone(), x, threads))
            }
        }
    }
}

impl Mlp {
    /// `residual` plus the MLP of `x`.
    pub(crate) fn add_to(&self, residual: Tensor<3>, x: Tensor<3>, threads: Threads) -> Tensor<3> {
        match self {
            Self::Plain { up, activation, down } => {
                let hidden = up.forward(x, Some(*activation), threads);
                down.add_to(residual, hidden, threads)
            }
            Self::SwiGlu { up, down } => {
                let hidden = gated(up.forward(x, None, threads), threads);
                down.add_to(residual, hidden, threads)
            }
        }
    }
}

/// `[batch, rows, 2 hidden]` to `[batch, rows, hidden]`.
fn gated(x: Tensor<3>, threads: Threads) -> Tensor<3> {
    #[cfg(feature = "flex")]
    if super::flex::is_on_flex(&x) {
        return super::flex::gated(x, threads);
    }
    let _ = threads;
    let hidden = x.dims()[2] / 2;
    activation::silu(x.clone().narrow(2, 0, hidden)) * x.narrow(2, hidden, hidden)
}
