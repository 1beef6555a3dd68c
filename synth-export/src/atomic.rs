use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use synth_core::{Error, Result};

use crate::error::io_error;
use crate::failpoint::{Boundary, reach};

/// Ending of a temporary name; the file is hidden as well (`.a.png.synth-tmp` for `a.png`).
const TEMPORARY: &str = ".synth-tmp";

/// When the bytes of a file must have reached the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Before the file gets its name.
    Now,
    /// The caller synchronises many files at once before it counts them ([`sync_files`]).
    Later,
}

/// A file that appears under its name whole or not at all.
///
/// Bytes go to a temporary name in the same directory (`.<name>.synth-tmp`); [`commit`](Self::commit)
/// synchronises, renames and synchronises the directory. Dropped without a rename, also after a
/// failed write, it removes its temporary file where the system lets it; what it or a killed process
/// leaves is overwritten by the next writer of the same file or removed by [`remove_leftovers`]. Two
/// processes must not write the same file at once; run directories and shards hold a lock for that.
///
/// # Examples
/// ```
/// use synth_export::AtomicFile;
/// let directory = tempfile::tempdir()?;
/// let target = directory.path().join("scores.json");
/// let mut file = AtomicFile::create(&target)?;
/// file.write(b"{}")?;
/// assert!(!target.exists(), "not before the commit");
/// file.commit()?;
/// assert_eq!(std::fs::read(&target)?, b"{}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AtomicFile {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    durable: bool,
    renamed: bool,
}

impl AtomicFile {
    /// Starts a file that will be called `target`, and makes the directories above it.
    ///
    /// # Errors
    /// [`Error::Io`] naming the path; [`Error::InvalidParam`] for a path without a file name. The target
    /// is as it was; directories may have been made.
    pub fn create(target: &Path) -> Result<Self> {
        let (parent, temporary) = temporary_of(target)?;
        create_directories(parent)?;
        reach(Boundary::BeforeWrite).map_err(io_error("writing", target))?;
        let file = File::create(&temporary).map_err(io_error("creating", target))?;
        Ok(Self { file, temporary, target: target.to_owned(), durable: false, renamed: false })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// [`Error::Io`] naming the target, which is as it was; drop the file then, for it holds part of the
    /// bytes.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.write_halves(bytes).map_err(io_error("writing", &self.target))
    }

    fn write_halves(&mut self, bytes: &[u8]) -> io::Result<()> {
        let (first, second) = bytes.split_at(bytes.len() / 2);
        self.durable = false;
        self.file.write_all(first)?;
        reach(Boundary::MidWrite)?;
        self.file.write_all(second)
    }

    /// Makes the file durable and gives it its name, replacing what was there.
    ///
    /// # Errors
    /// [`Error::Io`] naming the target. If the file could not be synchronised or renamed, the target is
    /// as it was. If what failed is synchronising the directory afterwards, the target is the new file
    /// already, whole, but a power cut may bring the old one back.
    pub fn commit(self) -> Result<()> {
        self.commit_as(Durability::Now)
    }

    pub(crate) fn commit_as(mut self, durability: Durability) -> Result<()> {
        self.finish(durability).map_err(io_error("writing", &self.target))
    }

    /// Forces the bytes onto the disk under the temporary name, so that a full disk shows before
    /// anything else is changed. The target is as it was, also after an error.
    pub(crate) fn make_durable(&mut self) -> Result<()> {
        self.synchronise(Durability::Now).map_err(io_error("writing", &self.target))
    }

    fn synchronise(&mut self, durability: Durability) -> io::Result<()> {
        if self.durable {
            return Ok(());
        }
        reach(Boundary::BeforeFsync)?;
        if durability == Durability::Now {
            self.file.sync_all()?;
            self.durable = true;
        }
        Ok(())
    }

    fn finish(&mut self, durability: Durability) -> io::Result<()> {
        self.synchronise(durability)?;
        reach(Boundary::BeforeRename)?;
        fs::rename(&self.temporary, &self.target)?;
        self.renamed = true;
        reach(Boundary::AfterRename)?;
        match self.target.parent() {
            Some(parent) if durability == Durability::Now => sync_directory(parent),
            _ => Ok(()),
        }
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.renamed {
            // The write already failed; what cannot be removed is removed at the next start.
            drop(fs::remove_file(&self.temporary));
        }
    }
}

/// Writes a whole file at once, as [`AtomicFile`].
///
/// # Errors
/// [`Error::Io`] naming the path: it holds what it held before, or, where only synchronising its
/// directory failed, already all of `bytes`; never a part ([`AtomicFile::commit`]).
/// [`Error::InvalidParam`] for a path without a file name.
pub fn write_atomically(path: &Path, bytes: &[u8]) -> Result<()> {
    write_as(path, bytes, Durability::Now)
}

pub(crate) fn write_as(path: &Path, bytes: &[u8], durability: Durability) -> Result<()> {
    let mut file = AtomicFile::create(path)?;
    file.write(bytes)?;
    file.commit_as(durability)
}

