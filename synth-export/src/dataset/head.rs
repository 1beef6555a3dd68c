use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};
use synth_core::{Error, FileEntry, Manifest, Result};

use crate::error::{corrupt, io_error};
use crate::run::{CONFIG_HASH, config_hash, other_config};

/// Version of the formats of manifests and shard records.
pub(super) const VERSION: u32 = 1;
/// The name under which a manifest's facts hold the configuration itself.
const CONFIG: &str = "config";

pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const SAMPLES: &str = "samples.jsonl";
pub(super) const SHARDS: &str = "shards";
pub(super) const HEAD: &str = "dataset.json";

/// What a dataset is started with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatasetHead {
    /// The resolved configuration as YAML or JSON: enough to make the dataset again. It holds the
    /// shard size, and no thread count, batch size or output path.
    pub config: String,
    /// Facts about the making by name: versions, seed, device kind, `created_at`. They are fixed by
    /// the first process that opens the dataset; the others keep them.
    pub about: BTreeMap<String, String>,
}

impl DatasetHead {
    /// The manifest of this dataset before it has any file.
    pub(super) fn manifest(&self) -> Manifest {
        let mut about = self.about.clone();
        about.insert(CONFIG.to_owned(), self.config.clone());
        about.insert(CONFIG_HASH.to_owned(), config_hash(&self.config));
        Manifest { version: VERSION, about, files: BTreeMap::new() }
    }

    /// Whether `stored`, found at `root`, was made with this configuration.
    pub(super) fn check(&self, root: &Path, stored: &Manifest) -> Result<()> {
        if stored.about.get(CONFIG_HASH) == Some(&config_hash(&self.config)) {
            return Ok(());
        }
        let text = stored.about.get(CONFIG).map(String::as_str);
        // Unlike a run, shards of several processes carry the hash of the text, so that even the same
        // values in another form are another configuration.
        Err(other_config(&root.display().to_string(), text, &self.config).unwrap_or_else(|| {
            Error::invalid(
                "configuration",
                "the same text as that of the dataset",
                "the same values in another form",
            )
        }))
    }
}

/// The record that counts a shard: `shards/shard_000007.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ShardRecord {
    pub(super) version: u32,
    pub(super) shard: u64,
    pub(super) config_blake3: String,
    /// The shard's part of `samples.jsonl`: `shards/shard_000007.jsonl`.
    pub(super) samples: FileEntry,
    /// Images and masks, by path relative to the dataset.
    pub(super) files: BTreeMap<String, FileEntry>,
}

/// The manifest at `path`, or `None` where there is none.
pub(super) fn read_manifest(path: &Path) -> Result<Option<Manifest>> {
    let bytes = match fs::read(path) {
        // Below a file there is no dataset either; that none can be written there shows in writing.
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Ok(None);
        }
        other => other.map_err(io_error("reading", path))?,
    };
    let broken = |problem: String| {
        let mend = "restore it from a copy, or make the dataset again in another directory";
        corrupt(path, format!("{problem}; {mend}"))
    };
    let manifest: Manifest = serde_json::from_slice(&bytes).map_err(|error| broken(error.to_string()))?;
    if manifest.version != VERSION {
        let found = manifest.version;
        let problem = format!("`version` is {found}, this program knows {VERSION}; use the one that made it");
        return Err(corrupt(path, problem));
    }
    match manifest.files.keys().find(|file| crate::paths::check_relative(file).is_err()) {
        Some(file) => Err(broken(format!("the path `{}` leads out of the dataset", file.escape_debug()))),
        None => Ok(Some(manifest)),
    }
}
