use std::fs::{self, File};
use std::path::{Path, PathBuf};

use synth_core::Result;

use super::head::{HEAD, MANIFEST, SAMPLES, SHARDS};
use super::merge::tidy;
use super::shard::take_back;
use super::writer::{lock_dataset, shard_path};
use crate::atomic::{remove_if_there, sync_directory};
use crate::error::io_error;
use crate::lock::{LOCK_FILE, lock_file, remove_empty_locked};

/// What an export changes in its target, to be taken back if it fails.
///
/// Errors of taking back end it: an earlier error is reported, and what stays is of use to the next
/// export or overwritten by it. No step leaves a manifest or a shard's record without its files.
#[derive(Debug)]
pub(super) struct Undo<'a> {
    root: &'a Path,
    had_root: bool,
    had_shards: bool,
    finished: Vec<(u64, Vec<String>)>,
}

impl<'a> Undo<'a> {
    /// Looks at the target before anything is done.
    pub(super) fn new(root: &'a Path) -> Self {
        let had_shards = root.join(SHARDS).exists();
        Self { root, had_root: root.exists(), had_shards, finished: Vec::new() }
    }

    /// Notes a shard that this export finished, and its files.
    pub(super) fn note(&mut self, shard: u64, files: Vec<String>) {
        self.finished.push((shard, files));
    }

    /// After the dataset could not be opened.
    pub(super) fn take_back_opening(&self) -> Result<()> {
        let shards = self.root.join(SHARDS);
        if !self.had_shards && shards.exists() {
            let lock = lock_dataset(self.root)?;
            if !shards.join(HEAD).exists() && !self.root.join(MANIFEST).exists() {
                remove_idle(&shards, lock)?;
            }
        }
        self.remove_root();
        Ok(())
    }

    /// After the export failed; `has_started` says whether it began the dataset.
    pub(super) fn take_back_all(&self, has_started: bool) -> Result<()> {
        let lock = lock_dataset(self.root)?;
        if self.root.join(MANIFEST).exists() {
            // Another process completed the dataset, or the manifest cannot be removed.
            drop(lock);
            return tidy(self.root);
        }
        // A manifest that was taken back must not return after a power cut, its files gone.
        sync_directory(self.root).map_err(io_error("synchronising", self.root))?;
        for (shard, files) in &self.finished {
            let _lock = lock_file(&shard_path(self.root, *shard, "lock"))?;
            take_back(self.root, *shard, files)?;
        }
        remove_if_there(&self.root.join(SAMPLES))?;
        for folder in ["images", "masks"] {
            // Fails, as it should, where something is left in it.
            drop(fs::remove_dir(self.root.join(folder)));
        }
        if has_started && !self.had_shards {
            remove_idle(&self.root.join(SHARDS), lock)?;
        }
        self.remove_root();
        Ok(())
    }

    fn remove_root(&self) {
        if !self.had_root {
            // Fails, as it should, where something is left in it.
            drop(fs::remove_dir(self.root));
        }
    }
}

/// Removes `shards/`, whose lock is held, unless another process has or makes a shard in it.
fn remove_idle(shards: &Path, lock: File) -> Result<()> {
    let (mut locks, mut files): (Vec<File>, Vec<PathBuf>) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(shards).map_err(io_error("reading", shards))? {
        let entry = entry.map_err(io_error("reading", shards))?;
        let (path, name) = (entry.path(), entry.file_name());
        let has_ending = |ending: &str| path.extension().is_some_and(|extension| extension == ending);
        if name == LOCK_FILE {
            continue;
        } else if has_ending("lock") {
            locks.push(lock_file(&path)?);
        } else if has_ending("json") && name != HEAD {
            return Ok(());
        }
        files.push(path);
    }
    for path in files {
        remove_if_there(&path)?;
    }
    drop(locks);
    remove_empty_locked(shards, lock)
}
