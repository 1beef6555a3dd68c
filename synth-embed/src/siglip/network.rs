use burn::tensor::{Device, Tensor, TensorData, module, ops::AttentionModuleOptions};
use serde::Deserialize;
use synth_core::{Error, Result};

use crate::Precision;
use crate::nn::config::{StackConfig, Usual};
use crate::nn::load::{self, Blocks};
use crate::nn::{
    self, Activation, Block, CLIP_LAYER, CLIP_LAYER_QKV, ImageNetwork, LayerNorm, Linear, LinearValues, Mlp,
    Names, NormOrder, PatchTokens, Sight, TableShape, TextNetwork, Threads, TokenTable, Tokens, shapes,
};
use crate::weights::{Checkpoint, Source, Weights};

const MODEL: &str = "SigLIP";

/// transformers' `SiglipModel`.
static IMAGES: Names = Names {
    top: &[
        ("patches", "vision_model.embeddings.patch_embedding"),
        ("positions", "vision_model.embeddings.position_embedding.weight"),
        ("norm", "vision_model.post_layernorm"),
        ("head.probe", "vision_model.head.probe"),
        ("head.qkv.weight", "vision_model.head.attention.in_proj_weight"),
        ("head.qkv.bias", "vision_model.head.attention.in_proj_bias"),
        ("head.output", "vision_model.head.attention.out_proj"),
        ("head.norm", "vision_model.head.layernorm"),
        ("head.mlp.up", "vision_model.head.mlp.fc1"),
        ("head.mlp.down", "vision_model.head.mlp.fc2"),
    ],
    blocks: "vision_model.encoder.layers",
    parts: CLIP_LAYER,
    qkv: CLIP_LAYER_QKV,
};

static TEXTS: Names = Names {
    top: &[
        ("tokens", "text_model.embeddings.token_embedding"),
        ("positions", "text_model.embeddings.position_embedding.weight"),
        ("norm", "text_model.final_layer_norm"),
        ("projection", "text_model.head"),
    ],
    blocks: "text_model.encoder.layers",
    parts: CLIP_LAYER,
    qkv: CLIP_LAYER_QKV,
};

/// Where a checkpoint keeps what the towers call `image.…` and `text.…`.
pub(super) fn source(name: &str) -> Source {
    match name.strip_prefix("image.") {
        Some(name) => IMAGES.source(name),
        None => TEXTS.source(name.trim_start_matches("text.")),
    }
}

/// Whether a checkpoint has the tensor by which the family is told.
pub(crate) fn is_one(checkpoint: &Checkpoint) -> bool {
    checkpoint.info("vision_model.head.probe").is_some()
}

/// The part of `config.json` that is read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Config {
    model_type: Option<String>,
    vision_config: VisionConfig,
    text_config: StackConfig,
}

#[derive(Clone, Debug, Default, Deserialize)]
struct VisionConfig {
    image_size: Option<usize>,
    #[serde(flatten)]
    stack: StackConfig,
}

/// The numbers of a checkpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Architecture {
    /// Side of a patch, px.
    pub(super) patch: usize,
    /// Side of an image, px; what its patches leave over is not seen.
    pub(super) side: usize,
    pub(super) image: Blocks,
    pub(super) text: Blocks,
    pub(super) table: TableShape,
}

impl Architecture {
    /// From the shapes and `config.json`. A head has 64 dimensions where that is silent.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for shapes of no SigLIP or a `config.json` of another model,
    /// [`Error::InvalidParam`] for numbers that do not go with the weights.
    pub(super) fn of(weights: &Weights<'_>, config: &Config) -> Result<Self> {
        if let Some(other) = config.model_type.as_deref().filter(|kind| *kind != "siglip") {
            let what = format!("`model_type` {other} in `config.json`");
            return Err(Error::Unsupported { what, reason: "here it must be siglip".into() });
        }
        let usual = Usual {
            model: MODEL,
            head_dim: Some(64),
            activation: Activation::GeluTanh,
            order: NormOrder::Before,
            epsilon: 1e-6,
        };
        let patches = weights.shape("image.patches.weight");
        let (dim, patch) = match patches.as_deref() {
            Some([dim, 3, patch, width]) if patch == width && *patch > 0 && *dim > 0 => (*dim, *patch),
            _ => return Err(shapes::unlike(weights, "image.patches.weight", MODEL)),
        };
        let [rows, _] = shapes::matrix(weights, "image.positions", MODEL)?;
        let grid = rows.isqrt();
        let side = config.vision_config.image_size.unwrap_or(grid * patch);
        if grid * grid != rows || side / patch != grid {
            let expected = format!("{} for {rows} patches of {patch} px", grid * patch);
            return Err(Error::invalid("image_size", expected, side));
        }
        let [vocabulary, text_dim] = shapes::matrix(weights, "text.tokens.weight", MODEL)?;
        let [positions, _] = shapes::matrix(weights, "text.positions", MODEL)?;
        Ok(Self {
            patch,
            side,
            image: config.vision_config.stack.blocks(weights, "image.", dim, usual)?,
            text: config.text_config.blocks(weights, "text.", text_dim, usual)?,
            table: TableShape { vocabulary, positions, dim: text_dim },
        })
    }

    /// The same, its blocks in this precision.
    pub(super) fn in_precision(mut self, precision: Precision) -> Self {
        self.image.precision = precision;
        self.text.precision = precision;
        self
    }
}

/// The tower of images: a vision transformer without a class token, whose patches a head pools.
#[derive(Clone, Debug)]
pub(super) struct ImageTower {
    tokens: PatchTokens,
    blocks: Vec<Block>,
    norm: LayerNorm,
    head: PoolingHead,
    patch: usize,
    side: usize,
}

