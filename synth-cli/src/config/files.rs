//! The smaller files in YAML: calibrated distributions and parameter sets.

use std::fs;
use std::path::Path;

use serde::Serialize;
use synth_core::{
    Error, Parameter, ParameterDistribution, ParameterSet, ParameterSpace, ParameterValue, Result,
};

use super::bounds::read_bounds;
use super::experiment::{Experiment, GeneratorChoice, bounds};
use super::layers::parse;
use super::node::Node;
use super::problem::{ConfigError, Problems};
use super::read::{read_base_dir, read_distribution, read_generator, read_image_size, to_json};
use super::table::Table;
use crate::failure::Failure;
use crate::generators;

/// Version of `calibrated.yaml`.
const VERSION: i64 = 1;

/// A distribution over parameters with the generator it is for: `calibrated.yaml`.
///
/// A file written by hand may hold the distribution alone.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct CalibratedFile {
    version: i64,
    pub(crate) generator: GeneratorChoice,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base_image_dir: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_size: Option<u32>,
    #[serde(serialize_with = "bounds")]
    pub(crate) param_bounds: ParameterSpace,
    pub(crate) distribution: ParameterDistribution,
}

impl CalibratedFile {
    /// The same generator with another distribution.
    pub(crate) fn with_distribution(mut self, distribution: ParameterDistribution) -> Self {
        self.distribution = distribution;
        self
    }

    /// What an experiment found.
    pub(crate) fn of(experiment: &Experiment, distribution: &ParameterDistribution) -> Self {
        Self {
            version: VERSION,
            generator: experiment.generator.clone(),
            base_image_dir: experiment.base_image_dir.clone(),
            image_size: experiment.image_size,
            param_bounds: experiment.param_bounds.clone(),
            distribution: distribution.clone(),
        }
    }

    /// Another distribution by a generator with its own bounds.
    pub(crate) fn by_default(generator: &str, distribution: ParameterDistribution) -> Result<Self> {
        Ok(Self {
            version: VERSION,
            generator: generators::default_choice(generator)?,
            base_image_dir: None,
            image_size: None,
            param_bounds: generators::default_space()?,
            distribution,
        })
    }

    /// Its text.
    pub(crate) fn to_yaml(&self) -> Result<String> {
        serde_saphyr::to_string(self).map_err(|source| Error::component("calibrated distribution", source))
    }

    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = read_text(path)?;
        Self::parse(&path.display().to_string(), &text)
    }

    /// Reads the text of `file`.
    pub(crate) fn parse(file: &str, text: &str) -> Result<Self, Failure> {
        let root = parse(file, text)?;
        let space = generators::default_space()?;
        let problems = Problems::default();
        match read_calibrated(&root, &space, &problems) {
            Some(calibrated) if problems.is_empty() => Ok(calibrated),
            _ => Err(ConfigError { file: file.to_owned(), problems: problems.into_sorted() }.into()),
        }
    }
}

fn read_calibrated(root: &Node, space: &ParameterSpace, problems: &Problems) -> Option<CalibratedFile> {
    let table = Table::root(root, problems);
    let whole = table.has("distribution");
    if !whole {
        let distribution = read_distribution(&table, "the distribution", space, problems)?;
        return CalibratedFile::by_default("voids", distribution).ok();
    }
    table.whole("version", VERSION..=VERSION);
    let generator = read_generator(&table);
    let base_image_dir = read_base_dir(&table);
    let image_size = read_image_size(&table, base_image_dir.is_some(), problems);
    let param_bounds = match table.table("param_bounds") {
        Some(block) => read_bounds(&block, space)?,
        None => space.clone(),
    };
    let distribution =
        read_distribution(&table.table("distribution")?, "distribution", &param_bounds, problems)?;
    table.finish();
    Some(CalibratedFile {
        version: VERSION,
        generator,
        base_image_dir,
        image_size,
        param_bounds,
        distribution,
    })
}

/// One parameter set: a map of names and values, each inside the space; what is left out takes its
/// default.
pub(crate) fn read_params(path: &Path, space: &ParameterSpace) -> Result<ParameterSet, Failure> {
    let file = path.display().to_string();
    let root = parse(&file, &read_text(path)?)?;
    let problems = Problems::default();
    let table = Table::root(&root, &problems);
    let mut set = ParameterSet::new();
    for Parameter { name, domain, .. } in space.parameters() {
        let Some(entry) = table.entry(name) else { continue };
        let value = serde_json::from_value::<ParameterValue>(to_json(&entry.node)).ok();
        match value.and_then(|value| domain.accept(name, &value).ok()) {
            Some(value) => set.insert(name, value),
            None => table.refuse(name, &domain.describe()),
        }
    }
    table.finish();
    if !problems.is_empty() {
        return Err(ConfigError { file, problems: problems.into_sorted() }.into());
    }
    let resolved =
        space.resolve(&set).map_err(|error| Error::Corrupt { path: file, problem: error.to_string() });
    Ok(resolved?)
}

pub(super) fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|source| Error::Io {
        action: "reading",
        path: path.display().to_string(),
        source,
    })
}
