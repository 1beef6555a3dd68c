//! Files against the hashes that a manifest holds of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use synth_core::{Error, FileEntry, Result};

use crate::error::{corrupt, io_error};
use crate::paths::join;

/// A file of a run or dataset that is not what its manifest says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Damage {
    /// Path relative to the run, with forward slashes.
    pub path: String,
    /// What is wrong.
    pub kind: DamageKind,
}

/// How a file differs from its manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DamageKind {
    /// It is not there.
    Missing,
    /// Its bytes are others.
    Altered,
    /// It cannot be read.
    Unreadable {
        /// What the system says.
        reason: String,
    },
}

impl Damage {
    /// The first of some damages below `root` as an error that counts the others; `None` for none.
    #[must_use]
    pub fn to_error(damages: &[Self], root: &Path) -> Option<Error> {
        let (first, others) = damages.split_first()?;
        let others = match others.len() {
            0 => String::new(),
            1 => " (1 more file differs)".to_owned(),
            more => format!(" (and {more} more files differ)"),
        };
        let problem = format!("{}; restore it from a copy{others}", first.kind);
        Some(corrupt(&join(root, &first.path), problem))
    }
}

impl fmt::Display for DamageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the manifest lists it, but it is missing"),
            Self::Altered => f.write_str("not the bytes that were saved"),
            Self::Unreadable { reason } => write!(f, "it cannot be read ({reason})"),
        }
    }
}

/// The bytes of a file that must be there as listed.
pub(crate) fn read_checked(root: &Path, path: &str, entry: &FileEntry) -> Result<Vec<u8>> {
    let full = join(root, path);
    let bytes = match fs::read(&full) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(corrupt(
                &full,
                "the manifest lists it, but it is missing; restore it from a copy, or make it again",
            ));
        }
        other => other.map_err(io_error("reading", &full))?,
    };
    let found = FileEntry::of(&bytes);
    if found == *entry {
        return Ok(bytes);
    }
    let problem = format!(
        "not the bytes that were saved ({} bytes with BLAKE3 {}, saved were {} with {}); restore it from a \
         copy, or make it again",
        found.bytes,
        &found.blake3[..16],
        entry.bytes,
        entry.blake3.get(..16).unwrap_or(&entry.blake3)
    );
    Err(corrupt(&full, problem))
}

/// Compares files with their hashes.
pub(crate) fn damages(root: &Path, files: &BTreeMap<String, FileEntry>) -> Vec<Damage> {
    let damage = |(path, entry): (&String, &FileEntry)| {
        let kind = match file_entry(&join(root, path)) {
            Ok(found) if found == *entry => return None,
            Ok(_) => DamageKind::Altered,
            Err(error) if error.kind() == io::ErrorKind::NotFound => DamageKind::Missing,
            Err(error) => DamageKind::Unreadable { reason: error.to_string() },
        };
        Some(Damage { path: path.clone(), kind })
    };
    files.iter().filter_map(damage).collect()
}

/// Relative paths of all files below `root`, in byte order.
pub(crate) fn files_below(root: &Path) -> Result<Vec<String>> {
    let mut found = BTreeSet::new();
    let mut pending = vec![(root.to_owned(), String::new())];
    while let Some((directory, prefix)) = pending.pop() {
        for entry in fs::read_dir(&directory).map_err(io_error("reading", &directory))? {
            let entry = entry.map_err(io_error("reading", &directory))?;
            let relative = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.file_type().map_err(io_error("reading", &entry.path()))?.is_dir() {
                pending.push((entry.path(), relative + "/"));
            } else {
                found.insert(relative);
            }
        }
    }
    Ok(found.into_iter().collect())
}

/// Length and hash of a file, read in blocks.
pub(crate) fn file_entry(path: &Path) -> io::Result<FileEntry> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut block = vec![0_u8; 1 << 16];
    let mut bytes = 0;
    loop {
        match file.read(&mut block)? {
            0 => return Ok(FileEntry { blake3: hasher.finalize().to_hex().to_string(), bytes }),
            read => {
                hasher.update(&block[..read]);
                bytes += read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_in_blocks_as_at_once() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("long");
        let bytes: Vec<u8> = (0..200_000_u32).map(|i| (i % 251) as u8).collect();
        fs::write(&path, &bytes).expect("writable");
        assert_eq!(file_entry(&path).expect("readable"), FileEntry::of(&bytes));
    }
}
