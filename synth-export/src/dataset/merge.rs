use std::fs;
use std::path::Path;

use synth_core::{Error, FileEntry, Manifest, Result};

use super::head::{MANIFEST, SAMPLES, SHARDS, ShardRecord};
use super::writer::{lock_dataset, shard_path};
use crate::atomic::{AtomicFile, remove_leftovers, write_atomically};
use crate::error::{corrupt, io_error};
use crate::failpoint::{Boundary, reach};
use crate::integrity::file_entry;
use crate::json_file;
use crate::lock::remove_locked;
use crate::paths::join;

/// Joins finished shards into the dataset: `samples.jsonl`, then the manifest. The dataset's lock must
/// be held, and there must be no manifest. After an error there is none either, unless it cannot be
/// removed.
pub(super) fn merge(root: &Path, mut manifest: Manifest, records: &[ShardRecord]) -> Result<Manifest> {
    for record in records {
        for (path, entry) in &record.files {
            if manifest.files.insert(path.clone(), entry.clone()).is_some() {
                let name = format!("{path} (again in shard {}; ids must differ)", record.shard);
                return Err(Error::AlreadyExists { what: "sample of another shard", name });
            }
        }
        check_there(root, record)?;
    }
    remove_leftovers(root)?;
    manifest.files.insert(SAMPLES.to_owned(), join_samples(root, records)?);
    let path = root.join(MANIFEST);
    let bytes = json_file(MANIFEST, &manifest)?.bytes;
    reach(Boundary::BeforeManifest).map_err(io_error("writing", &path))?;
    let written = write_atomically(&path, &bytes)
        .and_then(|()| reach(Boundary::AfterManifest).map_err(io_error("writing", &path)));
    if let Err(error) = written {
        // It may have its name already, and a caller that was told of a failure undoes the rest.
        drop(fs::remove_file(&path));
        return Err(error);
    }
    Ok(manifest)
}

/// Removes what a complete dataset was made with, `shards/`, where it is left.
pub(super) fn tidy(root: &Path) -> Result<()> {
    let shards = root.join(SHARDS);
    if !shards.exists() {
        return Ok(());
    }
    let lock = lock_dataset(root)?;
    if !root.join(MANIFEST).exists() {
        return Ok(());
    }
    reach(Boundary::BeforeCleanup).map_err(io_error("removing", &shards))?;
    remove_locked(&shards, lock)
}

/// A shard whose files are not all there, of their length, must not be listed in a manifest.
fn check_there(root: &Path, record: &ShardRecord) -> Result<()> {
    for (path, entry) in &record.files {
        let full = join(root, path);
        let found =
            fs::metadata(&full).map_or_else(|error| error.to_string(), |found| found.len().to_string());
        if found != entry.bytes.to_string() {
            let problem = format!("saved were {} bytes, found: {found}; {}", entry.bytes, mend(record));
            return Err(corrupt(&full, problem));
        }
    }
    Ok(())
}

/// Writes `samples.jsonl` from the shards' parts, one in memory at a time.
fn join_samples(root: &Path, records: &[ShardRecord]) -> Result<FileEntry> {
    let path = root.join(SAMPLES);
    let mut file = AtomicFile::create(&path)?;
    for record in records {
        let part = shard_path(root, record.shard, "jsonl");
        let bytes = fs::read(&part).map_err(io_error("reading", &part))?;
        if FileEntry::of(&bytes) != record.samples {
            return Err(corrupt(&part, format!("not the bytes that were saved; {}", mend(record))));
        }
        file.write(&bytes)?;
    }
    file.commit()?;
    file_entry(&path).map_err(io_error("reading", &path))
}

fn mend(record: &ShardRecord) -> String {
    format!("remove `{SHARDS}/shard_{:06}.json` to make the shard again", record.shard)
}
