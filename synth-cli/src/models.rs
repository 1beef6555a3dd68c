//! Embedders by name.

use std::path::Path;

use image::DynamicImage;
use ndarray::Array2;
use synth_core::{Embedder, Error, Result};
use synth_embed::models::{Embeds, Model};
use synth_embed::{Family, Features, FeaturesParams};
use synth_export::LoadedImage;
use synth_optimize::calibrate::FeatureBlock;

use crate::config::nearest;
use crate::context::Context;
use crate::downloads;
use crate::failure::is_request;

/// An embedder of images.
pub(crate) type ImageEmbedder = dyn Embedder<DynamicImage>;

/// The embedder where none is named.
pub(crate) const DEFAULT: &str = "features";

/// Any image model from an ONNX file; `onnx:NAME` takes its output NAME.
pub(crate) const ONNX: &str = "onnx";

/// What helps where an embedder's weights are missing.
pub(crate) const WITHOUT_WEIGHTS: &str = "--set embedder=features";

/// Families, for weights of any of their models.
const FAMILIES: [(&str, Family); 4] = [
    ("clip", Family::Clip),
    ("dinov2", Family::Dinov2),
    ("efficientnet", Family::EfficientNet),
    ("siglip", Family::Siglip),
];

/// An embedder and what it computes on.
pub(crate) struct Chosen {
    pub(crate) embedder: Box<ImageEmbedder>,
    /// For people: `flex (CPU)`; `None` where the embedder needs no device.
    pub(crate) device: Option<String>,
}

/// The names that `--model` takes.
fn known() -> impl Iterator<Item = &'static str> + Clone {
    let families = FAMILIES.into_iter().map(|(name, _)| name);
    let models = Model::all().iter().filter(|model| model.embeds != Embeds::Texts);
    [DEFAULT, ONNX].into_iter().chain(families).chain(models.map(|model| model.name))
}

/// The embedder of this name; where no weights are given, those of the hub.
///
/// # Errors
/// [`Error::NotFound`] for the missing weights of a neural embedder, [`Error::InvalidParam`] for an
/// unknown name or weights of another model, what the device, the weights and the hub return.
pub(crate) fn embedder(name: &str, weights: Option<&Path>, context: &Context) -> Result<Chosen> {
    if name == DEFAULT {
        if let Some(weights) = weights {
            let expected = "absent: `features` has no weights";
            return Err(Error::invalid("--weights", expected, weights.display()));
        }
        return Ok(Chosen { embedder: Box::new(FeaturesParams::default().build()?), device: None });
    }
    if let Some(output) = onnx_output(name) {
        let weights = given(weights.ok_or_else(|| no_weights(ONNX))?)?;
        return Ok(Chosen { embedder: onnx(output, weights)?, device: None });
    }
    if !known().any(|known| known == name) {
        return Err(Error::invalid("embedder", known().collect::<Vec<_>>().join(", "), name));
    }
    let model = Model::find(name);
    let weights = match (weights, model) {
        (Some(weights), _) => given(weights)?.to_owned(),
        (None, Some(model)) => downloads::fetch(model, context)?,
        (None, None) => return Err(no_weights(name)),
    };
    let of_name = || FAMILIES.into_iter().find_map(|(family, found)| (family == name).then_some(found));
    let family = model.map(|model| model.family).or_else(of_name);
    match family {
        Some(family) => load(family, name, &weights, context),
        None => Err(Error::NotFound { what: "the family of", name: name.to_owned() }),
    }
}

fn given(weights: &Path) -> Result<&Path> {
    let name = || weights.display().to_string();
    if weights.exists() {
        return Ok(weights);
    }
    Err(Error::NotFound { what: "file or folder of weights", name: name() })
}

fn no_weights(name: &str) -> Error {
    Error::NotFound { what: "the weights of", name: name.to_owned() }
}

/// What `onnx` and `onnx:NAME` say of the output; `None` for the name of another embedder.
fn onnx_output(name: &str) -> Option<Option<&str>> {
    match name.strip_prefix(ONNX)? {
        "" => Some(None),
        rest => rest.strip_prefix(':').map(Some),
    }
}

#[cfg(feature = "onnx")]
fn onnx(output: Option<&str>, path: &Path) -> Result<Box<ImageEmbedder>> {
    use synth_embed::onnx::OnnxParams;
    let params = OnnxParams { output: output.map(str::to_owned), ..OnnxParams::default() };
    match params.load(path) {
        Ok(embedder) => Ok(Box::new(embedder)),
        Err(Error::InvalidParam { name, expected, got }) if name == "output" => {
            Err(Error::invalid("embedder", format!("{ONNX}:NAME, NAME {expected}"), got))
        }
        Err(error) => Err(error),
    }
}

