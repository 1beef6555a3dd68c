use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use image::DynamicImage;
use synth_core::{Error, FileEntry, ItemCodec, Manifest, Result};

use super::head::{DatasetHead, HEAD, MANIFEST, SHARDS, ShardRecord, VERSION, read_manifest};
use super::merge::{merge, tidy};
use super::shard::ShardWriter;
use crate::atomic::{is_temporary, remove_if_there, write_atomically};
use crate::error::{corrupt, io_error};
use crate::json_file;
use crate::lock::{lock_file, wait_for_lock};
use crate::run::{CONFIG_HASH, ImageEncoding};

/// Writes a dataset in logical shards, from one process or many, and resumes it.
///
/// ```text
/// images/<id>.png   masks/<id>.png   samples.jsonl   manifest.json
/// ```
///
/// While it is being made, `shards/` holds the head (`dataset.json`) and, per finished shard, its part
/// of `samples.jsonl` and its record with the hash of every file; a shard counts once its record is
/// there. [`finish`](Self::finish) joins the parts, writes `manifest.json` last and removes `shards/`:
/// a dataset is complete when it has a manifest, and its bytes do not tell how many processes made it.
///
/// # Examples
/// ```
/// use std::collections::BTreeMap;
/// use std::sync::Arc;
/// use synth_export::{DatasetHead, DatasetWriter, PngCodec};
/// let directory = tempfile::tempdir()?;
/// let head = DatasetHead { config: "generator: voids\ncount: 0\n".into(), about: BTreeMap::new() };
/// let writer = DatasetWriter::open(directory.path(), &head, Arc::new(PngCodec), true)?;
/// for shard in 0..2 {
///     if let Some(shard) = writer.begin(shard)? {
///         // shard.write(&samples, &records)?, a few at a time
///         shard.finish()?;
///     }
/// }
/// let manifest = writer.finish(0..2)?.expect("both shards are there");
/// assert!(manifest.files.contains_key("samples.jsonl"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct DatasetWriter {
    root: PathBuf,
    head: Manifest,
    codec: Arc<dyn ItemCodec<DynamicImage>>,
    with_masks: bool,
    stage: Stage,
}

/// What a dataset was when it was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Started,
    Unfinished,
    Complete,
}

impl DatasetWriter {
    /// Starts a dataset, or goes on with one of the same configuration. `with_masks` says whether
    /// instance masks are written.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] naming the first key in which the dataset's configuration differs,
    /// [`Error::AlreadyExists`] for a directory with files that are no dataset's, [`Error::Corrupt`]
    /// for a torn manifest, [`Error::Io`]. No file that lies there is changed then.
    pub fn open(
        root: &Path,
        head: &DatasetHead,
        codec: Arc<dyn ItemCodec<DynamicImage>>,
        with_masks: bool,
    ) -> Result<Self> {
        let (head, stage) = match settled(root)? {
            Some(manifest) => {
                head.check(root, &manifest)?;
                (manifest, Stage::Complete)
            }
            None => open_unsettled(root, head)?,
        };
        if stage == Stage::Complete {
            tidy(root)?;
        }
        Ok(Self { root: root.to_owned(), head, codec, with_masks, stage })
    }

    /// Where the dataset lies.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The facts fixed by the first process, and `config` and `config_blake3`.
    #[must_use]
    pub fn about(&self) -> &BTreeMap<String, String> {
        &self.head.about
    }

