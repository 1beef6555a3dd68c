//! The smaller files in YAML: calibrated distributions, parameter sets, spaces.

use std::fs;
use std::path::Path;

use serde::Serialize;
use synth_core::{Error, ParameterDistribution, ParameterSet, ParameterSpace, ParameterValue, Result};
use synth_optimize::Objective;

use super::bounds::read_bounds;
use super::experiment::{Experiment, GeneratorChoice, bounds};
use super::layers::parse;
use super::node::{Node, Value};
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

/// One parameter set: a map of names and values.
pub(crate) fn read_params(path: &Path) -> Result<ParameterSet, Failure> {
    let file = path.display().to_string();
    let root = parse(&file, &read_text(path)?)?;
    let problems = Problems::default();
    let table = Table::root(&root, &problems);
    let values: Vec<(String, ParameterValue)> = table
        .entries()
        .iter()
        .filter_map(|entry| match serde_json::from_value(to_json(&entry.node)) {
            Ok(value) => Some((entry.key.clone(), value)),
            Err(_other_kind) => {
                table.refuse(&entry.key, "a number, a name or a list of shares");
                None
            }
        })
        .collect();
    if problems.is_empty() {
        Ok(values.into_iter().collect())
    } else {
        Err(ConfigError { file, problems: problems.into_sorted() }.into())
    }
}

/// A parameter space and what is wanted: `parameters` with an `objective`, or the list of parameters
/// alone.
pub(crate) fn read_space(path: &Path) -> Result<(ParameterSpace, Objective), Failure> {
    let file = path.display().to_string();
    let root = parse(&file, &read_text(path)?)?;
    let problems = Problems::default();
    let (list, objective) = match &root.value {
        Value::List(_) => (Some(&root), Some(Objective::default())),
        _ => read_space_table(&root, &problems),
    };
    let space = list.and_then(|list| read_parameters(list, &problems));
    match (space, objective) {
        (Some(space), Some(objective)) if problems.is_empty() => Ok((space, objective)),
        _ => Err(ConfigError { file, problems: problems.into_sorted() }.into()),
    }
}

fn read_space_table<'a>(root: &'a Node, problems: &'a Problems) -> (Option<&'a Node>, Option<Objective>) {
    let table = Table::root(root, problems);
    let list = table.entry("parameters").map(|entry| &entry.node);
    if list.is_none() {
        table.refuse("parameters", "a list of parameters");
    }
    let objective = match table.entry("objective") {
        None => Some(Objective::default()),
        Some(entry) => match serde_json::from_value(to_json(&entry.node)) {
            Ok(objective) => Some(objective),
            Err(error) => {
                table.refuse("objective", &format!("`direction` and `noisy` ({error})"));
                None
            }
        },
    };
    table.finish();
    (list, objective)
}

fn read_parameters(list: &Node, problems: &Problems) -> Option<ParameterSpace> {
    let Value::List(items) = &list.value else {
        problems.value(&list.origin, "parameters", "a list of parameters", list);
        return None;
    };
    let mut parameters = Vec::new();
    for item in items {
        match serde_json::from_value::<synth_core::Parameter>(to_json(item)) {
            Ok(parameter) => match ParameterSpace::new(vec![without_condition(&parameter)]) {
                Ok(_) => parameters.push(parameter),
                Err(error) => problems.note(&item.origin, error.to_string(), None),
            },
            Err(error) => problems.value(&item.origin, "a parameter", &error.to_string(), item),
        }
    }
    // What is left to check is between parameters: repeated names, conditions.
    let complete = parameters.len() == items.len();
    let space = ParameterSpace::new(parameters);
    match space {
        Ok(space) => Some(space),
        Err(error) => {
            if complete {
                problems.note(&list.origin, error.to_string(), None);
            }
            None
        }
    }
}

fn without_condition(parameter: &synth_core::Parameter) -> synth_core::Parameter {
    synth_core::Parameter { when: None, ..parameter.clone() }
}

fn read_text(path: &Path) -> Result<String> {
    fs::read_to_string(path).map_err(|source| Error::Io {
        action: "reading",
        path: path.display().to_string(),
        source,
    })
}
