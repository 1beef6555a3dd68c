use burn::tensor::{Device, Tensor};
use synth_core::Result;

use super::layout::Layout;
use crate::Precision;
use crate::nn::load::{self, Blocks};
use crate::nn::{Activation, Block, LayerNorm, NormOrder, PatchTokens, Sight, Threads, shapes};
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
    tokens: PatchTokens,
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
    /// Not in a checkpoint: float32 unless another is asked for.
    pub(super) precision: Precision,
}

impl Architecture {
    /// From the shapes; `heads` from `config.json`, else one for every 64 dimensions.
    ///
    /// # Errors
    /// `Unsupported` naming the tensor that is missing or has a shape of no DINOv2,
    /// `InvalidParam` for a number of heads that does not divide the dimensions.
    pub(super) fn of(weights: &Weights<'_>, heads: Option<usize>) -> Result<Self> {
        let positions = weights.shape("positions");
        let (dim, trained) = match positions.as_deref() {
            Some([1, rows, dim]) if *rows > 1 && (rows - 1).isqrt().pow(2) == rows - 1 => {
                (*dim, (rows - 1).isqrt())
            }
            _ => return Err(shapes::unlike(weights, "positions", "DINOv2")),
        };
        let gated = weights.has("blocks.0.gated.down.weight");
        let down = if gated { "blocks.0.gated.down.weight" } else { "blocks.0.mlp.down.weight" };
        let [_, hidden] = shapes::matrix(weights, down, "DINOv2")?;
        let heads = shapes::heads(heads.unwrap_or(dim / HEAD_DIM), dim)?;
        let registers = weights.shape("registers").and_then(|shape| shape.get(1).copied()).unwrap_or(0);
        let layers = shapes::count_blocks(weights, "");
        let precision = Precision::default();
        Ok(Self { dim, layers, heads, hidden, gated, registers, trained, precision })
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
            order: NormOrder::Before,
            epsilon: EPSILON,
            precision: of.precision,
        };
        Ok(Self {
            tokens: PatchTokens {
                patches: load::linear(weights, "patches", &[dim, 3, PATCH, PATCH])?.on(device),
                prefix: Some(load::rows_on(device, prefix, dim)),
                positions: load::rows_on(device, positions, dim),
            },
            blocks: blocks.load(weights, "", device)?,
            norm: load::layer_norm(weights, "norm", dim, EPSILON, device)?,
        })
    }

    /// `patches: [batch, rows · columns, 3 · 14 · 14]` to the tokens after the last norm,
    /// `[batch, 1 + registers + rows · columns, dim]`.
    pub(super) fn forward(&self, patches: Tensor<3>, threads: Threads) -> Tensor<3> {
        let tokens = self.tokens(patches, threads);
        self.norm.forward(self.blocks.iter().fold(tokens, |x, block| block.forward(x, &Sight::All, threads)))
    }

    /// What enters the first block.
    pub(super) fn tokens(&self, patches: Tensor<3>, threads: Threads) -> Tensor<3> {
        self.tokens.forward(patches, threads)
    }
}