impl ImageTower {
    pub(super) fn load(weights: &mut Weights<'_>, of: &Architecture, device: &Device) -> Result<Self> {
        let Architecture { patch, side, image: Blocks { dim, epsilon, .. }, .. } = *of;
        let patches = load::linear(weights, "image.patches", &[dim, 3, patch, patch])?;
        let positions = load::values(weights, "image.positions", &[(side / patch).pow(2), dim])?;
        Ok(Self {
            tokens: PatchTokens {
                patches: patches.on(device),
                prefix: None,
                positions: load::rows_on(device, positions, dim),
            },
            blocks: of.image.load(weights, "image.", device)?,
            norm: load::layer_norm(weights, "image.norm", dim, epsilon, device)?,
            head: PoolingHead::load(weights, of.image, device)?,
            patch,
            side,
        })
    }
}

impl ImageNetwork for ImageTower {
    fn dim(&self) -> usize {
        self.head.output.outputs()
    }

    fn forward(&self, pixels: &[f32], batch: usize, device: &Device, threads: Threads) -> Tensor<2> {
        let patches = nn::patches_on(device, pixels, batch, [self.side; 2], self.patch);
        let x = self.tokens.forward(patches, threads);
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x, &Sight::All, threads));
        self.head.forward(self.norm.forward(x), threads).reshape([batch, self.dim()])
    }
}

/// Attention of one learned query to all patches, then an MLP ("attention pooling", Zhai et al. 2022,
/// "Scaling vision transformers").
#[derive(Clone, Debug)]
struct PoolingHead {
    /// `[1, heads, 1, head_dim]`, with the factor 1/√head_dim.
    query: Tensor<4>,
    /// `[dim, 2 dim]`: keys, values.
    keys_values: Linear,
    output: Linear,
    norm: LayerNorm,
    mlp: Mlp,
}

impl PoolingHead {
    fn load(weights: &mut Weights<'_>, like: Blocks, device: &Device) -> Result<Self> {
        let Blocks { dim, heads, hidden, epsilon, .. } = like;
        let probe = load::values(weights, "image.head.probe", &[1, 1, dim])?;
        let LinearValues { weight, bias } = load::linear(weights, "image.head.qkv", &[3 * dim, dim])?;
        let scale = 1.0 / ((dim / heads) as f64).sqrt();
        let query = weight.chunks(dim).zip(&bias).take(dim).map(|(row, bias)| {
            let product: f64 = row.iter().zip(&probe).map(|(w, x)| f64::from(*w) * f64::from(*x)).sum();
            ((product + f64::from(*bias)) * scale) as f32
        });
        let query = TensorData::new(query.collect::<Vec<f32>>(), [1, heads, 1, dim / heads]);
        let keys_values = LinearValues { weight: weight[dim * dim..].to_vec(), bias: bias[dim..].to_vec() };
        Ok(Self {
            query: Tensor::from_data(query, device),
            keys_values: keys_values.on(device),
            output: load::linear(weights, "image.head.output", &[dim, dim])?.on(device),
            norm: load::layer_norm(weights, "image.head.norm", dim, epsilon, device)?,
            mlp: Mlp::Plain {
                up: load::linear(weights, "image.head.mlp.up", &[hidden, dim])?.on(device),
                activation: Activation::GeluTanh,
                down: load::linear(weights, "image.head.mlp.down", &[dim, hidden])?.on(device),
            },
        })
    }

    /// `[batch, patches, dim]` to `[batch, 1, dim]`.
    fn forward(&self, x: Tensor<3>, threads: Threads) -> Tensor<3> {
        let [batch, rows, dim] = x.dims();
        let [_, heads, _, head_dim] = self.query.dims();
        let keys_values = self.keys_values.forward(x, None, threads);
        let part = |at: usize| {
            let part = keys_values.clone().narrow(2, at * dim, dim);
            part.reshape([batch, rows, heads, head_dim]).swap_dims(1, 2)
        };
        let query = self.query.clone().expand([batch, heads, 1, head_dim]);
        let options = AttentionModuleOptions { scale: Some(1.0), softcap: None, is_causal: false };
        let pooled = module::attention(query, part(0), part(1), None, None, options);
        let pooled = pooled.swap_dims(1, 2).reshape([batch, 1, dim]);
        let x = self.output.forward(pooled, None, threads);
        self.mlp.add_to(x.clone(), self.norm.forward(x), threads)
    }
}

/// The tower of texts: every token sees every other, and the last counts.
#[derive(Clone, Debug)]
pub(super) struct TextTower {
    table: TokenTable,
    blocks: Vec<Block>,
    norm: LayerNorm,
    projection: Linear,
    length: usize,
}

impl TextTower {
    pub(super) fn load(weights: &mut Weights<'_>, of: &Architecture, device: &Device) -> Result<Self> {
        let Blocks { dim, epsilon, .. } = of.text;
        Ok(Self {
            table: TokenTable::load(weights, "text.", of.table, None, device)?,
            blocks: of.text.load(weights, "text.", device)?,
            norm: load::layer_norm(weights, "text.norm", dim, epsilon, device)?,
            projection: load::linear(weights, "text.projection", &[of.image.dim, dim])?.on(device),
            length: of.table.positions,
        })
    }
}

impl TextNetwork for TextTower {
    fn dim(&self) -> usize {
        self.projection.outputs()
    }

    fn max_tokens(&self) -> usize {
        self.length
    }

    /// What fills a text up is part of it.
    fn forward(&self, tokens: &Tokens, threads: Threads) -> Tensor<2> {
        let x = self.table.forward(tokens);
        let x = self.blocks.iter().fold(x, |x, block| block.forward(x, &Sight::All, threads));
        let last = self.norm.forward(tokens.last(x));
        self.projection.forward(last, None, threads).reshape([tokens.batch(), self.dim()])
    }
}
