use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use synth_core::{Error, FileEntry, Manifest, Result};

use super::head::{MANIFEST, SAMPLES, SHARDS, ShardRecord};
use super::writer::shard_path;
use crate::atomic::{AtomicFile, remove_leftovers, write_atomically};
use crate::error::{corrupt, io_error};
use crate::failpoint::{Boundary, reach};
use crate::integrity::file_entry;
use crate::json_file;

/// Joins finished shards into the dataset: `samples.jsonl`, then the manifest, then `shards/` goes.
pub(super) fn merge(root: &Path, mut manifest: Manifest, records: &[ShardRecord]) -> Result<Manifest> {
    for record in records {
        for (path, entry) in &record.files {
            if manifest.files.insert(path.clone(), entry.clone()).is_some() {
                return Err(Error::AlreadyExists { what: "sample of another shard", name: path.clone() });
            }
        }
    }
    remove_leftovers(root)?;
    manifest.files.insert(SAMPLES.to_owned(), join_samples(root, records)?);
    let path = root.join(MANIFEST);
    reach(Boundary::BeforeManifest).map_err(io_error("writing", &path))?;
    write_atomically(&path, &json_file(MANIFEST, &manifest)?.bytes)?;
    reach(Boundary::BeforeCleanup).map_err(io_error("writing", &path))?;
    remove_shards(root)?;
    Ok(manifest)
}

/// Writes `samples.jsonl` from the shards' parts, one in memory at a time.
fn join_samples(root: &Path, records: &[ShardRecord]) -> Result<FileEntry> {
    let path = root.join(SAMPLES);
    let mut file = AtomicFile::create(&path)?;
    for record in records {
        let part = shard_path(root, record.shard, "jsonl");
        let bytes = fs::read(&part).map_err(io_error("reading", &part))?;
        if FileEntry::of(&bytes) != record.samples {
            return Err(corrupt(
                &part,
                "not the bytes that were saved; remove its .json to make the shard again",
            ));
        }
        file.write(&bytes)?;
    }
    file.commit()?;
    file_entry(&path).map_err(io_error("reading", &path))
}

/// Removes `shards/` of a complete dataset, where it is left.
pub(super) fn remove_shards(root: &Path) -> Result<()> {
    let shards = root.join(SHARDS);
    match fs::remove_dir_all(&shards) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io_error("removing", &shards)(error)),
        _ => Ok(()),
    }
}
