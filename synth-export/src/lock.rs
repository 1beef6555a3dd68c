use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

use synth_core::{Error, Result};

use crate::error::io_error;

/// Name of the file that carries the lock.
pub(crate) const LOCK_FILE: &str = ".lock";

/// Takes the lock of a directory; the system gives it back when the file is closed, also after a
/// `kill -9`. The empty file stays. Where a file system has no locks, nothing is locked.
pub(crate) fn lock(directory: &Path) -> Result<File> {
    lock_file(&directory.join(LOCK_FILE))
}

/// Takes the lock of a directory, after whoever holds it.
pub(crate) fn wait_for_lock(directory: &Path) -> Result<File> {
    let path = directory.join(LOCK_FILE);
    let file = open(&path)?;
    match file.lock() {
        Err(error) if error.kind() != io::ErrorKind::Unsupported => Err(io_error("locking", &path)(error)),
        _ => Ok(file),
    }
}

/// As [`lock`], with the path of the lock file itself.
pub(crate) fn lock_file(path: &Path) -> Result<File> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let source = io::Error::new(io::ErrorKind::ResourceBusy, "another process is writing here");
            Err(Error::Io { action: "locking", path: path.display().to_string(), source })
        }
        Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => Ok(file),
        Err(TryLockError::Error(error)) => Err(io_error("locking", path)(error)),
    }
}

fn open(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).write(true);
    options.open(path).map_err(io_error("locking", path))
}
