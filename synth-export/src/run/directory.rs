use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use synth_core::{Error, FileEntry, Result, RunStore, StepFile};

use super::found::{check_config, parse_manifest, read_manifest, refuse_foreign};
use super::log::{self, LogEntry};
use super::manifest::{RunHead, RunManifest, StepEntry};
use crate::atomic::{Durability, create_directories, remove_leftovers, sync_files, write_as};
use crate::atomic::{remove_if_there, write_atomically};
use crate::error::{corrupt, io_error};
use crate::failpoint::{Boundary, reach};
use crate::integrity::{Damage, damages, files_below, read_checked};
use crate::json_file;
use crate::lock::{LOCK_FILE, lock};
use crate::paths::{check_relative, join};

pub(super) const CONFIG: &str = "config.yaml";
pub(super) const MANIFEST: &str = "manifest.json";
pub(super) const BACKUP: &str = "manifest.json.bak";
pub(super) const LOG: &str = "log.jsonl";

/// A run on disk: `config.yaml`, the files of its finished steps, and `manifest.json` with the hash of
/// each.
///
/// Files of a step are written and made durable first; the step counts once `manifest.json`, itself
/// replaced atomically, lists it. What a killed process wrote beyond that is overwritten by the next
/// attempt at the step. `manifest.json.bak` is the same once more, written right after it, in case a
/// disk fails; where that copy could not be written, the next call that saves, replaces or resumes
/// makes up for it. A run that is written to is locked against other processes.
///
/// # Examples
/// ```
/// use std::collections::BTreeMap;
/// use synth_core::{RunStore, StepFile};
/// use synth_export::{RunDirectory, RunHead};
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("void_poc");
/// let head = RunHead { config: "seed: 1\n".into(), about: BTreeMap::new() };
///
/// let run = RunDirectory::create(&path, &head)?;
/// run.save("iteration_000", &[StepFile { path: "iteration_000/scores.json".into(), bytes: b"{}".into() }])?;
/// drop(run);
///
/// let run = RunDirectory::resume(&path, &head)?;
/// assert_eq!(run.steps()?, ["iteration_000"]);
/// assert!(run.verify().is_empty(), "every file is as it was saved");
/// drop(run);
///
/// let other = RunHead { config: "seed: 2\n".into(), ..head };
/// let error = RunDirectory::resume(&path, &other).unwrap_err().to_string();
/// assert!(error.starts_with("`seed` must be 1"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct RunDirectory {
    root: PathBuf,
    manifest: Mutex<RunManifest>,
    /// Held while the run may be written to; `None` for a reader.
    lock: Option<File>,
}

impl RunDirectory {
    /// Whether `root` holds a run that was started, finished or not.
    #[must_use]
    pub fn exists(root: &Path) -> bool {
        root.join(MANIFEST).exists()
    }

    /// Starts a run in a directory that is missing or empty, or where a process was killed before
    /// its first manifest.
    ///
    /// # Errors
    /// [`Error::AlreadyExists`] for a run, or a directory with other files; [`Error::Io`], also where
    /// another process writes to it. After an error in writing, [`resume`](Self::resume) goes on from
    /// what is there.
    pub fn create(root: &Path, head: &RunHead) -> Result<Self> {
        create_directories(root)?;
        // First without the lock, which would make a file among a user's own.
        refuse_foreign(root, head)?;
        let lock = lock(root)?;
        refuse_foreign(root, head)?;
        remove_leftovers(root)?;
        let manifest = RunManifest::new(head);
        let run = Self { root: root.to_owned(), manifest: Mutex::new(manifest.clone()), lock: Some(lock) };
        write_atomically(&root.join(CONFIG), head.config.as_bytes())?;
        run.replace_manifest(&mut run.manifest(), manifest)?;
        Ok(run)
    }

    /// Goes on with a run, or [creates](Self::create) it where none was started. Removes temporary
    /// files that a killed process left, and renews `manifest.json.bak` where it is another.
    ///
    /// The stored facts stay; compare [`about`](Self::about) with those of today where it matters
    /// (another kind of CPU may change bits).
    ///
    /// # Errors
    /// [`Error::InvalidParam`] naming the first key in which `head.config` differs from the run's (the
    /// form of the text does not matter); [`Error::Corrupt`] for a torn or altered `manifest.json` or
    /// `config.yaml`, saying how to mend it; [`Error::Io`], also where another process writes to it.
    pub fn resume(root: &Path, head: &RunHead) -> Result<Self> {
        if !Self::exists(root) && !root.join(BACKUP).exists() {
            return Self::create(root, head);
        }
        let lock = lock(root)?;
        let manifest = read_manifest(root)?;
        check_config(root, &manifest, head)?;
        remove_leftovers(root)?;
        let run = Self { root: root.to_owned(), manifest: Mutex::new(manifest), lock: Some(lock) };
        run.make_up_backup(&run.manifest())?;
        Ok(run)
    }