/// Removes the temporary files that a killed process left in `directory` and below; gives their
/// number. Nothing else is touched, and links to directories are not followed.
///
/// # Errors
/// [`Error::Io`] naming the path.
pub fn remove_leftovers(directory: &Path) -> Result<usize> {
    let mut removed = 0;
    let mut pending = vec![directory.to_owned()];
    while let Some(directory) = pending.pop() {
        for entry in fs::read_dir(&directory).map_err(io_error("reading", &directory))? {
            let entry = entry.map_err(io_error("reading", &directory))?;
            let kind = entry.file_type().map_err(io_error("reading", &entry.path()))?;
            if kind.is_dir() {
                pending.push(entry.path());
            } else if kind.is_file() && is_temporary(&entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path()).map_err(io_error("removing", &entry.path()))?;
                removed += 1;
            }
        }
    }
    Ok(removed)
}

/// Whether a file of this name is a temporary file of this crate.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.starts_with('.') && name.ends_with(TEMPORARY)
}

/// Forces files written with [`Durability::Later`], and their directories, onto the disk.
///
/// Waiting at several files at once lets a journaling file system commit them together.
pub(crate) fn sync_files(paths: &[PathBuf]) -> Result<()> {
    const WAITING: usize = 8;
    let sync = |paths: &[PathBuf]| {
        paths.iter().try_for_each(|path| {
            let synced = File::open(path).and_then(|file| file.sync_all());
            synced.map_err(io_error("synchronising", path))
        })
    };
    std::thread::scope(|scope| {
        let parts = paths.chunks(paths.len().div_ceil(WAITING).max(1));
        let waiting: Vec<_> = parts.map(|part| scope.spawn(move || sync(part))).collect();
        waiting
            .into_iter()
            .try_for_each(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    let directories: BTreeSet<&Path> = paths.iter().filter_map(|path| path.parent()).collect();
    directories
        .into_iter()
        .try_for_each(|directory| sync_directory(directory).map_err(io_error("synchronising", directory)))
}

/// Makes `directory` and what is missing above it, durably.
pub(crate) fn create_directories(directory: &Path) -> Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let missing: Vec<&Path> =
        directory.ancestors().take_while(|path| !path.as_os_str().is_empty() && !path.exists()).collect();
    fs::create_dir_all(directory).map_err(io_error("creating the directory", directory))?;
    for parent in missing.iter().filter_map(|path| path.parent()) {
        let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
        sync_directory(parent).map_err(io_error("synchronising", parent))?;
    }
    Ok(())
}

/// Removes a file; whether there was one.
pub(crate) fn remove_if_there(path: &Path) -> Result<bool> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        other => other.map(|()| true).map_err(io_error("removing", path)),
    }
}

/// Makes renames, removals and new names inside `directory` durable; systems without the notion do
/// nothing.
pub(crate) fn sync_directory(directory: &Path) -> io::Result<()> {
    let directory = if directory.as_os_str().is_empty() { Path::new(".") } else { directory };
    if cfg!(unix) { File::open(directory)?.sync_all() } else { Ok(()) }
}

fn temporary_of(target: &Path) -> Result<(&Path, PathBuf)> {
    let (Some(parent), Some(name)) = (target.parent(), target.file_name()) else {
        return Err(Error::invalid("path", "a path that ends in a file name", target.display()));
    };
    let mut temporary = OsString::from(".");
    temporary.push(name);
    temporary.push(TEMPORARY);
    Ok((parent, parent.join(temporary)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_whole_files_and_leaves_nothing_else() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let path = directory.path().join("a/b/file.bin");
        write_atomically(&path, b"first").expect("writable");
        write_atomically(&path, b"second").expect("writable");
        assert_eq!(fs::read(&path).expect("there"), b"second");
        assert_eq!(fs::read_dir(path.parent().expect("parent")).expect("there").count(), 1);
    }

    #[test]
    fn a_dropped_file_removes_its_temporary() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let mut file = AtomicFile::create(&directory.path().join("x")).expect("writable");
        file.write(b"half").expect("writable");
        assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 1);
        drop(file);
        assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 0);
    }

    #[test]
    fn only_temporaries_count_as_leftovers() {
        let directory = tempfile::tempdir().expect("temporary directory");
        fs::create_dir(directory.path().join("deep")).expect("writable");
        for name in ["keep.png", ".hidden", "name.synth-tmp", ".a.png.synth-tmp", "deep/.b.synth-tmp"] {
            fs::write(directory.path().join(name), "x").expect("writable");
        }
        assert_eq!(remove_leftovers(directory.path()).expect("readable"), 2);
        assert_eq!(fs::read_dir(directory.path()).expect("there").count(), 4);
    }

    #[test]
    fn a_path_below_a_file_is_an_error_with_its_name() {
        let directory = tempfile::tempdir().expect("temporary directory");
        let file = directory.path().join("file");
        fs::write(&file, "x").expect("writable");
        let error = write_atomically(&file.join("out/a.json"), b"{}").expect_err("a file is no directory");
        assert!(matches!(&error, Error::Io { path, .. } if path.contains("file")), "{error}");
    }
}
