use std::path::Path;

use image::DynamicImage;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use synth_core::{Embedder, EmbedderId, Error, Result};

use super::file::ModelFile;
use super::graph::{check_operators, choose_output, prune};
use super::input::ImageInput;
use super::network::Network;
use crate::preprocess::{Preprocessing, PreprocessingParams};
use crate::weights::error::io_error;

/// The file that says how images are prepared.
const DESCRIPTION: &str = "preprocessor_config.json";

/// How images are prepared for a model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Preparation {
    /// As the `preprocessor_config.json` of the model says, and without one as for DINOv2.
    #[default]
    Described,
    /// [`PreprocessingParams::dinov2`]: ImageNet's statistics.
    Dinov2,
    /// [`PreprocessingParams::clip`].
    Clip,
    /// [`PreprocessingParams::siglip`].
    Siglip,
    /// [`PreprocessingParams::efficientnet_lite`].
    #[serde(rename = "efficientnet-lite")]
    EfficientNetLite,
    /// By one's own numbers.
    Given(PreprocessingParams),
}

/// Parameters of [`OnnxEmbedder`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct OnnxParams {
    /// Name of the output that makes a row; `None` for the only one.
    pub output: Option<String>,
    /// Side of what the model sees, px, where the file leaves it open and `preparation` too. 1 to 4096.
    pub side_px: Option<u32>,
    /// How images are prepared.
    pub preparation: Preparation,
    /// Whether rows are scaled to length 1.
    pub normalized: bool,
}

/// An image model from an ONNX file; the [module](crate::onnx) says which, and how images are prepared.
///
/// # Shapes
/// Any images to `[items, dim]`; `dim` is that of the model's output.
///
/// # The same bits
/// Each image runs alone, on one thread; images run side by side. Rows are equal to the bit on one kind of
/// CPU, and to about 1e-5 of the largest number those of ONNX Runtime.
///
/// # Examples
/// ```
/// use image::DynamicImage;
/// use synth_core::Embedder;
/// use synth_embed::onnx::OnnxParams;
///
/// # let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/goldens/onnx/");
/// let path = format!("{folder}vit.onnx");
/// let model = OnnxParams::default().with_output("class_token").load(&path)?;
/// assert_eq!(model.identity().name, "onnx:class_token");
/// assert_eq!(model.identity().preprocessing, "short64-bicubic-crop56-imagenet-1");
/// let rows = model.embed(&[&DynamicImage::new_rgb8(640, 480)])?;
/// assert_eq!(rows.dim(), (1, model.dim()));
///
/// let error = OnnxParams::default().load(&path).unwrap_err().to_string();
/// assert_eq!(
///     error,
///     "`output` must be one of `class_token` float32 [batch, 16], `patch_tokens` float32 [batch, 16, 16], \
///      got none"
/// );
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct OnnxEmbedder {
    params: OnnxParams,
    id: EmbedderId,
    network: Network,
    preprocessing: Preprocessing,
}

impl OnnxParams {
    /// The same with another [`output`](Self::output).
    #[must_use]
    pub fn with_output(mut self, output: impl Into<String>) -> Self {
        self.output = Some(output.into());
        self
    }

    /// The same with another [`side_px`](Self::side_px).
    #[must_use]
    pub fn with_side_px(mut self, side_px: u32) -> Self {
        self.side_px = Some(side_px);
        self
    }

    /// The same with another [`preparation`](Self::preparation).
    #[must_use]
    pub fn with_preparation(mut self, preparation: Preparation) -> Self {
        self.preparation = preparation;
        self
    }

    /// The same with [`normalized`](Self::normalized) rows or not.
    #[must_use]
    pub fn with_normalized(mut self, normalized: bool) -> Self {
        self.normalized = normalized;
        self
    }

    /// Loads a model from an `.onnx` file, with the files beside it that hold its weights.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for a file that is no ONNX model or a torn one; [`Error::Unsupported`] naming the
    /// operators, input or output that cannot be used; [`Error::InvalidParam`] for an output that is not
    /// there, a size that is not told or not the model's, listing what there is; [`Error::Io`] for a file
    /// that cannot be read.
    pub fn load(&self, path: impl AsRef<Path>) -> Result<OnnxEmbedder> {
        let path = path.as_ref();
        let ModelFile { mut proto, hash } = ModelFile::read(path)?;
        let graph = proto.graph.get_or_insert_default();
        let output = choose_output(graph, self.output.as_deref())?;
        prune(graph, &output, path)?;
        let input = ImageInput::of(graph, &output)?;
        check_operators(graph, path)?;
        let preprocessing = self.preprocessing(path, &input)?;
        let network = Network::new(&proto, &input, preprocessing.output_px(), path)?;
        let length = if self.normalized { ":normalized" } else { "" };
        let id = EmbedderId {
            name: format!("onnx:{output}{length}"),
            weights: Some(hash),
            preprocessing: preprocessing.name(),
        };
        Ok(OnnxEmbedder { params: self.clone(), id, network, preprocessing })
    }

