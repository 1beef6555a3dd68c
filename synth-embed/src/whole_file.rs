//! Files that are read whole.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use synth_core::{Error, Result};

/// The bytes of a regular file: a device or a pipe might never end.
///
/// # Errors
/// [`Error::Io`]; [`Error::Corrupt`] for what is no regular file, or longer than `most` bytes.
pub(crate) fn read(path: &Path, most: u64) -> Result<Vec<u8>> {
    let name = || path.display().to_string();
    let failed = |source: io::Error| Error::Io { action: "reading", path: name(), source };
    // Before it is opened, which waits where a pipe has no writer.
    let found = fs::metadata(path).map_err(failed)?;
    if found.is_dir() {
        return Err(failed(io::ErrorKind::IsADirectory.into()));
    }
    if !found.is_file() {
        return Err(Error::Corrupt { path: name(), problem: "not a regular file".into() });
    }
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most.saturating_add(1)).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > most {
        let problem = format!("{} bytes, more than the {most} that such a file may have", found.len());
        return Err(Error::Corrupt { path: name(), problem });
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_regular_files_up_to_the_limit() {
        let folder = tempfile::tempdir().expect("temporary directory");
        let path = folder.path().join("config.json");
        fs::write(&path, "12345").expect("writable");
        assert_eq!(read(&path, 5).expect("short enough"), b"12345");
        assert!(matches!(read(&path, 4), Err(Error::Corrupt { .. })));
        assert!(matches!(read(folder.path(), 4), Err(Error::Io { .. })));
        #[cfg(unix)]
        assert!(matches!(read(Path::new("/dev/zero"), 4), Err(Error::Corrupt { .. })));
    }
}
