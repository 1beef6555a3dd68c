use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use image::DynamicImage;
use rayon::prelude::*;
use synth_core::{Error, FileEntry, Result, Sample};

use super::head::{SHARDS, ShardRecord, VERSION};
use super::writer::{DatasetWriter, shard_path};
use crate::atomic::{Durability, remove_if_there, sync_directory, sync_files, write_as, write_atomically};
use crate::error::io_error;
use crate::failpoint::{Boundary, reach};
use crate::json_file;
use crate::paths::join;
use crate::records::SampleRecord;
use crate::to_json_lines;

/// One logical shard in the making; see [`DatasetWriter`].
///
/// Dropped without [`finish`](Self::finish), also after an error, it removes the files it wrote. What
/// the system does not let it remove is overwritten by the next attempt with the same samples.
#[derive(Debug)]
pub struct ShardWriter<'a> {
    dataset: &'a DatasetWriter,
    number: u64,
    /// Held until the files are finished or removed.
    _lock: File,
    samples: Vec<u8>,
    files: BTreeMap<String, FileEntry>,
    /// Files of a failed call that could not be removed at once.
    stray: BTreeSet<String>,
    finished: bool,
}

impl<'a> ShardWriter<'a> {
    pub(super) fn new(dataset: &'a DatasetWriter, number: u64, lock: File) -> Self {
        let (samples, files, stray) = (Vec::new(), BTreeMap::new(), BTreeSet::new());
        Self { dataset, number, _lock: lock, samples, files, stray, finished: false }
    }

    /// Writes some samples with their records, in order, encoding in parallel. How a shard is cut into
    /// calls does not show in its bytes.
    ///
    /// # Errors
    /// [`Error::Shape`] if the lengths differ, [`Error::AlreadyExists`] for an id that the shard has
    /// already, [`Error::InvalidParam`] for one that cannot name a file, [`Error::Io`]; what the codec
    /// or the mask says. The shard is then as before the call, whose files are removed: it can be
    /// written to again.
    pub fn write(&mut self, samples: &[Sample<DynamicImage>], records: &[SampleRecord]) -> Result<()> {
        if samples.len() != records.len() {
            let (expected, got) = (vec![samples.len()], vec![records.len()]);
            return Err(Error::Shape { what: "records", expected, got });
        }
        self.check_new(records)?;
        let lines = to_json_lines(records)?;
        let encoding = self.dataset.encoding();
        // Known before any of them is written: a write that fails may leave its file.
        let paths: Vec<Vec<String>> =
            records.iter().map(|record| encoding.paths(&record.sample_id)).collect::<Result<_>>()?;
        let write_one = |(sample, record): (&Sample<DynamicImage>, &SampleRecord)| {
            let files = encoding.files(&record.sample_id, sample)?.into_iter();
            let write = |file: synth_core::StepFile| {
                write_as(&join(self.dataset.root(), &file.path), &file.bytes, Durability::Later)?;
                Ok((file.path, FileEntry::of(&file.bytes)))
            };
            files.map(write).collect()
        };
        // All are waited for, so that none is written after the removal.
        let written: Vec<Result<Vec<_>>> = samples.par_iter().zip(records).map(write_one).collect();
        match written.into_iter().collect::<Result<Vec<_>>>() {
            Ok(files) => {
                self.files.extend(files.into_iter().flatten());
                self.stray.retain(|path| !self.files.contains_key(path));
                self.samples.extend(lines);
                Ok(())
            }
            Err(error) => {
                self.stray.extend(paths.into_iter().flatten());
                drop(self.remove_stray());
                Err(error)
            }
        }
    }

    /// Makes the shard durable and counts it.
    ///
    /// # Errors
    /// [`Error::Io`]; the shard is then not finished and its files are removed. Only where the system
    /// does not let its record be removed, the shard stays finished, with all its files.
    pub fn finish(mut self) -> Result<()> {
        self.remove_stray()?;
        let root = self.dataset.root();
        let paths: Vec<PathBuf> = self.files.keys().map(|path| join(root, path)).collect();
        sync_files(&paths)?;
        write_atomically(&shard_path(root, self.number, "jsonl"), &self.samples)?;
        let record = ShardRecord {
            version: VERSION,
            shard: self.number,
            config_blake3: self.dataset.config_hash().to_owned(),
            samples: FileEntry::of(&self.samples),
            files: self.files.clone(),
        };
        let path = shard_path(root, self.number, "json");
        reach(Boundary::BeforeManifest).map_err(io_error("writing", &path))?;
        write_atomically(&path, &json_file(SHARDS, &record)?.bytes)?;
        reach(Boundary::AfterManifest).map_err(io_error("writing", &path))?;
        self.finished = true;
        Ok(())
    }

    fn check_new(&self, records: &[SampleRecord]) -> Result<()> {
        let extension = self.dataset.encoding().codec.extension();
        let mut ids: Vec<&str> = records.iter().map(|record| record.sample_id.as_str()).collect();
        ids.sort_unstable();
        let repeated = ids.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        let known = |id: &&str| self.files.contains_key(&format!("images/{id}.{extension}"));
        match repeated.or_else(|| ids.iter().copied().find(known)) {
            Some(id) => Err(Error::AlreadyExists { what: "sample", name: id.to_owned() }),
            None => Ok(()),
        }
    }

    fn remove_stray(&mut self) -> Result<()> {
        while let Some(path) = self.stray.first() {
            remove_if_there(&join(self.dataset.root(), path))?;
            self.stray.pop_first();
        }
        Ok(())
    }
}

impl Drop for ShardWriter<'_> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        // The error that led here is the one to report.
        drop(take_back(self.dataset.root(), self.number, self.files.keys().chain(&self.stray)));
    }
}

/// Removes a shard whose lock is held: its record, then its files, then its lock file.
pub(super) fn take_back<'a>(
    root: &Path,
    number: u64,
    files: impl IntoIterator<Item = &'a String>,
) -> Result<()> {
    let record = shard_path(root, number, "json");
    let shards = root.join(SHARDS);
    if remove_if_there(&record)? {
        // A record that comes back after a power cut must not count files that are gone.
        sync_directory(&shards).map_err(io_error("synchronising", &shards))?;
    }
    for path in files {
        drop(fs::remove_file(join(root, path)));
    }
    drop(fs::remove_file(shard_path(root, number, "jsonl")));
    drop(fs::remove_file(shard_path(root, number, "lock")));
    Ok(())
}
