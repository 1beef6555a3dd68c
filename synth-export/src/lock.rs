//! Locks on directories and files, which keep processes apart.
//!
//! A lock belongs to an open file, not to its name: whoever waits for a lock file that its holder
//! removes gets the lock of a file without a name, while a third process locks a new file under the
//! name. So a lock counts only if, once taken, the name still leads to the locked file; else it is
//! taken anew. A lock file may be removed by its holder only.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use synth_core::{Error, Result};

use crate::atomic::{create_directories, remove_if_there};
use crate::error::io_error;

/// Name of the file that carries the lock.
pub(crate) const LOCK_FILE: &str = ".lock";

/// How often a lock is taken anew because its file was removed meanwhile.
const ATTEMPTS: usize = 100;

/// Takes the lock of a directory, which is made where it is missing; the system gives the lock back
/// when the file is closed, also after a `kill -9`. The empty file stays. Where a file system has no
/// locks, nothing is locked.
pub(crate) fn lock(directory: &Path) -> Result<File> {
    lock_directory(directory, try_take)
}

/// As [`lock`], after whoever holds it.
pub(crate) fn wait_for_lock(directory: &Path) -> Result<File> {
    lock_directory(directory, wait_and_take)
}

/// As [`lock`], with the path of the lock file itself, whose directory must be there.
pub(crate) fn lock_file(path: &Path) -> Result<File> {
    acquire(path, || open(path), try_take)
}

/// Removes a directory whose lock is held, the lock file last, and gives the lock back. A process that
/// comes meanwhile finds it empty and keeps it.
pub(crate) fn remove_locked(directory: &Path, lock: File) -> Result<()> {
    for entry in fs::read_dir(directory).map_err(io_error("reading", directory))? {
        let entry = entry.map_err(io_error("reading", directory))?;
        let path = entry.path();
        if entry.file_type().map_err(io_error("reading", &path))?.is_dir() {
            fs::remove_dir_all(&path).map_err(io_error("removing", &path))?;
        } else if entry.file_name() != LOCK_FILE {
            remove_if_there(&path)?;
        }
    }
    remove_empty_locked(directory, lock)
}

/// As [`remove_locked`], for a directory that holds nothing but its lock file.
pub(crate) fn remove_empty_locked(directory: &Path, lock: File) -> Result<()> {
    remove_if_there(&directory.join(LOCK_FILE))?;
    let removed = fs::remove_dir(directory);
    drop(lock);
    match removed {
        Err(error) if !is_gone_or_taken(&error) => Err(io_error("removing", directory)(error)),
        _ => Ok(()),
    }
}

fn is_gone_or_taken(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty)
}

fn lock_directory(directory: &Path, take: impl Fn(&File, &Path) -> Result<()>) -> Result<File> {
    let path = directory.join(LOCK_FILE);
    let open_inside = || {
        create_directories(directory)?;
        open(&path)
    };
    acquire(&path, open_inside, take)
}

fn acquire(
    path: &Path,
    open: impl Fn() -> Result<File>,
    take: impl Fn(&File, &Path) -> Result<()>,
) -> Result<File> {
    let mut missing = None;
    for _ in 0..ATTEMPTS {
        let file = match open() {
            // The holder may have removed the directory as well.
            Err(Error::Io { action, path, source }) if source.kind() == io::ErrorKind::NotFound => {
                missing = Some(Error::Io { action, path, source });
                continue;
            }
            other => other?,
        };
        missing = None;
        take(&file, path)?;
        if is_named(&file, path).map_err(io_error("locking", path))? {
            return Ok(file);
        }
    }
    Err(missing.unwrap_or_else(|| {
        let reason = "other processes keep removing the lock file; wait for them to end, and try again";
        io_error("locking", path)(busy(reason))
    }))
}

fn try_take(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Err(TryLockError::WouldBlock) => {
            let reason = "another process is writing here; wait for it to end, or choose another path";
            Err(io_error("locking", path)(busy(reason)))
        }
        Err(TryLockError::Error(error)) => unless_unsupported(error, path),
        Ok(()) => Ok(()),
    }
}

fn wait_and_take(file: &File, path: &Path) -> Result<()> {
    file.lock().or_else(|error| unless_unsupported(error, path))
}

fn unless_unsupported(error: io::Error, path: &Path) -> Result<()> {
    if error.kind() == io::ErrorKind::Unsupported { Ok(()) } else { Err(io_error("locking", path)(error)) }
}

fn busy(reason: &str) -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, reason)
}

/// Whether `path` is the name of the open file.
#[cfg(unix)]
fn is_named(file: &File, path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::MetadataExt;
    let held = file.metadata()?;
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        other => other.map(|named| (named.dev(), named.ino()) == (held.dev(), held.ino())),
    }
}

/// Whether `path` is the name of some file: elsewhere than on Unix no more can be known.
#[cfg(not(unix))]
fn is_named(_file: &File, path: &Path) -> io::Result<bool> {
    path.try_exists()
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    options.open(path).map_err(io_error("locking", path))
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_lock_whose_file_was_removed_is_taken_anew() {
        let place = tempfile::tempdir().expect("temporary directory");
        let directory = place.path().join("partial");
        let first = lock(&directory).expect("free");
        let waiting = thread::spawn({
            let directory = directory.clone();
            move || wait_for_lock(&directory)
        });
        // Long enough for the other to open the file that is about to go.
        thread::sleep(Duration::from_millis(200));
        remove_locked(&directory, first).expect("removable");
        let second = waiting.join().expect("no panic").expect("free");
        assert!(is_named(&second, &directory.join(LOCK_FILE)).expect("readable"));
        let third = lock(&directory).expect_err("the second holds it");
        assert!(matches!(third, Error::Io { action: "locking", .. }), "{third}");
    }

    #[test]
    fn a_missing_directory_is_an_error_for_a_lock_file() {
        let place = tempfile::tempdir().expect("temporary directory");
        let error = lock_file(&place.path().join("no/a.lock")).expect_err("missing");
        assert!(
            matches!(&error, Error::Io { path, source, .. }
                if path.ends_with("a.lock") && source.kind() == io::ErrorKind::NotFound),
            "{error}"
        );
    }

    #[test]
    fn a_locked_directory_is_removed_whole() {
        let place = tempfile::tempdir().expect("temporary directory");
        let directory = place.path().join("shards");
        let lock = lock(&directory).expect("free");
        fs::create_dir(directory.join("deep")).expect("writable");
        fs::write(directory.join("deep/a"), "x").expect("writable");
        fs::write(directory.join("b"), "x").expect("writable");
        remove_locked(&directory, lock).expect("removable");
        assert!(!directory.exists());
    }
}
