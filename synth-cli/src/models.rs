//! Embedders by name.

use std::path::Path;

use image::DynamicImage;
use ndarray::Array2;
use synth_core::{Embedder, Error, Result};
use synth_embed::models::{Embeds, Model};
use synth_embed::{Family, Features, FeaturesParams, Precision};
use synth_export::LoadedImage;
use synth_optimize::calibrate::FeatureBlock;

use crate::config::nearest;
use crate::context::Context;
use crate::downloads;

/// An embedder of images.
pub(crate) type ImageEmbedder = dyn Embedder<DynamicImage>;

/// The embedder where none is named.
pub(crate) const DEFAULT: &str = "features";

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
    [DEFAULT].into_iter().chain(families).chain(models.map(|model| model.name))
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
    if !known().any(|known| known == name) {
        return Err(Error::invalid("embedder", known().collect::<Vec<_>>().join(", "), name));
    }
    let model = Model::find(name);
    let weights = match (weights, model) {
        (Some(weights), _) if weights.exists() => weights.to_owned(),
        (Some(weights), _) => {
            let name = weights.display().to_string();
            return Err(Error::NotFound { what: "file or folder of weights", name });
        }
        (None, Some(model)) => downloads::fetch(model, context)?,
        (None, None) => return Err(Error::NotFound { what: "the weights of", name: name.to_owned() }),
    };
    let of_name = || FAMILIES.into_iter().find_map(|(family, found)| (family == name).then_some(found));
    let family = model.map(|model| model.family).or_else(of_name);
    match family {
        Some(family) => load(family, name, &weights, context),
        None => Err(Error::NotFound { what: "the family of", name: name.to_owned() }),
    }
}

#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
fn load(family: Family, name: &str, weights: &Path, context: &Context) -> Result<Chosen> {
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
    match nearest(name, known()) {
        Some(known) if known != name => format!("did you mean `{known}`?"),
        _ => format!("{WITHOUT_WEIGHTS} needs no weights; or give theirs, a file or a folder, as `weights`"),
    }
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
        let alone = images.iter().find_map(|loaded| {
            let error = embedder.embed(&[&loaded.image]).err()?;
            let path = root.join(&loaded.path).display().to_string();
            Some(Error::Corrupt { path, problem: format!("cannot be embedded: {error}") })
        });
        alone.unwrap_or(error)
    })
}
