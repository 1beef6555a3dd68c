//! Embedders by name.

use std::path::Path;

use image::DynamicImage;
use ndarray::Array2;
use synth_core::{Embedder, Error, Result};
use synth_embed::{DeviceChoice, Features, FeaturesParams};
use synth_export::LoadedImage;
use synth_optimize::calibrate::FeatureBlock;

use crate::config::nearest;

/// An embedder of images.
pub(crate) type ImageEmbedder = dyn Embedder<DynamicImage>;

/// The embedder where none is named.
pub(crate) const DEFAULT: &str = "features";

/// What helps where an embedder's weights are missing.
pub(crate) const WITHOUT_WEIGHTS: &str = "--set embedder=features";

/// Embedders by the names that `--model` takes.
const KNOWN: [&str; 10] = [
    "features",
    "dinov2",
    "dinov2_vits14",
    "dinov2_vitb14",
    "dinov2_vitl14",
    "dinov2_vitg14",
    "dinov2_vits14_reg",
    "dinov2_vitb14_reg",
    "dinov2_vitl14_reg",
    "dinov2_vitg14_reg",
];

/// An embedder and what it computes on.
pub(crate) struct Chosen {
    pub(crate) embedder: Box<ImageEmbedder>,
    /// For people: `flex (CPU)`; `None` where the embedder needs no device.
    pub(crate) device: Option<String>,
}

/// The embedder of this name.
///
/// # Errors
/// [`Error::NotFound`] for the missing weights of a neural embedder, [`Error::InvalidParam`] for an
/// unknown name or weights of another model, what the device and the weights return.
pub(crate) fn embedder(name: &str, weights: Option<&Path>, device: DeviceChoice) -> Result<Chosen> {
    if name == "features" {
        if let Some(weights) = weights {
            let expected = "absent: `features` has no weights";
            return Err(Error::invalid("--weights", expected, weights.display()));
        }
        return Ok(Chosen { embedder: Box::new(FeaturesParams::default().build()?), device: None });
    }
    if !KNOWN.contains(&name) {
        return Err(Error::invalid("embedder", KNOWN.join(", "), name));
    }
    let Some(weights) = weights else {
        return Err(Error::NotFound { what: "the weights of", name: name.to_owned() });
    };
    if !weights.exists() {
        return Err(Error::NotFound {
            what: "file or folder of weights",
            name: weights.display().to_string(),
        });
    }
    dinov2(name, weights, device)
}

#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
fn dinov2(name: &str, weights: &Path, device: DeviceChoice) -> Result<Chosen> {
    let resolved = device.resolve()?;
    let model = synth_embed::dinov2::Dinov2Params::default().load(weights, &resolved.device)?;
    let found = &model.identity().name;
    if name != "dinov2" && name != found {
        let expected = format!("`{found}` or `dinov2`, for {} holds that", weights.display());
        return Err(Error::invalid("--model", expected, name));
    }
    Ok(Chosen { embedder: Box::new(model), device: Some(resolved.description) })
}

#[cfg(not(any(feature = "flex", feature = "wgpu", feature = "cuda")))]
fn dinov2(name: &str, _weights: &Path, _device: DeviceChoice) -> Result<Chosen> {
    let reason = "this build has none of the features `flex`, `wgpu` and `cuda`".to_owned();
    Err(Error::Unsupported { what: format!("embedder `{name}`"), reason })
}

/// What would help with a name that [`embedder`] refuses.
pub(crate) fn hint(name: &str) -> String {
    match nearest(name, KNOWN) {
        Some(known) if known != name => format!("did you mean `{known}`?"),
        _ => format!("{WITHOUT_WEIGHTS} needs no weights; or give theirs, a file or a folder, as `weights`"),
    }
}

/// Names of the parts of an embedding, for the description of what is missed.
pub(crate) fn blocks(name: &str) -> Vec<FeatureBlock> {
    if name != "features" {
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
