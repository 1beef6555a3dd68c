use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What was made, from what, with hashes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of this format.
    pub version: u32,
    /// Facts about the making, by name: versions, seed, configuration hash, device kind.
    pub about: BTreeMap<String, String>,
    /// Every file, by its path relative to the manifest, with forward slashes.
    pub files: BTreeMap<String, FileEntry>,
}

/// One file of a [`Manifest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// BLAKE3 of its bytes, hexadecimal.
    pub blake3: String,
    /// Its length.
    pub bytes: u64,
}

impl FileEntry {
    /// The entry for these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        Self { blake3: blake3::hash(bytes).to_hex().to_string(), bytes: bytes.len() as u64 }
    }
}
