//! What an experiment works on, opened and checked before anything runs.

use std::collections::BTreeSet;
use std::path::Path;

use synth_core::{Error, ParameterDistribution, Seed};
use synth_export::LoadedImage;

use crate::config::{Experiment, Layers, Problems, RealSource};
use crate::context::Context;
use crate::failure::Failure;
use crate::generators::{self, BaseImages, ImageGenerator, digest};
use crate::input_files::{InputFile, Role};
use crate::models::{self, Chosen, ImageEmbedder};
use crate::real::{RealImages, Refused};

/// Everything that an experiment needs, ready to use.
#[derive(Debug)]
pub(crate) struct Inputs {
    pub(crate) generator: Box<ImageGenerator>,
    pub(crate) embedder: Box<ImageEmbedder>,
    /// What it computes on, for people.
    pub(crate) device: String,
    /// The user's real images; `None` where the real set is drawn.
    pub(crate) real: Option<Vec<LoadedImage>>,
    /// Root of everything random.
    pub(crate) seed: Seed,
    /// Hashes of the files used, by name.
    pub(crate) hashes: Vec<(&'static str, String)>,
    /// The user's own files.
    pub(crate) files: Vec<InputFile>,
    /// What the base images are.
    pub(crate) bases: String,
    /// What the user should know.
    pub(crate) warnings: Vec<String>,
}

const OTHER_BASES: &str = "give a folder of images, or --set base_image_dir=null for the built-in chips";

impl Inputs {
    /// Opens everything; all that is missing or broken is reported at once, with the key's line.
    pub(crate) fn open(experiment: &Experiment, layers: &Layers, context: &Context) -> Result<Self, Failure> {
        let problems = Problems::default();
        let mut fault = None;
        let weights = experiment.weights.as_deref().map(Path::new);
        let embedder = context.embedder(&experiment.embedder, weights);
        let hint = models::hint(&experiment.embedder);
        let key = if weights.is_some() { "weights" } else { "embedder" };
        let embedder = note(embedder, key, Some(hint), layers, &problems, &mut fault);
        let bases = match &experiment.base_image_dir {
            Some(dir) => BaseImages::folder(Path::new(dir)),
            None => BaseImages::built_in(experiment.image_size.unwrap_or(generators::DEFAULT_SIZE_PX)),
        };
        let beside = experiment.base_image_dir.as_deref().and_then(|dir| layers.beside(dir));
        let hint = beside.unwrap_or_else(|| OTHER_BASES.to_owned());
        let bases = note(bases, "base_image_dir", Some(hint), layers, &problems, &mut fault);
        let real = read_real(experiment).map(|real| match real {
            Ok(real) => Some(real),
            Err((key, error)) => {
                let RealSource::Folder { dir, .. } = &experiment.real else { return None };
                note(Err(error), key, layers.beside(dir), layers, &problems, &mut fault)
            }
        });
        let (mut warnings, mut hashes, mut description) = (Vec::new(), Vec::new(), String::new());
        let mut files = Vec::new();
        let generator = bases.and_then(|mut bases| {
            warnings.append(&mut bases.warnings);
            files.append(&mut bases.files);
            warnings.extend(bases.size_warning(&ParameterDistribution::uniform(), &experiment.param_bounds));
            if let Some(Some(real)) = &real {
                warnings.extend(check_sizes(experiment, layers, &real.images, &bases, &problems));
            }
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
        let (Some(generator), Some(Chosen { embedder, device }), true) =
            (generator, embedder, problems.is_empty())
        else {
            return Err(layers.error(problems).into());
        };
        let device = device.unwrap_or_else(|| "cpu".to_owned());
        let real = real.flatten().map(|real| {
            warnings.extend(real.warnings);
            real.images
        });
        if let Some(real) = &real {
            hashes.push(("real_images_blake3", digest(real)));
            files.extend(real.iter().map(|image| InputFile::of(Role::Real, image)));
        }
        let seed = Seed::from_u64(experiment.seed.unsigned_abs());
        Ok(Self { generator, embedder, device, real, seed, hashes, files, bases: description, warnings })
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

fn read_real(experiment: &Experiment) -> Option<Result<RealImages, Refused>> {
    match &experiment.real {
        RealSource::Folder { dir, groups } => Some(RealImages::read(dir, groups.as_deref())),
        RealSource::Drawn(_) => None,
    }
}

/// Images of another size than the base images are told apart by their size: what to say of that, or
/// whether to refuse it, where it cannot be what was meant.
fn check_sizes(
    experiment: &Experiment,
    layers: &Layers,
    real: &[LoadedImage],
    bases: &BaseImages,
    problems: &Problems,
) -> Option<String> {
    let own: BTreeSet<(u32, u32)> =
        real.iter().map(|loaded| (loaded.image.width(), loaded.image.height())).collect();
    let all = bases.sizes();
    let fits = own.iter().any(|size| all.contains(size));
    let words = |sizes: &BTreeSet<(u32, u32)>| -> String {
        let sizes: Vec<String> =
            sizes.iter().take(3).map(|(width, height)| format!("{width} × {height}")).collect();
        sizes.join(", ") + " px"
    };
    let (own, all) = (words(&own), words(&all));
    if experiment.base_image_dir.is_some() {
        return (!fits).then(|| {
            format!("the real images ({own}) and the base images ({all}) differ in size, which may be all that is found")
        });
    }
    if fits || layers.is_given("image_size") {
        return Some(format!(
            "`base_image_dir` is not given: defects are drawn on the built-in chips ({all}), which look like \
             your images ({own}) only by chance"
        ));
    }
    let problem = format!(
        "its images have {own}, and without `base_image_dir` defects would be drawn on the built-in chips \
         of {all}"
    );
    let hint = "give `base_image_dir`, a folder of images like yours without defects; or, for the chips all \
                the same, `image_size`";
    layers.refuse(problems, "real.dir", &problem, Some(hint.to_owned()));
    None
}
