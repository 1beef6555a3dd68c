use std::path::Path;

use burn::tensor::Device;
use image::DynamicImage;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use synth_core::{Embedder, EmbedderId, Error, Result};

use super::network::{Architecture, Config, ImageTower, TextTower, is_one, source};
use super::tokenizer::SiglipTokenizer;
use crate::Precision;
use crate::nn::{self};
use crate::preprocess::{Preprocessing, PreprocessingParams};
use crate::weights::{Checkpoint, Loader, Weights};

/// Of what becomes of texts. Raised with the numbers.
const TEXTS: &str = "siglip-unigram-1";

/// Parameters of [`SiglipImages`] and [`SiglipTexts`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiglipParams {
    /// Of the products in the blocks; half precision needs a graphics device that computes in it.
    pub precision: Precision,
}

/// The tower of images of a SigLIP.
///
/// # Shapes
/// Any images to `[items, dim]`, not of length 1; `dim` is that of the checkpoint (768 for base, 1024 for
/// large).
///
/// # Examples
/// ```no_run
/// use burn::tensor::Device;
/// use synth_core::Embedder;
/// use synth_embed::siglip::SiglipParams;
///
/// let (params, device) = (SiglipParams::default(), Device::default());
/// let images = params.load_images("siglip-base-patch16-224", &device)?;
/// let texts = params.load_texts("siglip-base-patch16-224", &device)?;
/// assert_eq!(images.identity(), texts.identity());
/// assert_eq!(texts.embed(&["a photo of a cat"])?.dim(), (1, images.dim()));
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct SiglipImages {
    id: EmbedderId,
    tower: ImageTower,
    preprocessing: Preprocessing,
    device: Device,
}

/// The tower of texts of a SigLIP.
///
/// # Shapes
/// Any texts to `[items, dim]`, not of length 1, in the space of [`SiglipImages`]. A text of more than 64
/// tokens is cut at its end; the empty text has a row as well.
#[derive(Debug)]
pub struct SiglipTexts {
    id: EmbedderId,
    tower: TextTower,
    tokenizer: SiglipTokenizer,
    device: Device,
}

impl SiglipParams {
    /// The same in this [`precision`](Self::precision).
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Loads the tower of images of a checkpoint with transformers' names: a file or folder, as
    /// [`Checkpoint::open`] takes it.
    ///
    /// The other tower must be there too: it is read for the identity, and dropped. Images are prepared as
    /// the `preprocessor_config.json` beside the weights says, else as is usual.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the checkpoint or the `config.json` beside it is no SigLIP's, or if
    /// the device lacks the precision;
    /// [`Error::InvalidParam`] for a `config.json` that does not go with the weights, or listing every
    /// tensor that is missing, misshapen or unknown; what [`Checkpoint::open`] returns.
    pub fn load_images(&self, path: impl AsRef<Path>, device: &Device) -> Result<SiglipImages> {
        let precision = self.precision.on(device)?;
        let checkpoint = open(path.as_ref())?;
        let load = |weights: &mut Weights<'_>, of: &Architecture| {
            TextTower::load(weights, of, device)?;
            ImageTower::load(weights, of, device)
        };
        let Tower { tower, id, preprocessing } = Tower::load(&checkpoint, precision, load)?;
        Ok(SiglipImages { id, tower, preprocessing, device: device.clone() })
    }

    /// Loads the tower of texts of a checkpoint, as [`load_images`](Self::load_images) does that of images,
    /// and the `tokenizer.json` beside it.
    ///
    /// # Errors
    /// As [`load_images`](Self::load_images); [`Error::NotFound`] without a `tokenizer.json`;
    /// [`Error::Unsupported`] for one of another kind, [`Error::InvalidParam`] for one of another
    /// vocabulary.
    pub fn load_texts(&self, path: impl AsRef<Path>, device: &Device) -> Result<SiglipTexts> {
        let precision = self.precision.on(device)?;
        let checkpoint = open(path.as_ref())?;
        let folder = checkpoint.path().parent().unwrap_or(Path::new(""));
        let load = |weights: &mut Weights<'_>, of: &Architecture| {
            let tokenizer = SiglipTokenizer::read(folder, of.table.vocabulary, of.table.positions)?;
            ImageTower::load(weights, of, device)?;
            Ok((TextTower::load(weights, of, device)?, tokenizer))
        };
        let Tower { tower: (tower, tokenizer), id, .. } = Tower::load(&checkpoint, precision, load)?;
        Ok(SiglipTexts { id, tower, tokenizer, device: device.clone() })
    }
}

fn open(path: &Path) -> Result<Checkpoint> {
    let checkpoint = Checkpoint::open(path)?;
    if is_one(&checkpoint) {
        return Ok(checkpoint);
    }
    Err(Error::Unsupported {
        what: format!("{}", checkpoint.path().display()),
        reason: "no tensor is named `vision_model.head.probe`, as in every SigLIP".into(),
    })
}

/// A tower with what both towers of its checkpoint share.
struct Tower<T> {
    tower: T,
    id: EmbedderId,
    preprocessing: Preprocessing,
}

impl<T> Tower<T> {
    /// `load` must read both towers, so that the hash is that of both.
    fn load(
        checkpoint: &Checkpoint,
        precision: Precision,
        load: impl FnOnce(&mut Weights<'_>, &Architecture) -> Result<T>,
    ) -> Result<Self> {
        let config: Config = nn::config::beside(checkpoint.path())?.unwrap_or_default();
        let loader = Loader::new(checkpoint)
            .with_layout(source)
            .ignoring(|name| matches!(name, "logit_scale" | "logit_bias"));
        let loaded = loader.load(|weights: &mut Weights<'_>| {
            let of = Architecture::of(weights, &config)?.in_precision(precision);
            Ok((load(weights, &of)?, of))
        })?;
        let (tower, of) = loaded.model;
        let preprocessing =
            nn::preprocessing_beside(checkpoint.path(), of.side, PreprocessingParams::siglip)?;
        let id = EmbedderId {
            name: name(&of),
            weights: Some(loaded.hash.to_string()),
            preprocessing: format!("{}+{TEXTS}", preprocessing.name()),
        };
        Ok(Self { tower, id, preprocessing })
    }
}

/// As the hub has it, `siglip_base_patch16_224`.
fn name(of: &Architecture) -> String {
    let size = match (of.image.dim, of.image.count) {
        (768, 12) => "base".to_owned(),
        (1024, 24) => "large".to_owned(),
        (1152, 27) => "so400m".to_owned(),
        (dim, layers) => format!("{dim}x{layers}"),
    };
    format!("siglip_{size}_patch{}_{}{}", of.patch, of.side, of.image.precision.suffix())
}

impl Embedder<DynamicImage> for SiglipImages {
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

impl Embedder<str> for SiglipTexts {
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
