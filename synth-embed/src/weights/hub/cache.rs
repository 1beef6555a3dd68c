//! The folder that Python's `huggingface_hub` keeps, so that each finds what the other fetched.
//!
//! ```text
//! models--org--name/blobs/<etag>                        the bytes; for large files the etag is the SHA-256
//! models--org--name/snapshots/<commit>/<file>           link to ../../blobs/<etag>
//! models--org--name/refs/<branch or tag>                the commit it was when last asked
//! .locks/models--org--name/<etag>.lock                  locked (flock) while the blob is fetched
//! ```

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use synth_core::{Cancel, Result};

use super::super::error::io_error;
use super::repository::is_commit;

/// Between two looks whether a lock has become free.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// The part of the cache that belongs to one repository.
#[derive(Debug)]
pub(super) struct RepositoryCache {
    folder: PathBuf,
    locks: PathBuf,
}

impl RepositoryCache {
    pub(super) fn new(cache: &Path, repository: &str) -> Self {
        let name = format!("models--{}", repository.replace('/', "--"));
        Self { folder: cache.join(&name), locks: cache.join(".locks").join(name) }
    }

    /// The folder with a commit's files.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.folder.join("snapshots").join(commit)
    }

    /// Where a file of a commit is.
    pub(super) fn place(&self, commit: &str, file: &str) -> PathBuf {
        file.split('/').fold(self.snapshot(commit), |path, part| path.join(part))
    }

    /// Whether a file of a commit is there, with the length it must have.
    pub(super) fn has(&self, commit: &str, file: &str, bytes: Option<u64>) -> bool {
        has(&self.place(commit, file), bytes)
    }

    pub(super) fn blob(&self, etag: &str) -> PathBuf {
        self.folder.join("blobs").join(etag)
    }

    /// What a branch or tag was when it was last asked for.
    pub(super) fn commit_of(&self, revision: &str) -> Option<String> {
        let text = fs::read_to_string(self.ref_path(revision)).ok()?;
        Some(text.trim().to_owned()).filter(|text| is_commit(text))
    }

    /// Notes what a branch or tag is now.
    pub(super) fn set_commit_of(&self, revision: &str, commit: &str) -> Result<()> {
        if self.commit_of(revision).as_deref() == Some(commit) {
            return Ok(());
        }
        let path = self.ref_path(revision);
        create_parent(&path)?;
        let temporary = temporary(&path);
        let written = fs::write(&temporary, commit).and_then(|()| fs::rename(&temporary, &path));
        written.map_err(io_error("writing", &path))
    }

    fn ref_path(&self, revision: &str) -> PathBuf {
        revision.split('/').fold(self.folder.join("refs"), |path, part| path.join(part))
    }

    /// Takes the lock of a blob, after whoever holds it. Where a file system has no locks, nothing is
    /// locked: a file with a known SHA-256 is checked as a whole in any case.
    pub(super) fn lock(&self, etag: &str, cancel: &Cancel) -> Result<File> {
        let path = self.locks.join(format!("{etag}.lock"));
        create_parent(&path)?;
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let file = file.map_err(io_error("locking", &path))?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {
                    return Ok(file);
                }
                Err(TryLockError::Error(error)) => return Err(io_error("locking", &path)(error)),
                Err(TryLockError::WouldBlock) => {
                    cancel.check()?;
                    thread::sleep(LOCK_PAUSE);
                }
            }
        }
    }

    /// Gives a blob its name in a commit: a relative link, so that the cache can be moved, or where there
    /// are no links the file itself.
    pub(super) fn link(&self, etag: &str, commit: &str, file: &str) -> Result<()> {
        let place = self.place(commit, file);
        create_parent(&place)?;
        // From the folder of the file up to that of the repository.
        let up = "../".repeat(file.split('/').count() + 1);
        let temporary = temporary(&place);
        drop(fs::remove_file(&temporary));
        let linked = symlink(Path::new(&format!("{up}blobs/{etag}")), &temporary)
            .and_then(|()| fs::rename(&temporary, &place));
        let placed = linked.or_else(|_unsupported| {
            drop(fs::remove_file(&temporary));
            fs::rename(self.blob(etag), &place)
        });
        placed.map_err(io_error("writing", &place))
    }
}

/// Whether there is a file, through links, of this length.
pub(super) fn has(path: &Path, bytes: Option<u64>) -> bool {
    let matches = |found: fs::Metadata| found.is_file() && bytes.is_none_or(|bytes| bytes == found.len());
    fs::metadata(path).is_ok_and(matches)
}

pub(super) fn create_parent(path: &Path) -> Result<()> {
    let parent = path.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(parent).map_err(io_error("creating the directory", parent))
}

fn temporary(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    PathBuf::from(name)
}

#[cfg(unix)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(windows)]
fn symlink(target: &Path, link: &Path) -> io::Result<()> {
    std::os::windows::fs::symlink_file(target, link)
}

#[cfg(not(any(unix, windows)))]
fn symlink(_target: &Path, _link: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