    /// Whether the dataset was complete when it was opened.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.stage == Stage::Complete
    }

    /// Whether this value began the dataset.
    pub(super) fn has_started(&self) -> bool {
        self.stage == Stage::Started
    }

    /// Whether a shard is finished, so that it need not be generated.
    ///
    /// # Errors
    /// [`Error::Corrupt`] for an altered record, [`Error::Io`].
    pub fn is_done(&self, shard: u64) -> Result<bool> {
        // Another process may have completed the dataset, and removed the records, since.
        Ok(self.is_complete() || self.record(shard)?.is_some() || self.root.join(MANIFEST).exists())
    }

    /// Starts a shard; `None` where it is finished.
    ///
    /// # Errors
    /// As [`is_done`](Self::is_done); [`Error::Io`] where another process is making this shard.
    pub fn begin(&self, shard: u64) -> Result<Option<ShardWriter<'_>>> {
        if self.is_done(shard)? {
            return Ok(None);
        }
        let path = shard_path(&self.root, shard, "lock");
        let lock = match lock_file(&path) {
            // Another process may have completed the dataset, and removed the locks, meanwhile.
            Err(_) if self.is_done(shard)? => return Ok(None),
            other => other?,
        };
        // Another process may have finished it before the lock was taken.
        if self.is_done(shard)? {
            remove_if_there(&path)?;
            return Ok(None);
        }
        Ok(Some(ShardWriter::new(self, shard, lock)))
    }

    /// Completes the dataset if all of `shards` are finished, samples in the order given; `None` while
    /// one is missing. The manifest of a complete dataset is left as it is.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] for an id in two shards; [`Error::Corrupt`] for an altered part, or an
    /// image or mask that is missing or has another length; [`Error::Io`]. The finished shards stay, so
    /// that it can be tried again. Where the manifest is there after an error, the dataset is complete
    /// and durable but for the manifest's name at worst; the next [`open`](Self::open) removes `shards/`.
    pub fn finish(&self, shards: impl IntoIterator<Item = u64>) -> Result<Option<Manifest>> {
        let manifest = self.complete(shards)?;
        if manifest.is_some() {
            tidy(&self.root)?;
        }
        Ok(manifest)
    }

    /// As [`finish`](Self::finish), leaving `shards/`.
    pub(super) fn complete(&self, shards: impl IntoIterator<Item = u64>) -> Result<Option<Manifest>> {
        if let Some(manifest) = settled(&self.root)? {
            return Ok(Some(manifest));
        }
        let _lock = lock_dataset(&self.root)?;
        if let Some(manifest) = read_manifest(&self.root.join(MANIFEST))? {
            return Ok(Some(manifest));
        }
        let mut records = Vec::new();
        for shard in shards {
            let Some(record) = self.record(shard)? else { return Ok(None) };
            records.push(record);
        }
        merge(&self.root, self.head.clone(), &records).map(Some)
    }

    /// The hash of a finished shard's records; `None` for one that is not finished.
    pub(super) fn samples_of(&self, shard: u64) -> Result<Option<FileEntry>> {
        Ok(self.record(shard)?.map(|record| record.samples))
    }

    pub(super) fn encoding(&self) -> ImageEncoding<'_> {
        ImageEncoding { codec: &*self.codec, with_masks: self.with_masks }
    }

    pub(super) fn config_hash(&self) -> &str {
        self.head.about.get(CONFIG_HASH).map_or("", String::as_str)
    }

    fn record(&self, shard: u64) -> Result<Option<ShardRecord>> {
        let path = shard_path(&self.root, shard, "json");
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            other => other.map_err(io_error("reading", &path))?,
        };
        let mend = "remove it to make the shard again";
        let record: ShardRecord =
            serde_json::from_slice(&bytes).map_err(|error| corrupt(&path, format!("{error}; {mend}")))?;
        if (record.version, record.shard, record.config_blake3.as_str())
            != (VERSION, shard, self.config_hash())
        {
            return Err(corrupt(&path, format!("the record of another shard or configuration; {mend}")));
        }
        Ok(Some(record))
    }
}

/// Path of a shard's record (`json`), part of the samples (`jsonl`) or lock.
pub(super) fn shard_path(root: &Path, shard: u64, extension: &str) -> PathBuf {
    root.join(SHARDS).join(format!("shard_{shard:06}.{extension}"))
}

/// Waits for the lock that guards the head and the merge.
pub(super) fn lock_dataset(root: &Path) -> Result<File> {
    wait_for_lock(&root.join(SHARDS))
}

/// The manifest of a dataset to which nobody writes any more; needs no lock. As long as `shards/` is
/// there, a manifest may still be taken back.
fn settled(root: &Path) -> Result<Option<Manifest>> {
    let manifest = read_manifest(&root.join(MANIFEST))?;
    // Taken back is the manifest first, so that one that outlives `shards/` stays.
    Ok(manifest.filter(|_| !root.join(SHARDS).exists() && root.join(MANIFEST).exists()))
}

/// Reads the manifest of a dataset whose `shards/` is left, or the head of an unfinished one, or
/// writes it. What is there may change until the lock is held, so that only what is read then counts.
fn open_unsettled(root: &Path, head: &DatasetHead) -> Result<(Manifest, Stage)> {
    let path = root.join(SHARDS).join(HEAD);
    let is_dataset = || path.exists() || root.join(MANIFEST).exists();
    if !is_dataset() {
        // First without the lock, which would make a folder among a user's own.
        refuse_foreign(root)?;
    }
    let _lock = lock_dataset(root)?;
    if let Some(manifest) = read_manifest(&root.join(MANIFEST))? {
        head.check(root, &manifest)?;
        return Ok((manifest, Stage::Complete));
    }
    if let Some(stored) = read_manifest(&path)? {
        head.check(root, &stored)?;
        return Ok((stored, Stage::Unfinished));
    }
    refuse_foreign(root)?;
    let manifest = head.manifest();
    if let Err(error) = write_atomically(&path, &json_file(HEAD, &manifest)?.bytes) {
        // It may have its name already; who did not open the dataset has not started it.
        drop(fs::remove_file(&path));
        return Err(error);
    }
    Ok((manifest, Stage::Started))
}

/// Only what a start of a dataset writes may be in a directory that becomes one.
fn refuse_foreign(root: &Path) -> Result<()> {
    if !root.exists() {
        return Ok(());
    }
    for entry in fs::read_dir(root).map_err(io_error("reading", root))? {
        let entry = entry.map_err(io_error("reading", root))?;
        let name = entry.file_name();
        if name != SHARDS && !is_temporary(&name.to_string_lossy()) {
            let name = entry.path().display().to_string();
            return Err(Error::AlreadyExists { what: "the folder is in use by something else: file", name });
        }
    }
    Ok(())
}
