use burn::tensor::{Device, Tensor};
use serde::Deserialize;
use synth_core::{Error, Result};

use crate::Precision;
use crate::nn::config::{StackConfig, Usual};
use crate::nn::load::{self, Blocks};
use crate::nn::{
    self, Activation, Block, ImageNetwork, LayerNorm, Linear, NormOrder, PatchTokens, Sight, TableShape,
    TextNetwork, Threads, TokenTable, Tokens, shapes,
};
use crate::weights::Weights;

const MODEL: &str = "CLIP";

/// The part of `config.json` that is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    pub(super) model_type: Option<String>,
    pub(super) vision_config: StackConfig,
    pub(super) text_config: TextConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct TextConfig {
    pub(super) eos_token_id: Option<u32>,
    #[serde(flatten)]
    pub(super) stack: StackConfig,
}

/// The numbers of a checkpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Architecture {
    /// Side of a patch, px.
    pub(super) patch: usize,
    /// Patches along a side of an image.
    pub(super) grid: usize,
    pub(super) image: Blocks,
    pub(super) text: Blocks,
    pub(super) table: TableShape,
    /// Length of a row.
    pub(super) joint: usize,
}

impl Architecture {
    /// From the shapes and `config.json`. A head has 64 dimensions and the activation is OpenAI's where
    /// that is silent.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for shapes of no CLIP or a `config.json` of another model,
    /// [`Error::InvalidParam`] for numbers that do not go with the weights.
    pub(super) fn of(weights: &Weights<'_>, config: &Config) -> Result<Self> {
        if let Some(other) = config.model_type.as_deref().filter(|kind| *kind != "clip") {
            let what = format!("`model_type` {other} in `config.json`");
            return Err(Error::Unsupported { what, reason: "here it must be clip".into() });
        }
        let usual = Usual {
            model: MODEL,
            head_dim: Some(64),
            activation: Activation::QuickGelu,
            order: NormOrder::Before,
            epsilon: 1e-5,
        };
        let (patch, grid, dim) = image_shape(weights)?;
        // Wider towers of images have other heads.
        let usual_image = Usual { head_dim: (dim <= 1024).then_some(64), ..usual };
        let [vocabulary, text_dim] = shapes::matrix(weights, "text.tokens.weight", MODEL)?;
        let [positions, _] = shapes::matrix(weights, "text.positions", MODEL)?;
        let [joint, _] = shapes::matrix(weights, "image.projection.weight", MODEL)?;
        Ok(Self {
            patch,
            grid,
            image: config.vision_config.blocks(weights, "image.", dim, usual_image)?,
            text: config.text_config.stack.blocks(weights, "text.", text_dim, usual)?,
            table: TableShape { vocabulary, positions, dim: text_dim },
            joint,
        })
    }

    /// The same, its blocks in this precision.
    pub(super) fn in_precision(mut self, precision: Precision) -> Self {
        self.image.precision = precision;
        self.text.precision = precision;
        self
    }
}

/// Side of a patch, patches along a side, dimensions.
fn image_shape(weights: &Weights<'_>) -> Result<(usize, usize, usize)> {
    let patches = weights.shape("image.patches.weight");
    let (dim, patch) = match patches.as_deref() {
        Some([dim, 3, patch, width]) if patch == width && *patch > 0 && *dim > 0 => (*dim, *patch),
        _ => return Err(shapes::unlike(weights, "image.patches.weight", MODEL)),
    };
    let [rows, _] = shapes::matrix(weights, "image.positions", MODEL)?;
    let grid = rows.saturating_sub(1).isqrt();
    if grid == 0 || grid * grid + 1 != rows {
        return Err(shapes::unlike(weights, "image.positions", MODEL));
    }
    Ok((patch, grid, dim))
}

/// The tower of images: a vision transformer with a norm before its blocks, of which the class token
/// counts.
#[derive(Clone, Debug)]
pub(super) struct ImageTower {
    tokens: PatchTokens,
    first_norm: LayerNorm,
    blocks: Vec<Block>,
    norm: LayerNorm,
    projection: Linear,
    patch: usize,
    grid: usize,
}

impl ImageTower {
    pub(super) fn load(weights: &mut Weights<'_>, of: &Architecture, device: &Device) -> Result<Self> {
        let Architecture { patch, grid, image: Blocks { dim, epsilon, .. }, joint, .. } = *of;
        let mut class_token = load::values(weights, "image.class_token", &[dim])?;
        let table = load::values(weights, "image.positions", &[1 + grid * grid, dim])?;
        let (of_class, of_patches) = table.split_at(dim);
        class_token.iter_mut().zip(of_class).for_each(|(token, position)| *token += position);
        let patches = load::linear_without_bias(weights, "image.patches", &[dim, 3, patch, patch])?;
        let projection = load::linear_without_bias(weights, "image.projection", &[joint, dim])?;
        Ok(Self {
            tokens: PatchTokens {
                patches: patches.on(device),
                prefix: Some(load::rows_on(device, class_token, dim)),
                positions: load::rows_on(device, of_patches.to_vec(), dim),
            },
            first_norm: load::layer_norm(weights, "image.first_norm", dim, epsilon, device)?,
            blocks: of.image.load(weights, "image.", device)?,
            norm: load::layer_norm(weights, "image.norm", dim, epsilon, device)?,
            projection: projection.on(device),
            patch,
            grid,
        })
    }
}

impl ImageNetwork for ImageTower {
    fn dim(&self) -> usize {
        self.projection.outputs()
    }

    fn forward(&self, pixels: &[f32], batch: usize, device: &Device, threads: Threads) -> Tensor<2> {
        let patches = nn::patches_on(device, pixels, batch, [self.grid * self.patch; 2], self.patch);
        let x = self.first_norm.forward(self.tokens.forward(patches, threads));
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x, &Sight::All, threads));
        let class_token = self.norm.forward(x.narrow(1, 0, 1));
        self.projection.forward(class_token, None, threads).reshape([batch, self.dim()])
    }
}

/// The tower of texts: a token sees those before it, and the one that ends a text counts.
#[derive(Clone, Debug)]
pub(super) struct TextTower {
    table: TokenTable,
    blocks: Vec<Block>,
    norm: LayerNorm,
    projection: Linear,
    max_tokens: usize,
}

impl TextTower {
    pub(super) fn load(weights: &mut Weights<'_>, of: &Architecture, device: &Device) -> Result<Self> {
        let Blocks { dim, epsilon, .. } = of.text;
        let projection = load::linear_without_bias(weights, "text.projection", &[of.joint, dim])?;
        Ok(Self {
            table: TokenTable::load(weights, "text.", of.table, None, device)?,
            blocks: of.text.load(weights, "text.", device)?,
            norm: load::layer_norm(weights, "text.norm", dim, epsilon, device)?,
            projection: projection.on(device),
            max_tokens: of.table.positions,
        })
    }
}

impl TextNetwork for TextTower {
    fn dim(&self) -> usize {
        self.projection.outputs()
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    /// The last token of each text must be the one that ends it: none before it sees what comes after.
    fn forward(&self, tokens: &Tokens, threads: Threads) -> Tensor<2> {
        let x = self.table.forward(tokens);
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x, &Sight::Earlier, threads));
        let ends = self.norm.forward(tokens.last(x));
        self.projection.forward(ends, None, threads).reshape([tokens.batch(), self.dim()])
    }
}
