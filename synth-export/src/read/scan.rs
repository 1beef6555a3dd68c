use std::fs;
use std::path::{Path, PathBuf};

use synth_core::{Error, Result};

use super::{BadFile, BadFileKind};
use crate::error::io_error;

/// Endings of the names of files that count as images, in any case.
pub const IMAGE_EXTENSIONS: [&str; 7] = ["png", "jpg", "jpeg", "tif", "tiff", "bmp", "webp"];

/// The images below a folder, and the names that cannot be used.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Paths relative to the folder, with forward slashes, in byte order.
    pub(super) paths: Vec<String>,
    pub(super) bad: Vec<BadFile>,
}

/// Lists images. Hidden files and folders are left out; links are followed, a link back to a folder
/// above itself is left out.
pub(super) fn scan(root: &Path, start: &str, recursive: bool) -> Result<Scan> {
    let mut scan = Scan::default();
    let folder = if start.is_empty() { root.to_owned() } else { root.join(start) };
    if !folder.exists() {
        return Err(Error::NotFound { what: "image folder", name: folder.display().to_string() });
    }
    if !folder.is_dir() {
        let expected = "a folder of images";
        return Err(Error::invalid(folder.display().to_string(), expected, "a file"));
    }
    let real = fs::canonicalize(&folder).map_err(io_error("opening", &folder))?;
    visit(&folder, start, recursive, &mut vec![real], &mut scan)?;
    scan.paths.sort_unstable();
    scan.bad.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(scan)
}

fn visit(
    folder: &Path,
    prefix: &str,
    recursive: bool,
    above: &mut Vec<PathBuf>,
    scan: &mut Scan,
) -> Result<()> {
    for entry in fs::read_dir(folder).map_err(io_error("reading the folder", folder))? {
        let entry = entry.map_err(io_error("reading the folder", folder))?;
        let (path, name) = (entry.path(), entry.file_name());
        let relative =
            |name: &str| if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let Some(name) = name.to_str() else {
            if is_image(&name.to_string_lossy()) {
                let reason = "the name is not valid UTF-8".to_owned();
                let path = relative(&name.to_string_lossy());
                scan.bad.push(BadFile { path, reason, kind: BadFileKind::NotAnImage });
            }
            continue;
        };
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if recursive {
                let real = fs::canonicalize(&path).map_err(io_error("opening", &path))?;
                if !above.contains(&real) {
                    above.push(real);
                    visit(&path, &relative(name), recursive, above, scan)?;
                    above.pop();
                }
            }
        } else if is_image(name) {
            scan.paths.push(relative(name));
        }
    }
    Ok(())
}

fn is_image(name: &str) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension.is_some_and(|extension| IMAGE_EXTENSIONS.contains(&extension.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_in_byte_order_of_relative_paths() {
        let root = tempfile::tempdir().expect("temporary directory");
        let names = ["b.png", "a/z.JPG", "a-1.png", "a/b.webp", "notes.txt", ".hidden.png", "B.tiff", "png"];
        fs::create_dir(root.path().join("a")).expect("writable");
        for name in names {
            fs::write(root.path().join(name), "x").expect("writable");
        }
        let found = scan(root.path(), "", true).expect("readable");
        assert_eq!(found.paths, ["B.tiff", "a-1.png", "a/b.webp", "a/z.JPG", "b.png"]);
        assert_eq!(scan(root.path(), "", false).expect("readable").paths, ["B.tiff", "a-1.png", "b.png"]);
        assert_eq!(scan(root.path(), "a", true).expect("readable").paths, ["a/b.webp", "a/z.JPG"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_but_not_in_circles() {
        let root = tempfile::tempdir().expect("temporary directory");
        fs::create_dir(root.path().join("a")).expect("writable");
        fs::write(root.path().join("a/x.png"), "x").expect("writable");
        std::os::unix::fs::symlink(root.path(), root.path().join("a/up")).expect("link");
        std::os::unix::fs::symlink(root.path().join("a"), root.path().join("b")).expect("link");
        let found = scan(root.path(), "", true).expect("readable");
        assert_eq!(found.paths, ["a/x.png", "b/x.png"]);
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = scan(Path::new("no/such/folder"), "", true).expect_err("missing");
        assert!(matches!(&error, Error::NotFound { name, .. } if name == "no/such/folder"), "{error}");
        let place = tempfile::NamedTempFile::new().expect("temporary file");
        let error = scan(place.path(), "", true).expect_err("a file").to_string();
        assert!(error.ends_with("must be a folder of images, got a file"), "{error}");
    }
}
