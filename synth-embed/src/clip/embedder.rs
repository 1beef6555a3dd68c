use std::path::Path;

use burn::tensor::Device;
use image::DynamicImage;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use synth_core::{Embedder, EmbedderId, Error, Result};

use super::layout::Layout;
use super::network::{Architecture, Config, ImageTower, TextTower};
use super::tokenizer::{ClipTokenizer, Limits};
use super::vocabulary::Vocabulary;
use crate::Precision;
use crate::nn::{self, Activation};
use crate::preprocess::{Preprocessing, PreprocessingParams};
use crate::weights::{Checkpoint, Loader, Weights};

/// Of what becomes of texts. Raised with the numbers.
const TEXTS: &str = "clip-bpe-1";

/// The non-linearity of a CLIP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ClipActivation {
    /// x σ(1.702 x): OpenAI's.
    QuickGelu,
    /// x Φ(x): LAION's and most of open_clip's.
    Gelu,
}

/// Parameters of [`ClipImages`] and [`ClipTexts`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ClipParams {
    /// The non-linearity. `None`: `hidden_act` of the `config.json` beside the weights, else OpenAI's. The
    /// weights do not tell it: without that file, give it for LAION's.
    pub activation: Option<ClipActivation>,
    /// Of the products in the blocks; half precision needs a graphics device that computes in it.
    pub precision: Precision,
}

/// The tower of images of a CLIP.
///
/// # Shapes
/// Any images to `[items, dim]`, not of length 1; `dim` is that of the checkpoint (512 for ViT-B, 768 for
/// ViT-L).
///
/// # Examples
/// ```no_run
/// use burn::tensor::Device;
/// use synth_core::Embedder;
/// use synth_embed::clip::ClipParams;
///
/// let (params, device) = (ClipParams::default(), Device::default());
/// let images = params.load_images("clip-vit-base-patch32", &device)?;
/// let texts = params.load_texts("clip-vit-base-patch32", &device)?;
/// assert_eq!(images.identity(), texts.identity());
///
/// let photo = image::DynamicImage::new_rgb8(640, 480);
/// let image = images.embed(&[&photo])?;
/// let captions = texts.embed(&["a photo of a cat", "a photo of a dog"])?;
/// assert_eq!(image.dot(&captions.t()).dim(), (1, 2));
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct ClipImages {
    id: EmbedderId,
    tower: ImageTower,
    preprocessing: Preprocessing,
    device: Device,
}

/// The tower of texts of a CLIP.
///
/// # Shapes
/// Any texts to `[items, dim]`, not of length 1, in the space of [`ClipImages`]. A text of more than 77
/// tokens is cut at its end; the empty text has a row as well.
#[derive(Debug)]
pub struct ClipTexts {
    id: EmbedderId,
    tower: TextTower,
    tokenizer: ClipTokenizer,
    device: Device,
}

impl ClipParams {
    /// The same with this [`activation`](Self::activation).
    #[must_use]
    pub fn with_activation(mut self, activation: ClipActivation) -> Self {
        self.activation = Some(activation);
        self
    }

    /// The same in this [`precision`](Self::precision).
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Loads the tower of images of a checkpoint: a file or folder, OpenAI's or transformers' names, as
    /// [`Checkpoint::open`] takes it.
    ///
    /// The other tower must be there too: it is read for the identity, and dropped. Images are prepared as
    /// the `preprocessor_config.json` beside the weights says (some of LAION's differ), else as is usual.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the checkpoint or the `config.json` beside it is no CLIP's, or if
    /// the device lacks the precision;
    /// [`Error::InvalidParam`] for a `config.json` that does not go with the weights, or listing every
    /// tensor that is missing, misshapen or unknown; what [`Checkpoint::open`] returns.
    pub fn load_images(&self, path: impl AsRef<Path>, device: &Device) -> Result<ClipImages> {
        let opened = self.open(path.as_ref(), device)?;
        let load = |weights: &mut Weights<'_>, of: &Architecture| {
            TextTower::load(weights, of, device)?;
            ImageTower::load(weights, of, device)
        };
        let Tower { id, tower, preprocessing, .. } = opened.load(load)?;
        Ok(ClipImages { id, tower, preprocessing, device: device.clone() })
    }

    /// Loads the tower of texts of a checkpoint, as [`load_images`](Self::load_images) does that of images,
    /// and the vocabulary beside it.
    ///
    /// # Errors
    /// As [`load_images`](Self::load_images); [`Error::NotFound`] naming the files of which one must be
    /// beside the weights; [`Error::InvalidParam`] and [`Error::Corrupt`] for a vocabulary that does not go
    /// with the weights or is torn.
    pub fn load_texts(&self, path: impl AsRef<Path>, device: &Device) -> Result<ClipTexts> {
        let opened = self.open(path.as_ref(), device)?;
        let vocabulary = Vocabulary::read(opened.checkpoint.path().parent().unwrap_or(Path::new("")))?;
        let load = |weights: &mut Weights<'_>, of: &Architecture| {
            ImageTower::load(weights, of, device)?;
            TextTower::load(weights, of, device)
        };
        let Tower { id, tower, of, .. } = opened.load(load)?;
        let limits = Limits {
            vocabulary: of.table.vocabulary,
            max_tokens: of.table.positions,
            end: opened.config.text_config.eos_token_id,
        };
        let tokenizer = ClipTokenizer::new(vocabulary, limits)?;
        Ok(ClipTexts { id, tower, tokenizer, device: device.clone() })
    }

    fn open(&self, path: &Path, device: &Device) -> Result<Opened> {
        let precision = self.precision.on(device)?;
        let checkpoint = Checkpoint::open(path)?;
        let layout = Layout::of(&checkpoint).ok_or_else(|| Error::Unsupported {
            what: format!("{}", checkpoint.path().display()),
            reason: "no tensor is named `visual.class_embedding` or \
                     `vision_model.embeddings.class_embedding`, as in every CLIP"
                .into(),
        })?;
        let mut config: Config = nn::config::beside(checkpoint.path())?.unwrap_or_default();
        if let Some(activation) = self.activation {
            let name = match activation {
                ClipActivation::QuickGelu => "quick_gelu",
                ClipActivation::Gelu => "gelu",
            };
            config.vision_config.hidden_act = Some(name.to_owned());
            config.text_config.stack.hidden_act = Some(name.to_owned());
        }
        Ok(Opened { checkpoint, layout, config, precision })
    }
}

