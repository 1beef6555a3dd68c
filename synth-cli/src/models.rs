//! Embedders by name.

use std::path::Path;

use image::DynamicImage;
use ndarray::Array2;
use synth_core::{Embedder, Error, Result};
use synth_embed::{Features, FeaturesParams};
use synth_export::LoadedImage;
use synth_optimize::calibrate::FeatureBlock;

use crate::config::nearest;

/// An embedder of images.
pub(crate) type ImageEmbedder = dyn Embedder<DynamicImage>;

/// The embedder where none is named.
pub(crate) const DEFAULT: &str = "features";

/// What helps where an embedder's weights are missing.
pub(crate) const WITHOUT_WEIGHTS: &str = "--set embedder=features";

/// Embedders that can be made from nothing.
const KNOWN: [&str; 1] = ["features"];

/// The embedder of this name.
///
/// # Errors
/// [`Error::NotFound`] for the missing weights of a neural embedder, [`Error::InvalidParam`] for an
/// unknown name.
pub(crate) fn embedder(name: &str, weights: Option<&Path>) -> Result<Box<ImageEmbedder>> {
    if name == "features" {
        if let Some(weights) = weights {
            let expected = "absent: `features` has no weights";
            return Err(Error::invalid("--weights", expected, weights.display()));
        }
        return Ok(Box::new(FeaturesParams::default().build()?));
    }
    if name.starts_with("dinov2") {
        return Err(Error::NotFound { what: "the weights of", name: name.to_owned() });
    }
    Err(Error::invalid("embedder", KNOWN.join(", "), name))
}

/// What would help with a name that [`embedder`] refuses.
pub(crate) fn hint(name: &str) -> String {
    match nearest(name, KNOWN) {
        Some(known) => format!("did you mean `{known}`?"),
        None => format!("{WITHOUT_WEIGHTS} needs no weights"),
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
