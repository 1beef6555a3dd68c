use std::fs::File;
use std::io::{self, Read};

use serde::{Deserialize, Serialize};

/// The metadata `synth.content` of a file: what it holds, and the hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Content {
    pub(super) rows: usize,
    pub(super) dim: usize,
    /// Bytes before the footer, indexes not counted.
    pub(super) data_bytes: u64,
    /// BLAKE3 of these bytes, the identity's JSON, and rows and dim in 8 little-endian bytes each.
    pub(super) blake3: String,
}

impl Content {
    /// Joins a hash of the data with the rest.
    pub(super) fn new(data: &blake3::Hasher, identity: &str, rows: usize, dim: usize) -> Self {
        let mut hash = data.clone();
        hash.update(identity.as_bytes());
        for number in [rows, dim] {
            hash.update(&(number as u64).to_le_bytes());
        }
        Self { rows, dim, data_bytes: data.count(), blake3: hash.finalize().to_hex().to_string() }
    }

    /// Whether the file, from its beginning, is the one this was written for.
    pub(super) fn is_of(&self, file: &mut File, identity: &str) -> io::Result<bool> {
        let mut data = blake3::Hasher::new();
        data.update_reader(file.take(self.data_bytes))?;
        Ok(*self == Self::new(&data, identity, self.rows, self.dim))
    }
}
