//! What `synth generate` draws from: a generator, a distribution over its parameters, base images.

use std::path::{Path, PathBuf};

use synth_core::{Error, ParameterDistribution, ParameterSet, Result};
use synth_export::RunDirectory;

use crate::args::GenerateArguments;
use crate::artifacts::{CALIBRATED, read_result};
use crate::config::{CalibratedFile, read_params};
use crate::failure::Failure;
use crate::generators::{BaseImages, DEFAULT_SIZE_PX};
use crate::host::WORKING_DIRECTORY;
use crate::input_files::{Role, difference};

/// Everything that samples are drawn from.
#[derive(Debug)]
pub(super) struct Source {
    pub(super) calibrated: CalibratedFile,
    pub(super) bases: BaseImages,
    /// Side of the built-in base images, px.
    pub(super) image_size: Option<u32>,
}

const UNFINISHED: &str = "the run is not finished: synth run … --resume";
const OTHER_BASES: &str = "give another folder of base images: --base DIR";

impl Source {
    /// Reads what was typed.
    pub(super) fn read(arguments: &GenerateArguments) -> Result<Self, Failure> {
        let name = &arguments.generator;
        let default = CalibratedFile::by_default(name, ParameterDistribution::uniform())?;
        let run = arguments.from_run.as_deref().map(RunDirectory::open).transpose()?;
        let calibrated = match (&arguments.distribution, &run) {
            (Some(path), _) => CalibratedFile::read(path)?,
            (None, Some(run)) => calibrated_of(run)?,
            (None, None) => default,
        };
        if calibrated.generator.name != *name {
            return Err(Error::invalid("generator", calibrated.generator.name, name).into());
        }
        let set = match (&arguments.params, arguments.best, &run) {
            (Some(path), _, _) => Some(read_params(path, &calibrated.param_bounds)?),
            (None, Some(rank), Some(run)) => Some(best_of(run, rank)?),
            _ => None,
        };
        let (bases, image_size) = read_bases(arguments, &calibrated, run.as_ref())?;
        let calibrated = match set {
            Some(set) => calibrated.with_distribution(ParameterDistribution::point(set)),
            None => calibrated,
        };
        Ok(Self { calibrated, bases, image_size })
    }
}

/// The calibrated distribution of a run, its configuration checked too.
fn calibrated_of(run: &RunDirectory) -> Result<CalibratedFile, Failure> {
    run.config()?;
    let bytes = run.read(CALIBRATED).map_err(|error| match error {
        Error::NotFound { .. } => Failure::from(error).hint(UNFINISHED),
        other => other.into(),
    })?;
    let file = run.root().join(CALIBRATED).display().to_string();
    let text = String::from_utf8(bytes)
        .map_err(|error| Error::Corrupt { path: file.clone(), problem: error.to_string() })?;
    CalibratedFile::parse(&file, &text)
}

/// A set of the report's table of best sets, by its place there.
fn best_of(run: &RunDirectory, rank: u32) -> Result<ParameterSet> {
    let best = read_result(run)?.best;
    let count = best.len();
    let set = best.into_iter().nth(rank as usize - 1);
    let expected = || format!("a place in the run's table of best sets, 1 to {count}");
    set.map(|set| set.params).ok_or_else(|| Error::invalid("--best", expected(), rank))
}

/// `--base` and `--size` go over what the distribution was calibrated with.
fn read_bases(
    arguments: &GenerateArguments,
    calibrated: &CalibratedFile,
    run: Option<&RunDirectory>,
) -> Result<(BaseImages, Option<u32>), Failure> {
    let folder = |dir: &Path| BaseImages::folder(dir).map_err(|error| Failure::from(error).hint(OTHER_BASES));
    match (&arguments.base, arguments.size, &calibrated.base_image_dir) {
        (Some(dir), _, _) => Ok((folder(dir)?, None)),
        (None, None, Some(dir)) => {
            let dir = Path::new(dir);
            let bases = run.map_or_else(|| folder(dir), |run| bases_of(run, dir))?;
            Ok((bases, None))
        }
        (None, size, _) => {
            let size = size.or(calibrated.image_size).unwrap_or(DEFAULT_SIZE_PX);
            Ok((BaseImages::built_in(size)?, Some(size)))
        }
    }
}

/// The base images that a run was made with. A relative folder is looked for where the run was started,
/// then here; what is found must be those very images.
fn bases_of(run: &RunDirectory, dir: &Path) -> Result<BaseImages, Failure> {
    let expected = run.about().get("base_images_blake3").cloned();
    let places = places(run, dir)?;
    let mut changed = None;
    for place in places.iter().filter(|place| place.is_dir()) {
        let bases = BaseImages::folder(place).map_err(|error| Failure::from(error).hint(OTHER_BASES))?;
        if expected.is_none() || bases.blake3 == expected {
            return Ok(bases);
        }
        if changed.is_none() {
            let words = difference(run, Role::Base, &bases.files)?;
            changed = Some((place, words.unwrap_or_else(|| "its images are others".to_owned())));
        }
    }
    let Some((place, words)) = changed else {
        let tried: Vec<String> = places.iter().map(|place| place.display().to_string()).collect();
        let error = Error::NotFound { what: "the run's folder of base images", name: tried.join("` or `") };
        return Err(Failure::from(error).hint(OTHER_BASES));
    };
    let problem = format!("not the base images of the run: {words}");
    let error = Error::Corrupt { path: place.display().to_string(), problem };
    Err(Failure::from(error).hint(format!("bring them back, or {OTHER_BASES}")))
}

/// Where a folder of a run's configuration may lie.
fn places(run: &RunDirectory, dir: &Path) -> Result<Vec<PathBuf>> {
    let log = run.read_log()?;
    let starts = log.iter().rev().filter_map(|entry| entry.fields.get(WORKING_DIRECTORY)?.as_str());
    let mut places: Vec<PathBuf> = Vec::new();
    for place in starts.map(|start| Path::new(start).join(dir)).chain([dir.to_owned()]) {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(places)
}
