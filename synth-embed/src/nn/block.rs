use burn::tensor::{Tensor, activation};

use super::{Activation, Attention, LayerNorm, Linear, Threads};

/// Attention and an MLP, each of what came in, normalised, and added to it.
#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) norm1: LayerNorm,
    pub(crate) attention: Attention,
    pub(crate) norm2: LayerNorm,
    pub(crate) mlp: Mlp,
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
    pub(crate) fn forward(&self, x: Tensor<3>, threads: Threads) -> Tensor<3> {
        let normal = self.norm1.forward(x.clone());
        let x = self.attention.add_to(x, normal, threads);
        let normal = self.norm2.forward(x.clone());
        self.mlp.add_to(x, normal, threads)
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
