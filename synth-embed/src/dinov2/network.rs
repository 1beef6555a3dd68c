use burn::tensor::{Device, Tensor};
use synth_core::{Error, Result};

use super::layout::Layout;
use crate::nn::load::{self, Blocks};
use crate::nn::{Activation, Block, LayerNorm, Linear, Threads};
use crate::weights::Weights;

/// Side of a patch, px.
pub(super) const PATCH: usize = 14;
const EPSILON: f64 = 1e-6;
/// Of every published checkpoint.
const HEAD_DIM: usize = 64;

/// DINOv2's vision transformer for one grid of patches.
///
/// Oquab et al. 2024, "DINOv2: Learning robust visual features without supervision"; registers:
/// Darcet et al. 2024, "Vision transformers need registers".
#[derive(Clone, Debug)]
pub(super) struct Network {
    patches: Linear,
    /// Class token, with its position, and registers: `[1, 1 + registers, dim]`.
    prefix: Tensor<3>,
    /// `[1, rows · columns, dim]`.
    positions: Tensor<3>,
    blocks: Vec<Block>,
    norm: LayerNorm,
}

/// What the shapes in a checkpoint say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Architecture {
    pub(super) dim: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    /// Between the two halves of an MLP.
    pub(super) hidden: usize,
    pub(super) gated: bool,
    pub(super) registers: usize,
    /// Side of the trained grid, in patches.
    pub(super) trained: usize,
}

impl Architecture {
    /// From the shapes; `heads` from `config.json`, else one for every 64 dimensions.
    ///
    /// # Errors
    /// [`Error::Unsupported`] naming the tensor that is missing or has a shape of no DINOv2,
    /// [`Error::InvalidParam`] for a number of heads that does not divide the dimensions.
    pub(super) fn of(weights: &Weights<'_>, heads: Option<usize>) -> Result<Self> {
        let positions = weights.shape("positions");
        let (dim, trained) = match positions.as_deref() {
            Some([1, rows, dim]) if *rows > 1 && (rows - 1).isqrt().pow(2) == rows - 1 => {
                (*dim, (rows - 1).isqrt())
            }
            _ => return Err(unlike("positions", positions)),
        };
        let gated = weights.has("blocks.0.gated.down.weight");
        let down = if gated { "blocks.0.gated.down.weight" } else { "blocks.0.mlp.down.weight" };
        let hidden = match weights.shape(down).as_deref() {
            Some([_, hidden]) => *hidden,
            other => return Err(unlike(down, other.map(<[usize]>::to_vec))),
        };
        let heads = heads.unwrap_or(dim / HEAD_DIM);
        if heads == 0 || dim % heads != 0 {
            return Err(Error::InvalidParam {
                name: "num_attention_heads".into(),
                expected: format!("a divisor of {dim}, the model's dimensions"),
                got: heads.to_string(),
            });
        }
        let has_block = |at: &usize| weights.has(&format!("blocks.{at}.norm1.weight"));
        let registers = weights.shape("registers").and_then(|shape| shape.get(1).copied()).unwrap_or(0);
        Ok(Self {
            dim,
            layers: (0..).take_while(has_block).count(),
            heads,
            hidden,
            gated,
            registers,
            trained,
        })
    }
}

fn unlike(name: &str, shape: Option<Vec<usize>>) -> Error {
    Error::Unsupported {
        what: match shape {
            Some(shape) => format!("tensor `{name}` of shape {shape:?}"),
            None => format!("a checkpoint without `{name}`"),
        },
        reason: "no DINOv2 is like that".into(),
    }
}

impl Network {
    /// For images of `grid` patches, rows and columns.
    pub(super) fn load(
        weights: &mut Weights<'_>,
        layout: Layout,
        of: Architecture,
        grid: [usize; 2],
        device: &Device,
    ) -> Result<Self> {
        let Architecture { dim, registers, trained, .. } = of;
        let mut prefix = load::values(weights, "class_token", &[1, 1, dim])?;
        let table = load::values(weights, "positions", &[1, 1 + trained * trained, dim])?;
        let (of_class, of_patches) = table.split_at(dim);
        prefix.iter_mut().zip(of_class).for_each(|(token, position)| *token += position);
        if registers > 0 {
            prefix.extend(load::values(weights, "registers", &[1, registers, dim])?);
        }
        let positions = layout.resampling(registers > 0).resize(of_patches, trained, grid, dim);
        let blocks = Blocks {
            count: of.layers,
            dim,
            heads: of.heads,
            hidden: of.hidden,
            activation: (!of.gated).then_some(Activation::Gelu),
            scaled: true,
            epsilon: EPSILON,
        };
        Ok(Self {
            patches: load::linear(weights, "patches", &[dim, 3, PATCH, PATCH])?.on(device),
            prefix: load::rows_on(device, prefix, dim),
            positions: load::rows_on(device, positions, dim),
            blocks: blocks.load(weights, "", device)?,
            norm: load::layer_norm(weights, "norm", dim, EPSILON, device)?,
        })
    }

    /// `patches: [batch, rows · columns, 3 · 14 · 14]` to the tokens after the last norm,
    /// `[batch, 1 + registers + rows · columns, dim]`.
    pub(super) fn forward(&self, patches: Tensor<3>, threads: Threads) -> Tensor<3> {
        let tokens = self.tokens(patches, threads);
        self.norm.forward(self.blocks.iter().fold(tokens, |x, block| block.forward(x, threads)))
    }

    /// What enters the first block.
    pub(super) fn tokens(&self, patches: Tensor<3>, threads: Threads) -> Tensor<3> {
        let batch = patches.dims()[0];
        let each = |x: &Tensor<3>| {
            let [_, rows, dim] = x.dims();
            x.clone().expand([batch, rows, dim])
        };
        let patches = self.patches.add_to(each(&self.positions), patches, threads);
        Tensor::cat(vec![each(&self.prefix), patches], 1)
    }
}
