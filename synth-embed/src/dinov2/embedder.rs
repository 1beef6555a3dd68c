use std::path::Path;

use burn::tensor::{Device, Tensor};
use image::DynamicImage;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use synth_core::{Embedder, EmbedderId, Error, Result};

use super::layout::Layout;
use super::network::{Architecture, Network, PATCH};
use crate::Precision;
use crate::nn::{self, ImageNetwork, Threads};
use crate::preprocess::Preprocessing;
use crate::weights::{Checkpoint, Loader, Weights};

/// Which tokens of the last layer make a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Output {
    /// The class token, `[dim]`: what the field compares.
    #[default]
    ClassToken,
    /// The mean of the patch tokens, `[dim]`.
    PatchMean,
    /// Class token, then mean of the patch tokens, `[2 dim]`: the paper's linear probes.
    ClassAndPatchMean,
    /// All patch tokens, row by row, `[patches · dim]`.
    Patches,
}

/// Parameters of [`Dinov2`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Dinov2Params {
    /// Side of what the network sees, px: a multiple of 14.
    pub side_px: u32,
    /// Which tokens make a row.
    pub output: Output,
    /// Number of attention heads; `None` for what the `config.json` beside the weights says, else one
    /// for every 64 dimensions, as in every published checkpoint.
    pub heads: Option<usize>,
    /// Of the products in the blocks; half precision needs a graphics device that computes in it.
    pub precision: Precision,
}

impl Default for Dinov2Params {
    fn default() -> Self {
        Self { side_px: 224, output: Output::default(), heads: None, precision: Precision::default() }
    }
}

/// DINOv2, in any of its sizes, with or without registers.
///
/// # Shapes
/// Any images to `[items, dim]`; `dim` is that of the checkpoint (384, 768, 1024, 1536), or as
/// [`Output`] says.
///
/// # Which reference
/// The names in the checkpoint choose it: Meta's code or transformers'. They differ in how the models
/// without registers resize their table of positions, by up to a tenth of a patch, so the identities of
/// the two differ.
#[derive(Debug)]
pub struct Dinov2 {
    id: EmbedderId,
    network: Pooled,
    preprocessing: Preprocessing,
    device: Device,
}

#[derive(Debug)]
struct Pooled {
    network: Network,
    of: Architecture,
    grid: [usize; 2],
    output: Output,
}

/// The part of `config.json` that the shapes leave open.
#[derive(Debug, Deserialize)]
struct Config {
    num_attention_heads: Option<usize>,
    hidden_size: Option<usize>,
}

impl Dinov2Params {
    /// The same with another [`side_px`](Self::side_px).
    #[must_use]
    pub fn with_side_px(mut self, side_px: u32) -> Self {
        self.side_px = side_px;
        self
    }

    /// The same with another [`output`](Self::output).
    #[must_use]
    pub fn with_output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// The same with this number of [`heads`](Self::heads).
    #[must_use]
    pub fn with_heads(mut self, heads: usize) -> Self {
        self.heads = Some(heads);
        self
    }

    /// The same in this [`precision`](Self::precision).
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Loads a checkpoint: a file or folder, Meta's or transformers' names, as
    /// [`Checkpoint::open`] takes it.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a side that is no multiple of 14 px, or listing every tensor that is
    /// missing, misshapen or unknown; [`Error::Unsupported`] if the checkpoint is no DINOv2 or the
    /// device lacks the precision; what [`Checkpoint::open`] returns.
    pub fn load(&self, path: impl AsRef<Path>, device: &Device) -> Result<Dinov2> {
        let preprocessing = Preprocessing::dinov2(self.side_px)?;
        let precision = self.precision.on(device)?;
        let checkpoint = Checkpoint::open(path)?;
        let layout = Layout::of(&checkpoint).ok_or_else(|| Error::Unsupported {
            what: format!("{}", checkpoint.path().display()),
            reason: "no tensor is named `cls_token` or `embeddings.cls_token`, as in every DINOv2".into(),
        })?;
        let side = self.side_px as usize / PATCH;
        let grid = [side, side];
        let loader = Loader::new(&checkpoint)
            .with_layout(|name| layout.source(name))
            .ignoring(|name| name.ends_with("mask_token"));
        let config: Option<Config> = nn::config::beside(checkpoint.path())?;
        let heads = self.heads.or(config.as_ref().and_then(|config| config.num_attention_heads));
        let loaded = loader.load(|weights: &mut Weights<'_>| {
            let of = Architecture { precision, ..Architecture::of(weights, heads)? };
            nn::shapes::agree("hidden_size", config.and_then(|config| config.hidden_size), of.dim)?;
            let network = Network::load(weights, layout, of, grid, device)?;
            Ok(Pooled { network, of, grid, output: self.output })
        })?;
        let id = EmbedderId {
            name: loaded.model.name(),
            weights: Some(loaded.hash.to_string()),
            preprocessing: preprocessing.name() + &layout.positions_name(loaded.model.of.registers > 0),
        };
        Ok(Dinov2 { id, network: loaded.model, preprocessing, device: device.clone() })
    }
}

impl Embedder<DynamicImage> for Dinov2 {
    fn identity(&self) -> &EmbedderId {
        &self.id
    }

    fn dim(&self) -> usize {
        self.network.dim()
    }

    fn embed(&self, items: &[&DynamicImage]) -> Result<Array2<f32>> {
        nn::embed_images(&self.network, &self.preprocessing, &self.device, items)
    }
}

impl Pooled {
    /// As the hub has it, `dinov2_vits14_reg`, with what differs from the default after it.
    fn name(&self) -> String {
        let Architecture { dim, layers, registers, precision, .. } = self.of;
        let size = match (dim, layers) {
            (384, 12) => "vits14".to_owned(),
            (768, 12) => "vitb14".to_owned(),
            (1024, 24) => "vitl14".to_owned(),
            (1536, 40) => "vitg14".to_owned(),
            _ => format!("{dim}x{layers}"),
        };
        let registers = if registers > 0 { "_reg" } else { "" };
        let output = match self.output {
            Output::ClassToken => "",
            Output::PatchMean => ":patch-mean",
            Output::ClassAndPatchMean => ":class-and-patch-mean",
            Output::Patches => ":patches",
        };
        format!("dinov2_{size}{registers}{output}{}", precision.suffix())
    }
}

impl ImageNetwork for Pooled {
    fn dim(&self) -> usize {
        let [rows, columns] = self.grid;
        match self.output {
            Output::ClassToken | Output::PatchMean => self.of.dim,
            Output::ClassAndPatchMean => 2 * self.of.dim,
            Output::Patches => rows * columns * self.of.dim,
        }
    }

    fn forward(&self, pixels: &[f32], batch: usize, device: &Device, threads: Threads) -> Tensor<2> {
        let [rows, columns] = self.grid;
        let patches = nn::patches_on(device, pixels, batch, self.grid.map(|patches| patches * PATCH), PATCH);
        let tokens = self.network.forward(patches, threads);
        let class = || tokens.clone().narrow(1, 0, 1);
        let patches = || tokens.clone().narrow(1, 1 + self.of.registers, rows * columns);
        match self.output {
            Output::ClassToken => class(),
            Output::PatchMean => patches().mean_dim(1),
            Output::ClassAndPatchMean => Tensor::cat(vec![class(), patches().mean_dim(1)], 2),
            Output::Patches => patches(),
        }
        .reshape([batch, self.dim()])
    }
}
