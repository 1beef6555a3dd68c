use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use synth_core::FileEntry;

use super::config_difference::{CONFIG_HASH, config_hash};

/// Version of the manifest's format.
pub(super) const VERSION: u32 = 1;

/// What a run is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunHead {
    /// The resolved configuration as YAML, every default spelled out: `config.yaml`. It holds no
    /// thread count, batch size or output path.
    pub config: String,
    /// Facts about the making by name: versions, seed, device kind, CPU features, `created_at`. They
    /// are fixed at the first start; a resumed run keeps them.
    pub about: BTreeMap<String, String>,
}

/// `manifest.json` of a run: what was made, with hashes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunManifest {
    /// Version of this format.
    pub version: u32,
    /// Facts about the making, and `config_blake3`, the hash of the configuration.
    pub about: BTreeMap<String, String>,
    /// The finished steps, in the order they were saved.
    pub steps: Vec<StepEntry>,
    /// Every file but the log, by its path relative to the run, with forward slashes.
    pub files: BTreeMap<String, FileEntry>,
}

/// A finished step of a [`RunManifest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StepEntry {
    /// Its name.
    pub name: String,
    /// Paths of its files, in byte order.
    pub files: Vec<String>,
}

impl RunManifest {
    /// The manifest of a run without any step.
    pub(super) fn new(head: &RunHead) -> Self {
        let mut about = head.about.clone();
        about.insert(CONFIG_HASH.to_owned(), config_hash(&head.config));
        let files = BTreeMap::from([("config.yaml".to_owned(), FileEntry::of(head.config.as_bytes()))]);
        Self { version: VERSION, about, steps: Vec::new(), files }
    }

    /// A finished step.
    #[must_use]
    pub fn step(&self, name: &str) -> Option<&StepEntry> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// What must hold beyond the types: steps and files refer to each other.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("format version {}, this program knows version {VERSION}", self.version));
        }
        if !self.about.contains_key(CONFIG_HASH) || !self.files.contains_key("config.yaml") {
            return Err("the configuration's hash is missing".into());
        }
        let listed: usize = self.steps.iter().map(|step| step.files.len()).sum();
        let known = self.steps.iter().flat_map(|step| &step.files).all(|file| self.files.contains_key(file));
        if !known || listed + 1 != self.files.len() {
            return Err("steps and files do not fit together".into());
        }
        match self.files.keys().find(|path| crate::paths::check_relative(path).is_err()) {
            Some(path) => Err(format!("the path `{}` leads out of the run", path.escape_debug())),
            None => Ok(()),
        }
    }
}
