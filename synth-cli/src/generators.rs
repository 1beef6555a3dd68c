//! Generators by name, with their base images.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use image::DynamicImage;
use serde_json::{Value, json};
use synth_core::{
    Domain, Error, Generator, Marginal, ParameterDistribution, ParameterSpace, ParameterValue, Result,
};
use synth_export::{FolderImages, Groups, LoadedImage, OnBadFile};
use synth_gen::{BaseImage, VoidsParams, builtin_chips};

use crate::config::GeneratorChoice;
use crate::input_files::{InputFile, Role};

/// A generator of images.
pub(crate) type ImageGenerator = dyn Generator<Item = DynamicImage>;

/// Side of the built-in base images where none is given, px.
pub(crate) const DEFAULT_SIZE_PX: u32 = 224;

/// The images that defects are put on.
#[derive(Debug)]
pub(crate) struct BaseImages {
    images: Vec<BaseImage>,
    /// BLAKE3 over names and files; `None` for the built-in ones, which their size describes.
    pub(crate) blake3: Option<String>,
    /// The files; none for the built-in ones.
    pub(crate) files: Vec<InputFile>,
    /// What they are, in a few words.
    pub(crate) description: String,
    /// What a user should know of them.
    pub(crate) warnings: Vec<String>,
}

impl BaseImages {
    /// The built-in chips.
    pub(crate) fn built_in(size_px: u32) -> Result<Self> {
        let images = builtin_chips(size_px)?;
        let description = format!("{} built-in chips of {size_px} × {size_px} px", images.len());
        Ok(Self { images, blake3: None, files: Vec::new(), description, warnings: Vec::new() })
    }

    /// All images of a folder; they may differ in size and type.
    pub(crate) fn folder(dir: &Path) -> Result<Self> {
        let folder = FolderImages { groups: Groups::Each, ..FolderImages::default() }.open(dir)?;
        let (loaded, _) = folder.load_all(OnBadFile::Fail)?;
        let (sizes, mut warnings) = (describe_sizes(&loaded), Vec::new());
        if sizes.len() > 1 {
            let sizes = sizes.join(", ");
            warnings.push(format!("base images differ in size ({sizes}); each sample has its base's"));
        }
        let converted = loaded.iter().filter(|image| drawable(&image.image).is_some()).count();
        if converted > 0 {
            warnings.push(format!("{converted} base images lose their transparency or float pixels"));
        }
        let blake3 = Some(digest(&loaded));
        let files = loaded.iter().map(|image| InputFile::of(Role::Base, image)).collect();
        let description = format!("{} base images of {}", loaded.len(), dir.display());
        let images = loaded
            .into_iter()
            .map(|loaded| {
                let image = drawable(&loaded.image).unwrap_or(loaded.image);
                BaseImage::new(loaded.path, image)
            })
            .collect();
        Ok(Self { images, blake3, files, description, warnings })
    }

    /// Widths and heights, px.
    pub(crate) fn sizes(&self) -> BTreeSet<(u32, u32)> {
        self.images.iter().map(|base| (base.image.width(), base.image.height())).collect()
    }

    /// Pixel parameters do not scale with the image: what to say where voids of this distribution may be
    /// so large that a single one covers most of an image.
    pub(crate) fn size_warning(
        &self,
        distribution: &ParameterDistribution,
        space: &ParameterSpace,
    ) -> Option<String> {
        let reach = reach(distribution, space, "base_size")?;
        let side = self.sizes().into_iter().map(|(width, height)| width.min(height)).min()?;
        (reach > f64::from(side) / 2.0).then(|| {
            format!(
                "`base_size` may reach {reach} px, more than half the shortest side ({side} px) of the base \
                 images; sizes are in pixels"
            )
        })
    }
}

/// The largest value of a real parameter that is likely under a distribution; a normal one's lies three
/// standard deviations above its mean.
fn reach(distribution: &ParameterDistribution, space: &ParameterSpace, name: &str) -> Option<f64> {
    let Some(Domain::Float { high, .. }) = space.get(name).map(|parameter| &parameter.domain) else {
        return None;
    };
    match distribution {
        ParameterDistribution::Independent { marginals }
        | ParameterDistribution::Copula { marginals, .. } => Some(match marginals.get(name) {
            Some(Marginal::Normal { mean, std }) => high.min(mean + 3.0 * std),
            Some(Marginal::Uniform { high, .. }) => *high,
            Some(Marginal::Constant { value: ParameterValue::Float(value) }) => *value,
            Some(Marginal::Constant { value: ParameterValue::Int(value) }) => *value as f64,
            _ => *high,
        }),
        ParameterDistribution::Mixture { components } => {
            components.iter().filter_map(|part| reach(&part.distribution, space, name)).max_by(f64::total_cmp)
        }
        ParameterDistribution::Finite { atoms } => {
            atoms.iter().filter_map(|atom| atom.params.float(name).ok()).max_by(f64::total_cmp)
        }
        _ => Some(*high),
    }
}

