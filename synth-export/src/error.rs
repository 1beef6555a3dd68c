//! Shorthands for the shared error with the paths that this crate always knows.

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

/// The error and all its sources on one line, for places that keep text only.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        let part = inner.to_string();
        if !text.ends_with(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        source = inner.source();
    }
    text
}