    /// Opens a run for reading only, without a lock; it sees the steps finished by now.
    ///
    /// # Errors
    /// [`Error::NotFound`] where no run is; [`Error::Corrupt`], [`Error::Io`].
    pub fn open(root: &Path) -> Result<Self> {
        if !Self::exists(root) && !root.join(BACKUP).exists() {
            return Err(Error::NotFound { what: "run", name: root.display().to_string() });
        }
        let manifest = Mutex::new(read_manifest(root)?);
        Ok(Self { root: root.to_owned(), manifest, lock: None })
    }

    /// Where the run lies.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The facts fixed at the first start.
    #[must_use]
    pub fn about(&self) -> BTreeMap<String, String> {
        self.manifest().about.clone()
    }

    /// A copy of the manifest.
    #[must_use]
    pub fn snapshot(&self) -> RunManifest {
        self.manifest().clone()
    }

    /// Whether a step is finished.
    #[must_use]
    pub fn is_done(&self, step: &str) -> bool {
        self.manifest().step(step).is_some()
    }

    /// The configuration, checked against its hash.
    ///
    /// # Errors
    /// As [`read`](Self::read); [`Error::Corrupt`] for a text that is not UTF-8.
    pub fn config(&self) -> Result<String> {
        let bytes = self.read(CONFIG)?;
        String::from_utf8(bytes).map_err(|error| corrupt(&self.root.join(CONFIG), error))
    }

    /// One file of a finished step, checked against its hash.
    ///
    /// # Errors
    /// [`Error::NotFound`] for a path that no finished step has, [`Error::Corrupt`] for a missing or
    /// altered file, [`Error::Io`] for one that cannot be read.
    pub fn read(&self, path: &str) -> Result<Vec<u8>> {
        let entry = self.manifest().files.get(path).cloned();
        let Some(entry) = entry else {
            return Err(Error::NotFound { what: "file of a finished step", name: path.to_owned() });
        };
        read_checked(&self.root, path, &entry)
    }

    /// Saves a step in place of the one of that name (a report after a new version), which becomes the
    /// last; one that is not finished is [saved](RunStore::save). Nothing changes where exactly these
    /// files are there already.
    ///
    /// # Errors
    /// As [`save`](RunStore::save). The step is then as it was, or out of the manifest with its old and
    /// new files, each whole, [`unlisted`](Self::unlisted); the next attempt lists those of its names.
    pub fn replace(&self, step: &str, files: &[StepFile]) -> Result<()> {
        self.check_writable()?;
        let before = self.snapshot();
        let Some(old) = before.step(step) else { return self.save(step, files) };
        let is_whole = |path: &String| read_checked(&self.root, path, &before.files[path]).is_ok();
        if old.files.iter().all(is_whole) && matches!(self.with_step(&before, step, files), Ok(None)) {
            return self.make_up_backup(&before);
        }
        let mut next = before.clone();
        next.steps.retain(|other| other.name != step);
        next.files.retain(|path, _| !old.files.contains(path));
        self.with_step(&next, step, files)?;
        self.replace_manifest(&mut self.manifest(), next)?;
        self.save(step, files)?;
        let is_new = |path: &String| files.iter().any(|file| file.path == *path);
        let stale = old.files.iter().filter(|path| !is_new(path));
        stale.map(|path| join(&self.root, path)).try_for_each(|path| remove_if_there(&path).map(drop))
    }

    /// Reads every file and compares it with its hash; gives those that differ, by path.
    #[must_use]
    pub fn verify(&self) -> Vec<Damage> {
        let files = self.manifest().files.clone();
        damages(&self.root, &files)
    }