/// BLAKE3 over the paths and contents of images, in their order.
pub(crate) fn digest(images: &[LoadedImage]) -> String {
    let mut hasher = blake3::Hasher::new();
    for image in images {
        hasher.update(format!("{}\0{}\0{}\n", image.path, image.group, image.blake3).as_bytes());
    }
    hasher.finalize().to_hex().to_string()
}

fn describe_sizes(images: &[LoadedImage]) -> Vec<String> {
    let mut counts: BTreeMap<(u32, u32), usize> = BTreeMap::new();
    for loaded in images {
        *counts.entry((loaded.image.width(), loaded.image.height())).or_default() += 1;
    }
    counts.into_iter().map(|((width, height), n)| format!("{n} of {width} × {height} px")).collect()
}

/// The image in a pixel type that can be drawn on, where it has another one.
fn drawable(image: &DynamicImage) -> Option<DynamicImage> {
    match image {
        DynamicImage::ImageLumaA8(_) => Some(image.to_luma8().into()),
        DynamicImage::ImageLumaA16(_) => Some(image.to_luma16().into()),
        DynamicImage::ImageRgba8(_) => Some(image.to_rgb8().into()),
        DynamicImage::ImageRgba16(_) | DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => {
            Some(image.to_rgb16().into())
        }
        _ => None,
    }
}

/// The space of a generator with its own bounds.
pub(crate) fn default_space() -> Result<ParameterSpace> {
    let voids = VoidsParams { labels: false, ..VoidsParams::default() }.build(builtin_chips(32)?)?;
    Ok(voids.space().clone())
}

/// The default options of the generator of this name.
pub(crate) fn default_choice(name: &str) -> Result<GeneratorChoice> {
    if name != "voids" {
        return Err(Error::invalid("generator", "voids", name));
    }
    let VoidsParams { edge_blur, centred, outline, .. } = VoidsParams::default();
    Ok(GeneratorChoice { name: name.to_owned(), edge_blur, centred, outline })
}

/// Builds the generator.
///
/// # Errors
/// [`Error::InvalidParam`] naming a parameter whose bounds cannot be drawn.
pub(crate) fn build(
    choice: &GeneratorChoice,
    space: &ParameterSpace,
    bases: BaseImages,
) -> Result<Box<ImageGenerator>> {
    let params = params(choice, space)?;
    Ok(Box::new(params.build(bases.images)?))
}

fn params(choice: &GeneratorChoice, space: &ParameterSpace) -> Result<VoidsParams> {
    let mut fields: serde_json::Map<String, Value> = serde_json::Map::new();
    fields.insert("edge_blur".into(), json!(choice.edge_blur));
    fields.insert("centred".into(), json!(choice.centred));
    fields.insert("outline".into(), json!(choice.outline));
    for parameter in space.parameters() {
        let bounds = match &parameter.domain {
            Domain::Float { low, high, .. } => json!({"low": low, "high": high}),
            Domain::Int { low, high, .. } => json!({"low": low, "high": high}),
            Domain::Choice { choices } => json!({"choices": choices}),
            other => {
                return Err(Error::invalid(&parameter.name, "bounds or choices", other.describe()));
            }
        };
        let mut bounds = bounds;
        if let Some(default) = &parameter.default {
            bounds["default"] = json!(default);
        }
        fields.insert(parameter.name.clone(), bounds);
    }
    serde_json::from_value(Value::Object(fields))
        .map_err(|source| Error::invalid("generator", "options of voids", source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voids_that_may_cover_an_image_are_told() {
        let space = default_space().expect("space");
        let bases = BaseImages::built_in(32).expect("chips");
        let told = |distribution: &ParameterDistribution| bases.size_warning(distribution, &space);
        assert!(told(&ParameterDistribution::uniform()).is_some_and(|text| text.contains("reach 40 px")));
        let at = |size: f64| {
            let set = synth_core::ParameterSet::new().with("base_size", size);
            ParameterDistribution::point(set)
        };
        assert_eq!(told(&at(16.0)), None);
        assert!(told(&at(16.5)).is_some());
        let normal = Marginal::Normal { mean: 8.0, std: 2.0 };
        let marginals = BTreeMap::from([("base_size".to_owned(), normal)]);
        assert_eq!(told(&ParameterDistribution::Independent { marginals }), None);
    }

    #[test]
    fn the_default_space_builds_the_default_generator() {
        let space = default_space().expect("space");
        let choice = default_choice("voids").expect("choice");
        assert_eq!(
            params(&choice, &space).expect("params").build(Vec::new()).err().map(|e| e.to_string()),
            { Some("`base images` must be at least one image, got none".to_owned()) }
        );
        let generator = build(&choice, &space, BaseImages::built_in(64).expect("chips")).expect("built");
        assert_eq!(generator.space(), &space);
    }
}