/// A checkpoint that is a CLIP's by its names.
#[derive(Debug)]
struct Opened {
    checkpoint: Checkpoint,
    layout: Layout,
    config: Config,
    precision: Precision,
}

/// A tower with what both towers of its checkpoint share.
struct Tower<T> {
    tower: T,
    of: Architecture,
    id: EmbedderId,
    preprocessing: Preprocessing,
}

impl Opened {
    /// `load` must read both towers, so that the hash is that of both.
    fn load<T>(&self, load: impl FnOnce(&mut Weights<'_>, &Architecture) -> Result<T>) -> Result<Tower<T>> {
        let loader = Loader::new(&self.checkpoint)
            .with_layout(|name| self.layout.source(name))
            .ignoring(|name| name == "logit_scale");
        let loaded = loader.load(|weights: &mut Weights<'_>| {
            let of = Architecture::of(weights, &self.config)?.in_precision(self.precision);
            Ok((load(weights, &of)?, of))
        })?;
        let (tower, of) = loaded.model;
        let side = of.grid * of.patch;
        let preprocessing =
            nn::preprocessing_beside(self.checkpoint.path(), side, PreprocessingParams::clip)?;
        let id = EmbedderId {
            name: name(&of),
            weights: Some(loaded.hash.to_string()),
            preprocessing: format!("{}+{TEXTS}", preprocessing.name()),
        };
        Ok(Tower { tower, of, id, preprocessing })
    }
}

/// As the hub has it, `clip_vit_b32`, with what differs from OpenAI's after it.
fn name(of: &Architecture) -> String {
    let size = match (of.image.dim, of.image.count, of.patch) {
        (768, 12, patch) => format!("vit_b{patch}"),
        (1024, 24, patch) => format!("vit_l{patch}"),
        (1280, 32, patch) => format!("vit_h{patch}"),
        (dim, layers, patch) => format!("{dim}x{layers}p{patch}"),
    };
    let side = match of.grid * of.patch {
        224 => String::new(),
        side => format!("_{side}"),
    };
    let suffix = |activation| match activation {
        Some(Activation::QuickGelu) | None => "",
        Some(Activation::Gelu) => ":gelu",
        Some(Activation::GeluTanh) => ":gelu-tanh",
    };
    let (image, text) = (suffix(of.image.activation), suffix(of.text.activation));
    let activations = if image == text { image.to_owned() } else { format!("{image}:text{text}") };
    format!("clip_{size}{side}{activations}{}", of.image.precision.suffix())
}

impl Embedder<DynamicImage> for ClipImages {
    fn identity(&self) -> &EmbedderId {
        &self.id
    }

    fn dim(&self) -> usize {
        nn::ImageNetwork::dim(&self.tower)
    }

    fn embed(&self, items: &[&DynamicImage]) -> Result<Array2<f32>> {
        nn::embed_images(&self.tower, &self.preprocessing, &self.device, items)
    }
}

impl Embedder<str> for ClipTexts {
    fn identity(&self) -> &EmbedderId {
        &self.id
    }

    fn dim(&self) -> usize {
        nn::TextNetwork::dim(&self.tower)
    }

    fn embed(&self, items: &[&str]) -> Result<Array2<f32>> {
        nn::embed_texts(&self.tower, &self.tokenizer, &self.device, items)
    }
}
