//! Names that become files: checked before anything is written under them.

use std::path::{Path, PathBuf};

use synth_core::{Error, Result};

/// Whether `path` is relative, with forward slashes, and stays inside its root on every system.
pub(crate) fn check_relative(path: &str) -> Result<()> {
    if path.split('/').all(is_plain_name) {
        return Ok(());
    }
    Err(Error::invalid(
        "file path",
        "relative, with forward slashes and no hidden or special parts",
        quoted(path),
    ))
}

/// Whether `id` can name a file: `iter0_real_000`.
pub(crate) fn check_id(id: &str) -> Result<()> {
    if is_plain_name(id) {
        return Ok(());
    }
    Err(Error::invalid("sample id", "a plain file name of at most 200 bytes", quoted(id)))
}

/// `path` below `root`; check it first.
pub(crate) fn join(root: &Path, path: &str) -> PathBuf {
    path.split('/').fold(root.to_owned(), |joined, part| joined.join(part))
}

fn is_plain_name(name: &str) -> bool {
    let special = |character: char| character.is_control() || "/\\:*?\"<>|".contains(character);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.contains(special)
}

fn quoted(text: &str) -> String {
    format!("`{}`", text.escape_debug())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_leaves_its_root() {
        for good in ["config.yaml", "iteration_000/images/iter0_real_000.png"] {
            assert!(check_relative(good).is_ok(), "{good}");
        }
        for bad in ["", "/etc/passwd", "../up", "a/../b", "a//b", "a\\b", "C:/x", "a/.hidden", "a\nb", "a/"] {
            assert!(check_relative(bad).is_err(), "{bad}");
        }
        assert!(check_id("a/b").is_err() && check_id("é_1").is_ok());
    }
}
