use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::PathBuf;

use image::DynamicImage;
use rayon::prelude::*;
use synth_core::{Error, FileEntry, Result, Sample};

use super::head::{SHARDS, ShardRecord, VERSION};
use super::writer::{DatasetWriter, shard_path};
use crate::atomic::{Durability, sync_files, write_as, write_atomically};
use crate::error::io_error;
use crate::failpoint::{Boundary, reach};
use crate::json_file;
use crate::paths::join;
use crate::records::SampleRecord;
use crate::to_json_lines;

/// One logical shard in the making; see [`DatasetWriter`].
///
/// Dropped without [`finish`](Self::finish), also after an error, it removes the files it wrote.
#[derive(Debug)]
pub struct ShardWriter<'a> {
    dataset: &'a DatasetWriter,
    number: u64,
    lock: Option<File>,
    samples: Vec<u8>,
    files: BTreeMap<String, FileEntry>,
    finished: bool,
}

impl<'a> ShardWriter<'a> {
    pub(super) fn new(dataset: &'a DatasetWriter, number: u64, lock: File) -> Self {
        let (samples, files) = (Vec::new(), BTreeMap::new());
        Self { dataset, number, lock: Some(lock), samples, files, finished: false }
    }

    /// Writes some samples with their records, in order, encoding in parallel. How a shard is cut into
    /// calls does not show in its bytes.
    ///
    /// # Errors
    /// [`Error::Shape`] if the lengths differ, [`Error::AlreadyExists`] for an id that the shard has
    /// already, [`Error::Io`]; what the codec or the mask says.
    pub fn write(&mut self, samples: &[Sample<DynamicImage>], records: &[SampleRecord]) -> Result<()> {
        if samples.len() != records.len() {
            let (expected, got) = (vec![samples.len()], vec![records.len()]);
            return Err(Error::Shape { what: "records", expected, got });
        }
        self.check_new(records)?;
        let root = self.dataset.root();
        let encoding = self.dataset.encoding();
        let write_one = |(sample, record): (&Sample<DynamicImage>, &SampleRecord)| {
            let mut written = Vec::new();
            for file in encoding.files(&record.sample_id, sample)? {
                write_as(&join(root, &file.path), &file.bytes, Durability::Later)?;
                written.push((file.path, FileEntry::of(&file.bytes)));
            }
            Ok(written)
        };
        let written: Vec<Result<Vec<_>>> = samples.par_iter().zip(records).map(write_one).collect();
        // Those that were written are noted first, so that an error removes them too.
        let mut first_error = None;
        for result in written {
            match result {
                Ok(files) => self.files.extend(files),
                Err(error) => first_error = first_error.or(Some(error)),
            }
        }
        if let Some(error) = first_error {
            return Err(error);
        }
        self.samples.extend(to_json_lines(records)?);
        Ok(())
    }

    /// Makes the shard durable and counts it.
    ///
    /// # Errors
    /// [`Error::Io`]; the shard is then not finished and its files are removed.
    pub fn finish(mut self) -> Result<()> {
        let root = self.dataset.root();
        let paths: Vec<PathBuf> = self.files.keys().map(|path| join(root, path)).collect();
        sync_files(&paths)?;
        write_atomically(&shard_path(root, self.number, "jsonl"), &self.samples)?;
        let record = ShardRecord {
            version: VERSION,
            shard: self.number,
            config_blake3: self.dataset.config_hash().to_owned(),
            samples: FileEntry::of(&self.samples),
            files: std::mem::take(&mut self.files),
        };
        let path = shard_path(root, self.number, "json");
        let counted = reach(Boundary::BeforeManifest)
            .map_err(io_error("writing", &path))
            .and_then(|()| write_atomically(&path, &json_file(SHARDS, &record)?.bytes));
        if let Err(error) = counted {
            self.files = record.files;
            return Err(error);
        }
        self.finished = true;
        reach(Boundary::AfterManifest).map_err(io_error("writing", &path))
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
}

impl Drop for ShardWriter<'_> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let root = self.dataset.root();
        // The record may have got its name before the failure; while it counts the files, they stay.
        let record = shard_path(root, self.number, "json");
        drop(fs::remove_file(&record));
        if record.exists() {
            return;
        }
        // What cannot be removed is overwritten by the next attempt.
        for path in self.files.keys() {
            drop(fs::remove_file(join(root, path)));
        }
        drop(fs::remove_file(shard_path(root, self.number, "jsonl")));
        drop(fs::remove_file(shard_path(root, self.number, "lock")));
        drop(self.lock.take());
    }
}
