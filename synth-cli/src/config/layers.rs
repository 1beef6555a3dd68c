use std::fs;
use std::path::Path;

use synth_core::{Error, ParameterSpace};

use super::experiment::Experiment;
use super::node::{Node, Origin, Value};
use super::problem::{ConfigError, Problem, Problems};
use super::read::read_experiment;
use crate::failure::Failure;

/// The experiment that runs where no configuration is given.
pub(crate) const BUILT_IN: &str = include_str!("../../../examples/void_poc.yaml");

/// Other spellings of keys, with the key they stand for.
const ALIASES: [(&str, &str); 1] = [("dino_model", "embedder")];

/// A configuration as written: a file with `--set` arguments over it.
#[derive(Debug)]
pub(crate) struct Layers {
    file: String,
    root: Node,
    /// The spellings found of keys that have aliases.
    spelt: Vec<(&'static str, &'static str)>,
}

impl Layers {
    /// Reads the file (the built-in experiment for `None`) and puts the settings over it.
    pub(crate) fn read(path: Option<&str>, settings: &[String], seed: Option<u64>) -> Result<Self, Failure> {
        let mut layers = match path {
            Some(path) => Self::from_text(path, &read_text(path)?)?,
            None => Self::from_text("built-in void_poc.yaml", BUILT_IN)?,
        };
        for argument in settings {
            layers.set(argument)?;
        }
        if let Some(seed) = seed {
            layers.set(&format!("seed={seed}"))?;
        }
        Ok(layers)
    }

    /// The text of `file` with nothing over it.
    pub(crate) fn from_text(file: &str, text: &str) -> Result<Self, ConfigError> {
        let mut layers = Self { file: file.to_owned(), root: parse(file, text)?, spelt: Vec::new() };
        layers.resolve_aliases()?;
        Ok(layers)
    }

    /// The checked experiment, by a generator of this space.
    pub(crate) fn experiment(&self, space: &ParameterSpace) -> Result<Experiment, ConfigError> {
        let problems = Problems::default();
        match read_experiment(&self.root, space, &problems) {
            Some(experiment) => Ok(experiment),
            None => Err(self.error(problems)),
        }
    }

    /// The folder that the file wants the run to go to.
    pub(crate) fn output_dir(&self) -> Option<String> {
        self.root.get("experiment_dir").and_then(|entry| match &entry.node.value {
            Value::Text(dir) => Some(dir.clone()),
            _ => None,
        })
    }

    /// Whether a key is written in the file or on the command line.
    pub(crate) fn is_given(&self, key: &str) -> bool {
        self.root.get(key).is_some()
    }

    /// What to say of a folder that is not where its relative path leads to, but beside the file.
    pub(crate) fn beside(&self, dir: &str) -> Option<String> {
        let beside = Path::new(&self.file).parent()?.join(dir);
        (!Path::new(dir).exists() && beside.is_dir()).then(|| {
            format!("relative paths begin where the command is given; did you mean `{}`?", beside.display())
        })
    }

    /// An error of all the problems noted.
    pub(crate) fn error(&self, problems: Problems) -> ConfigError {
        ConfigError { file: self.file.clone(), problems: problems.into_sorted() }
    }

    /// Notes that the value of a key is not allowed, after the experiment itself was read.
    pub(crate) fn refuse(&self, problems: &Problems, key: &str, problem: &str, hint: Option<String>) {
        let spelt = self.spelt.iter().find(|(_, name)| *name == key).map_or(key, |(alias, _)| *alias);
        problems.note(&self.root.locate(key), format!("`{spelt}`: {problem}"), hint);
    }

