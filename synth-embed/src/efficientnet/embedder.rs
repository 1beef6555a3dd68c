use std::path::Path;

use burn::tensor::{Device, Tensor, TensorData};
use image::DynamicImage;
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use synth_core::{Embedder, EmbedderId, Error, Result};

use super::architecture::Architecture;
use super::layers::Layers;
use super::network::Network;
#[cfg(feature = "flex")]
use super::processor::Processor;
use crate::nn::{self, ImageNetwork, Linear, Threads};
use crate::preprocess::Preprocessing;
use crate::weights::{Checkpoint, Loader, Weights};

/// What makes a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Output {
    /// What the last convolution finds, averaged over the image: `[1280]`, each in [0, 6].
    #[default]
    Pooled,
    /// What the classifier makes of that, before the softmax: `[classes]`, 1000 in the published models.
    Logits,
}

/// Parameters of [`EfficientNetLite`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EfficientNetLiteParams {
    /// Side of what the network sees, px; `None` for the one that the model was trained with, 224 for
    /// Lite0. 1 to 4064.
    pub side_px: Option<u32>,
    /// What makes a row.
    pub output: Output,
}

/// EfficientNet-Lite0 to Lite4.
///
/// # Shapes
/// Any images to `[items, 1280]`, or as [`Output`] says.
///
/// # Which reference
/// The names are those of the package `efficientnet_lite_pytorch`, whose weights are Google's. Its
/// numbers are met to 1e-4 of the largest on the processor; padding is TensorFlow's SAME.
///
/// # Examples
/// ```no_run
/// use burn::tensor::Device;
/// use synth_core::Embedder;
/// use synth_embed::efficientnet::EfficientNetLiteParams;
///
/// let path = "data/models/efficientnet-lite0/efficientnet-lite0.pth";
/// let model = EfficientNetLiteParams::default().load(path, &Device::default())?;
/// assert_eq!(model.identity().name, "efficientnet_lite0");
/// assert_eq!(model.dim(), 1280);
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct EfficientNetLite {
    id: EmbedderId,
    network: Topped,
    preprocessing: Preprocessing,
    device: Device,
}

/// The network up to the mean over the places.
#[derive(Debug)]
enum Body {
    /// On burn's tensors.
    Tensors(Box<Network>),
    /// On the processor's own kernels.
    #[cfg(feature = "flex")]
    Processor(Box<Processor>),
}

/// The network and what follows it.
#[derive(Debug)]
struct Topped {
    body: Body,
    classifier: Option<Linear>,
    dim: usize,
    side: usize,
}

impl EfficientNetLiteParams {
    /// The same with another [`side_px`](Self::side_px).
    #[must_use]
    pub fn with_side_px(mut self, side_px: u32) -> Self {
        self.side_px = Some(side_px);
        self
    }

    /// The same with another [`output`](Self::output).
    #[must_use]
    pub fn with_output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    /// Loads a checkpoint, a file or folder as [`Checkpoint::open`] takes it. Which of the models it is
    /// follows from the shapes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the checkpoint is no EfficientNet-Lite; [`Error::InvalidParam`] for a
    /// side outside 1 to 4064 px, or listing every tensor that is missing, misshapen or unknown; what
    /// [`Checkpoint::open`] returns.
    pub fn load(&self, path: impl AsRef<Path>, device: &Device) -> Result<EfficientNetLite> {
        let checkpoint = Checkpoint::open(path)?;
        if checkpoint.info("_conv_stem.weight").is_none() {
            return Err(Error::Unsupported {
                what: format!("{}", checkpoint.path().display()),
                reason: "no tensor is named `_conv_stem.weight`, as in the EfficientNet-Lite that \
                         `efficientnet_lite_pytorch` reads"
                    .into(),
            });
        }
        let classifies = self.output == Output::Logits;
        let loader = Loader::new(&checkpoint).ignoring(|name| name.starts_with("_fc.") && !classifies);
        let loaded = loader.load(|weights: &mut Weights<'_>| {
            let of = Architecture::of(weights)?;
            Ok((Layers::load(weights, &of, classifies)?, of))
        })?;
        let (layers, of) = loaded.model;
        let preprocessing = Preprocessing::efficientnet_lite(self.side_px.unwrap_or(of.side_px()))?;
        let id = EmbedderId {
            name: of.name() + if classifies { ":logits" } else { "" },
            weights: Some(loaded.hash.to_string()),
            preprocessing: preprocessing.name(),
        };
        let side = preprocessing.output_px()[0];
        let network = Topped {
            body: Body::new(&layers, side, device),
            dim: if classifies { of.classes } else { of.head },
            classifier: layers.classifier.map(|values| values.on(device)),
            side,
        };
        Ok(EfficientNetLite { id, network, preprocessing, device: device.clone() })
    }
}

impl Embedder<DynamicImage> for EfficientNetLite {
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

impl Body {
    fn new(layers: &Layers, side: usize, device: &Device) -> Self {
        #[cfg(feature = "flex")]
        if nn::is_processor(device) {
            return Self::Processor(Box::new(Processor::new(layers, [side; 2])));
        }
        let _ = side;
        Self::Tensors(Box::new(Network::new(layers, device)))
    }
}

impl ImageNetwork for Topped {
    fn dim(&self) -> usize {
        self.dim
    }

    fn forward(&self, pixels: &[f32], batch: usize, device: &Device, threads: Threads) -> Tensor<2> {
        let pooled = match &self.body {
            Body::Tensors(network) => {
                let pixels = TensorData::new(pixels.to_vec(), [batch, 3, self.side, self.side]);
                network.forward(Tensor::from_data(pixels, device))
            }
            #[cfg(feature = "flex")]
            Body::Processor(network) => {
                let images = pixels.chunks(3 * self.side * self.side);
                let rows: Vec<f32> = images.flat_map(|image| network.forward(image, threads)).collect();
                let features = rows.len() / batch;
                Tensor::from_data(TensorData::new(rows, [batch, features]), device)
            }
        };
        match &self.classifier {
            None => pooled,
            Some(classifier) => {
                let [batch, features] = pooled.dims();
                let logits = classifier.forward(pooled.reshape([batch, 1, features]), None, threads);
                logits.reshape([batch, self.dim])
            }
        }
    }
}
