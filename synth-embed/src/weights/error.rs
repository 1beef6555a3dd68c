//! Shorthands for the shared error with the paths that this module always knows.

use std::fmt::Display;
use std::io;
use std::path::Path;

use synth_core::Error;

/// For `map_err`: what was being done to which path.
pub(crate) fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.display().to_string();
    move |source| Error::Io { action, path, source }
}

/// A file whose content is not what it must be.
pub(crate) fn corrupt(path: &Path, problem: impl Display) -> Error {
    Error::Corrupt { path: path.display().to_string(), problem: problem.to_string() }
}

/// A tensor of a file that is not what it must be.
pub(crate) fn corrupt_tensor(path: &Path, name: &str, problem: impl Display) -> Error {
    corrupt(path, format!("tensor `{name}`: {problem}"))
}