    fn resolve_aliases(&mut self) -> Result<(), ConfigError> {
        let Value::Map(entries) = &mut self.root.value else { return Ok(()) };
        for (alias, name) in ALIASES {
            let both = entries.iter().any(|entry| entry.key == name);
            let Some(entry) = entries.iter_mut().find(|entry| entry.key == alias) else { continue };
            if both {
                let message = format!("`{alias}` and `{name}` are the same key");
                let problem = Problem {
                    origin: entry.origin.clone(),
                    message,
                    hint: Some("remove one of the two".into()),
                };
                return Err(ConfigError { file: self.file.clone(), problems: vec![problem] });
            }
            name.clone_into(&mut entry.key);
            self.spelt.push((alias, name));
        }
        Ok(())
    }

    fn set(&mut self, argument: &str) -> Result<(), Failure> {
        let Some((path, text)) = argument.split_once('=') else {
            return Err(Error::invalid("--set", "KEY=VALUE", argument).into());
        };
        let mut keys: Vec<&str> = path.trim().split('.').collect();
        if keys.iter().any(|key| key.is_empty()) {
            return Err(Error::invalid("--set", "a key or keys joined by dots", path).into());
        }
        if let Some((alias, name)) = ALIASES.iter().find(|(alias, _)| *alias == keys[0]) {
            keys[0] = name;
            self.spelt.push((alias, name));
        } else {
            self.spelt.retain(|(_, name)| *name != keys[0]);
        }
        let origin = Origin::Set(argument.to_owned());
        let node = serde_saphyr::from_str_with_options::<Node>(text, plain_errors())
            .map_err(|error| Error::invalid("--set", "KEY=VALUE with a YAML value", yaml_message(&error)))?;
        self.root.put(&keys, node.written_at(&origin));
        Ok(())
    }
}

fn read_text(path: &str) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|source| {
        let missing = source.kind() == std::io::ErrorKind::NotFound;
        let failure =
            Failure::from(Error::Io { action: "reading the configuration", path: path.into(), source });
        let hint = "`synth run` without a file runs the built-in void_poc experiment";
        if missing { failure.hint(hint) } else { failure }
    })
}

/// Parses YAML text.
pub(super) fn parse(file: &str, text: &str) -> Result<Node, ConfigError> {
    parse_with(file, text, plain_errors())
}

/// As [`parse`], but only `true` and `false` are booleans: `yes`, `no`, `on` and `off` are the words
/// that they look like.
pub(super) fn parse_literally(file: &str, text: &str) -> Result<Node, ConfigError> {
    let mut options = plain_errors();
    options.strict_booleans = true;
    parse_with(file, text, options)
}

fn parse_with(file: &str, text: &str, options: serde_saphyr::Options) -> Result<Node, ConfigError> {
    match serde_saphyr::from_str_with_options::<Node>(text, options) {
        Ok(Node { value: Value::Null, .. }) => Ok(Node::empty()),
        Ok(node) => Ok(node),
        Err(error) => {
            let line = error.location().map(|location| location.line()).filter(|&line| line > 0);
            let origin = line.map_or(Origin::Absent, Origin::Line);
            let problem = Problem { origin, message: yaml_message(&error), hint: None };
            Err(ConfigError { file: file.to_owned(), problems: vec![problem] })
        }
    }
}

/// Numbers that are not finite are left to the check of their key, which names it.
fn plain_errors() -> serde_saphyr::Options {
    serde_saphyr::options! {
        with_snippet: false,
        non_finite_float_policy: serde_saphyr::NonFiniteFloatPolicy::PassThrough,
    }
}

/// What the parser says, without the place, which is told before it.
fn yaml_message(error: &serde_saphyr::Error) -> String {
    if let serde_saphyr::Error::DuplicateMappingKey { key, .. } = error.without_snippet() {
        return match key {
            Some(key) => format!("the key `{key}` is given twice"),
            None => "a key is given twice".to_owned(),
        };
    }
    let text = error.without_snippet().to_string();
    let place = error.location().map(|place| format!(" at line {}, column {}", place.line(), place.column()));
    match place.and_then(|place| text.strip_suffix(&place)) {
        Some(message) => message.to_owned(),
        None => text,
    }
}
