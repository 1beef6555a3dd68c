use std::io;
use std::path::Path;

use serde::de::DeserializeOwned;
use synth_core::{Error, Result};

/// What the `config.json` beside the weights says, if there is one.
///
/// # Errors
/// [`Error::Io`] and [`Error::Corrupt`] naming the file.
pub(crate) fn beside<C: DeserializeOwned>(weights: &Path) -> Result<Option<C>> {
    let path = weights.with_file_name("config.json");
    let text = match std::fs::read(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => {
            let path = path.display().to_string();
            return Err(Error::Io { action: "reading", path, source });
        }
        Ok(text) => text,
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| Error::Corrupt { path: path.display().to_string(), problem: error.to_string() })
}