    /// Files of the directory that the manifest does not list: of an unfinished step, or a user's own.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn unlisted(&self) -> Result<Vec<String>> {
        let files = self.manifest().files.clone();
        let own = [MANIFEST, BACKUP, LOG, LOCK_FILE];
        let mut found = files_below(&self.root)?;
        found.retain(|path| !files.contains_key(path) && !own.contains(&path.as_str()));
        Ok(found)
    }

    /// Appends a line to `log.jsonl`, which is not hashed.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a reader, [`Error::Io`].
    pub fn log(&self, entry: &LogEntry) -> Result<()> {
        self.check_writable()?;
        log::append(&self.root.join(LOG), entry)
    }

    /// The lines of `log.jsonl`; those that a kill tore are left out.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn read_log(&self) -> Result<Vec<LogEntry>> {
        log::read(&self.root.join(LOG))
    }

    fn manifest(&self) -> MutexGuard<'_, RunManifest> {
        // A panic elsewhere cannot leave it half-changed: it is replaced as a whole.
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_writable(&self) -> Result<()> {
        if self.lock.is_some() {
            return Ok(());
        }
        let what = format!("writing to `{}`", self.root.display());
        Err(Error::Unsupported { what, reason: "the run was opened for reading".into() })
    }

    /// Makes `next` the manifest: on the disk, here, and in the copy.
    fn replace_manifest(&self, current: &mut RunManifest, next: RunManifest) -> Result<()> {
        let bytes = json_file(MANIFEST, &next)?.bytes;
        let path = self.root.join(MANIFEST);
        reach(Boundary::BeforeManifest).map_err(io_error("writing", &path))?;
        write_atomically(&path, &bytes)?;
        // Durable, so that it counts from here on, whatever becomes of the copy.
        *current = next;
        reach(Boundary::AfterManifest).map_err(io_error("writing", &path))?;
        write_atomically(&self.root.join(BACKUP), &bytes)
    }

    /// Writes the copy of the manifest where an earlier call could not.
    fn make_up_backup(&self, manifest: &RunManifest) -> Result<()> {
        let path = self.root.join(BACKUP);
        if parse_manifest(&path).is_ok_and(|backup| backup == *manifest) {
            return Ok(());
        }
        write_atomically(&path, &json_file(BACKUP, manifest)?.bytes)
    }

    /// The manifest with a new step, or `None` where exactly this step is finished.
    fn with_step(
        &self,
        manifest: &RunManifest,
        step: &str,
        files: &[StepFile],
    ) -> Result<Option<RunManifest>> {
        let entries = entries(files)?;
        if let Some(finished) = manifest.step(step) {
            let same = finished.files.iter().eq(entries.keys())
                && entries.iter().all(|(path, entry)| manifest.files.get(path) == Some(entry));
            let place = self.root.display();
            let name = format!("{step} (with other content, in {place})");
            return if same { Ok(None) } else { Err(Error::AlreadyExists { what: "finished step", name }) };
        }
        if let Some(path) = entries.keys().find(|path| manifest.files.contains_key(*path)) {
            return Err(Error::AlreadyExists { what: "file of another step", name: path.clone() });
        }
        let mut next = manifest.clone();
        next.steps.push(StepEntry { name: step.to_owned(), files: entries.keys().cloned().collect() });
        next.files.extend(entries);
        Ok(Some(next))
    }
}

impl RunStore for RunDirectory {
    fn save(&self, step: &str, files: &[StepFile]) -> Result<()> {
        self.check_writable()?;
        let mut manifest = self.manifest();
        let Some(next) = self.with_step(&manifest, step, files)? else {
            return self.make_up_backup(&manifest);
        };
        let paths: Vec<PathBuf> = files.iter().map(|file| join(&self.root, &file.path)).collect();
        for (path, file) in paths.iter().zip(files) {
            write_as(path, &file.bytes, Durability::Later)?;
        }
        sync_files(&paths)?;
        self.replace_manifest(&mut manifest, next)
    }

    fn load(&self, step: &str) -> Result<Option<Vec<StepFile>>> {
        let manifest = self.snapshot();
        let Some(entry) = manifest.step(step) else { return Ok(None) };
        let load = |path: &String| {
            let bytes = read_checked(&self.root, path, &manifest.files[path])?;
            Ok(StepFile { path: path.clone(), bytes })
        };
        entry.files.iter().map(load).collect::<Result<_>>().map(Some)
    }

    fn steps(&self) -> Result<Vec<String>> {
        Ok(self.manifest().steps.iter().map(|step| step.name.clone()).collect())
    }
}

/// The hashes of a step's files by path; checks the paths.
fn entries(files: &[StepFile]) -> Result<BTreeMap<String, FileEntry>> {
    let mut entries = BTreeMap::new();
    for StepFile { path, bytes } in files {
        check_relative(path)?;
        if [CONFIG, MANIFEST, BACKUP, LOG].contains(&path.as_str()) {
            return Err(Error::invalid("file path", "none of the run's own files", path));
        }
        if entries.insert(path.clone(), FileEntry::of(bytes)).is_some() {
            return Err(Error::AlreadyExists { what: "file of the step", name: path.clone() });
        }
    }
    Ok(entries)
}
