use std::path::{Path, PathBuf};

use synth_core::{Error, FileEntry, Manifest, Result};

use super::head::{MANIFEST, SAMPLES, read_manifest};
use crate::integrity::{Damage, damages, read_checked};
use crate::parse_json_lines;
use crate::records::SampleRecord;

/// A complete dataset on disk, for reading. Every byte is checked against the manifest.
#[derive(Clone, Debug)]
pub struct Dataset {
    root: PathBuf,
    manifest: Manifest,
}

impl Dataset {
    /// Opens a dataset that has its manifest.
    ///
    /// # Errors
    /// [`Error::NotFound`] where there is none (or it is unfinished), [`Error::Corrupt`], [`Error::Io`].
    pub fn open(root: &Path) -> Result<Self> {
        let manifest = read_manifest(&root.join(MANIFEST))?
            .ok_or_else(|| Error::NotFound { what: "complete dataset", name: root.display().to_string() })?;
        Ok(Self { root: root.to_owned(), manifest })
    }

    /// What was made, from what, with hashes.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The records of all samples, in order.
    ///
    /// # Errors
    /// As [`read`](Self::read) for `samples.jsonl`; [`Error::Corrupt`] naming a line that is no record.
    pub fn records(&self) -> Result<Vec<SampleRecord>> {
        parse_json_lines(&self.root.join(SAMPLES), &self.read(SAMPLES)?)
    }

    /// The bytes of one file of the dataset: `images/a.png`.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a path that the manifest lacks, [`Error::Corrupt`] for a missing or
    /// altered file, [`Error::Io`].
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        read_checked(&self.root, path, self.entry(path)?)
    }

    /// Reads every file and compares it with its hash; gives those that differ, by path.
    #[must_use]
    pub fn verify(&self) -> Vec<Damage> {
        damages(&self.root, &self.manifest.files)
    }

    fn entry(&self, path: &str) -> Result<&FileEntry> {
        let missing = || Error::NotFound { what: "file of the dataset", name: path.to_owned() };
        self.manifest.files.get(path).ok_or_else(missing)
    }
}
