//! What an experiment works on, opened and checked before anything runs.

use std::path::{Path, PathBuf};

use synth_core::{Error, Seed};
use synth_export::{FolderImages, Groups, LoadedImage, OnBadFile};

use crate::config::{Experiment, Layers, Problems, RealSource};
use crate::failure::Failure;
use crate::generators::{self, BaseImages, ImageGenerator, digest};
use crate::models::{self, ImageEmbedder};

/// Everything that an experiment needs, ready to use.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) generator: Box<ImageGenerator>,
    pub(crate) embedder: Box<ImageEmbedder>,
    /// The user's real images; `None` where the real set is drawn.
    pub(crate) real: Option<Vec<LoadedImage>>,
    /// Root of everything random.
    pub(crate) seed: Seed,
    /// Hashes of the files used, by name.
    pub(crate) hashes: Vec<(&'static str, String)>,
    /// What the base images are.
    pub(crate) bases: String,
    /// What the user should know.
    pub(crate) warnings: Vec<String>,
}

impl Inputs {
    /// Opens everything; all that is missing or broken is reported at once, with the key's line.
    pub(crate) fn open(experiment: &Experiment, layers: &Layers) -> Result<Self, Failure> {
        let problems = Problems::default();
        let mut fault = None;
        let embedder = models::embedder(&experiment.embedder, None);
        let hint = models::hint(&experiment.embedder);
        let embedder = note(embedder, "embedder", Some(hint), layers, &problems, &mut fault);
        let bases = match &experiment.base_image_dir {
            Some(dir) => BaseImages::folder(Path::new(dir)),
            None => BaseImages::built_in(experiment.image_size.unwrap_or(generators::DEFAULT_SIZE_PX)),
        };
        let hint = "give a folder of images, or --set base_image_dir=null for the built-in chips";
        let bases = note(bases, "base_image_dir", Some(hint.into()), layers, &problems, &mut fault);
        let real = read_real(experiment).transpose();
        let real = real.map(|real| note(real, "real.dir", None, layers, &problems, &mut fault));
        let (mut warnings, mut hashes, mut description) = (Vec::new(), Vec::new(), String::new());
        let generator = bases.and_then(|mut bases| {
            warnings.append(&mut bases.warnings);
            warnings.extend(size_warning(experiment, &bases));
            hashes.extend(bases.blake3.take().map(|hash| ("base_images_blake3", hash)));
            bases.description.clone_into(&mut description);
            let built = generators::build(&experiment.generator, &experiment.param_bounds, bases);
            let key = match &built {
                Err(Error::InvalidParam { name, .. }) => bounds_key(experiment, name),
                _ => "generator".to_owned(),
            };
            note(built, &key, None, layers, &problems, &mut fault)
        });
        if let Some(fault) = fault {
            return Err(fault.into());
        }
        let (Some(generator), Some(embedder), true) = (generator, embedder, problems.is_empty()) else {
            return Err(layers.error(problems).into());
        };
        let real = real.flatten();
        hashes.extend(real.as_ref().map(|real| ("real_images_blake3", digest(real))));
        let seed = Seed::from_u64(experiment.seed.unsigned_abs());
        Ok(Self { generator, embedder, real, seed, hashes, bases: description, warnings })
    }
}

/// The value, or its error noted: a wrong request as a problem of its key, anything else as a fault
/// of the system.
fn note<T>(
    result: synth_core::Result<T>,
    key: &str,
    hint: Option<String>,
    layers: &Layers,
    problems: &Problems,
    fault: &mut Option<Error>,
) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error @ (Error::Io { .. } | Error::Component { .. })) => {
            fault.get_or_insert(error);
            None
        }
        Err(error) => {
            layers.refuse(problems, key, &error.to_string(), hint);
            None
        }
    }
}

fn bounds_key(experiment: &Experiment, name: &str) -> String {
    match experiment.param_bounds.get(name) {
        Some(_) => format!("param_bounds.{name}"),
        None if name.starts_with("base image") => "base_image_dir".to_owned(),
        None => format!("generator.{name}"),
    }
}

fn read_real(experiment: &Experiment) -> synth_core::Result<Option<Vec<LoadedImage>>> {
    let RealSource::Folder { dir, groups } = &experiment.real else { return Ok(None) };
    let root = Path::new(dir);
    let groups = groups.as_ref().map_or(Groups::Auto, |file| Groups::File(groups_path(root, file)));
    let folder = FolderImages { groups, ..FolderImages::default() }.open(root)?;
    let (images, _) = folder.load_all(OnBadFile::Fail)?;
    if images.len() < 2 {
        let what = format!("a real set (`{dir}`)");
        return Err(Error::TooFewSamples { what, needed: 2, got: images.len(), unit: "images" });
    }
    Ok(Some(images))
}

/// The file of groups: relative to the folder of images where it is there, else as given.
fn groups_path(root: &Path, file: &str) -> PathBuf {
    let inside = root.join(file);
    if inside.is_file() { inside } else { PathBuf::from(file) }
}

/// Pixel parameters do not scale with the image: large voids on small images cover everything.
fn size_warning(experiment: &Experiment, bases: &BaseImages) -> Option<String> {
    use synth_core::Domain::Float;
    let Some(Float { high, .. }) = experiment.param_bounds.get("base_size").map(|p| &p.domain) else {
        return None;
    };
    let side = bases.shortest_side_px();
    (*high > f64::from(side) / 2.0).then(|| {
        format!("`base_size` may reach {high} px, more than half the shortest side ({side} px); sizes are in pixels")
    })
}