    fn preprocessing(&self, path: &Path, input: &ImageInput) -> Result<Preprocessing> {
        let params = match &self.preparation {
            Preparation::Described => match description(path)? {
                Some(params) => params,
                None => PreprocessingParams::dinov2(self.side_px(input)?),
            },
            Preparation::Dinov2 => PreprocessingParams::dinov2(self.side_px(input)?),
            Preparation::Clip => PreprocessingParams::clip(self.side_px(input)?),
            Preparation::Siglip => PreprocessingParams::siglip(self.side_px(input)?),
            Preparation::EfficientNetLite => PreprocessingParams::efficientnet_lite(self.side_px(input)?),
            Preparation::Given(params) => params.clone(),
        };
        let preprocessing = params.build()?;
        let [height, width] = preprocessing.output_px();
        let size = format!("{width} × {height} px");
        if !input.takes([height, width]) {
            let expected = format!("of the size of the input {}", input.words);
            return Err(Error::invalid("preparation", expected, size));
        }
        match self.side_px {
            Some(side) if [height, width] != [side as usize; 2] => {
                Err(Error::invalid("side_px", format!("absent: images are prepared to {size}"), side))
            }
            _ => Ok(preprocessing),
        }
    }

    /// The side that a preset makes.
    fn side_px(&self, input: &ImageInput) -> Result<u32> {
        let own = input.sides_px.into_iter().flatten().next();
        let own = own.map(|side| u32::try_from(side).unwrap_or(u32::MAX));
        self.side_px.or(own).ok_or_else(|| {
            let expected = format!(
                "told by a `{DESCRIPTION}` beside the model or as a parameter, for the input {} leaves it open",
                input.words
            );
            Error::invalid("side_px", expected, "nothing")
        })
    }
}

impl OnnxEmbedder {
    /// The parameters that it was loaded with.
    #[must_use]
    pub fn params(&self) -> &OnnxParams {
        &self.params
    }

    /// `[dim]`.
    fn row(&self, image: &DynamicImage) -> Result<Vec<f32>> {
        let mut pixels = vec![0.0; self.preprocessing.output_len()];
        self.preprocessing.apply(image, &mut pixels)?;
        let mut row = self.network.forward(&pixels)?;
        if self.params.normalized {
            let length = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>().sqrt();
            row.iter_mut().for_each(|x| *x = (f64::from(*x) / length) as f32);
        }
        match row.iter().position(|x| !x.is_finite()) {
            None => Ok(row),
            Some(column) => {
                let what = format!("the output of the model `{}`", self.id.name);
                Err(Error::NonFinite { what, at: format!("column {column}") })
            }
        }
    }
}

impl Embedder<DynamicImage> for OnnxEmbedder {
    fn identity(&self) -> &EmbedderId {
        &self.id
    }

    fn dim(&self) -> usize {
        self.network.dim()
    }

    fn embed(&self, items: &[&DynamicImage]) -> Result<Array2<f32>> {
        let rows: Vec<Vec<f32>> = items.par_iter().map(|item| self.row(item)).collect::<Result<_>>()?;
        Array2::from_shape_vec((items.len(), self.dim()), rows.concat())
            .map_err(|error| Error::component("collecting embeddings", error))
    }
}

/// The preprocessing that is described beside a model, or above the folder `onnx` in which it lies.
fn description(model: &Path) -> Result<Option<PreprocessingParams>> {
    // A relative path does not tell the name of its folder. Links stay, as those of the hub's cache.
    let model = std::path::absolute(model).map_err(io_error("reading", model))?;
    let folder = model.parent().unwrap_or(Path::new(""));
    let found = PreprocessingParams::described_in(folder)?;
    if found.is_none() && folder.file_name().is_some_and(|name| name == "onnx") {
        return PreprocessingParams::described_in(&folder.with_file_name(""));
    }
    Ok(found)
}