#[cfg(not(feature = "onnx"))]
fn onnx(_output: Option<&str>, _path: &Path) -> Result<Box<ImageEmbedder>> {
    let reason = "this build has no feature `onnx`; `cargo install --path synth-cli --features onnx` has it";
    Err(Error::Unsupported { what: format!("embedder `{ONNX}`"), reason: reason.to_owned() })
}

#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
fn load(family: Family, name: &str, weights: &Path, context: &Context) -> Result<Chosen> {
    use synth_embed::Precision;
    use synth_embed::clip::ClipParams;
    use synth_embed::dinov2::Dinov2Params;
    use synth_embed::efficientnet::EfficientNetLiteParams;
    use synth_embed::siglip::SiglipParams;
    let resolved = context.device.resolve()?;
    let (device, precision) = (&resolved.device, context.precision);
    let embedder: Box<ImageEmbedder> = match family {
        Family::Clip => {
            Box::new(ClipParams::default().with_precision(precision).load_images(weights, device)?)
        }
        Family::Dinov2 => Box::new(Dinov2Params::default().with_precision(precision).load(weights, device)?),
        Family::EfficientNet if precision != Precision::Float32 => {
            let reason = "it computes in float32 alone".to_owned();
            return Err(Error::Unsupported { what: format!("`{name}` in {precision}"), reason });
        }
        Family::EfficientNet => Box::new(EfficientNetLiteParams::default().load(weights, device)?),
        Family::Siglip => {
            Box::new(SiglipParams::default().with_precision(precision).load_images(weights, device)?)
        }
        Family::Bert => {
            let reason = "it embeds texts".to_owned();
            return Err(Error::Unsupported { what: format!("embedder `{name}` of images"), reason });
        }
    };
    let found = &embedder.identity().name;
    let found = found.strip_suffix(&format!(":{precision}")).unwrap_or(found);
    let is_family = FAMILIES.iter().any(|(family, _)| *family == name);
    if !is_family && name != found {
        let expected = format!("`{found}`, for {} holds that", weights.display());
        return Err(Error::invalid("--model", expected, name));
    }
    Ok(Chosen { embedder, device: Some(resolved.description) })
}

#[cfg(not(any(feature = "flex", feature = "wgpu", feature = "cuda")))]
fn load(_family: Family, name: &str, _weights: &Path, _context: &Context) -> Result<Chosen> {
    let reason = "this build has none of the features `flex`, `wgpu` and `cuda`".to_owned();
    Err(Error::Unsupported { what: format!("embedder `{name}`"), reason })
}

/// What would help with a name that [`embedder`] refuses.
pub(crate) fn hint(name: &str) -> String {
    if onnx_output(name).is_some() {
        return onnx_hint("`weights`");
    }
    match nearest(name, known()) {
        Some(known) if known != name => format!("did you mean `{known}`?"),
        _ => format!("{WITHOUT_WEIGHTS} needs no weights; or give theirs, a file or a folder, as `weights`"),
    }
}

/// The same for the command line.
pub(crate) fn flag_hint(name: &str) -> String {
    match onnx_output(name) {
        Some(_) => onnx_hint("--weights FILE"),
        None => "--model features needs no weights; or give theirs with --weights FILE|DIR".to_owned(),
    }
}

fn onnx_hint(weights: &str) -> String {
    format!(
        "{weights} is the model's .onnx file, {ONNX}:NAME one of several outputs, and a \
         preprocessor_config.json beside the file tells how it wants its images"
    )
}

/// Names of the parts of an embedding, for the description of what is missed.
pub(crate) fn blocks(name: &str) -> Vec<FeatureBlock> {
    if name != DEFAULT {
        return Vec::new();
    }
    let named = Features::blocks().into_iter();
    named.map(|(name, columns)| FeatureBlock { name: name.to_owned(), columns }).collect()
}

/// Embeds images that came from files below `root`.
///
/// # Errors
/// As [`Embedder::embed`], with the name of the file where one image is to blame.
pub(crate) fn embed_files(
    embedder: &ImageEmbedder,
    root: &Path,
    images: &[LoadedImage],
) -> Result<Array2<f32>> {
    let pixels: Vec<&DynamicImage> = images.iter().map(|loaded| &loaded.image).collect();
    embedder.embed(&pixels).map_err(|error| {
        if !is_request(&error) {
            return error;
        }
        let alone = images.iter().find_map(|loaded| {
            let error = embedder.embed(&[&loaded.image]).err()?;
            let path = root.join(&loaded.path).display().to_string();
            Some(Error::Corrupt { path, problem: format!("cannot be embedded: {error}") })
        });
        alone.unwrap_or(error)
    })
}
