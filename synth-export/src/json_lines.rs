use std::fs;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use synth_core::{Error, Result};

use crate::error::{corrupt, io_error};

/// One value a line, each line ended by `\n`; the same values give the same bytes.
///
/// # Errors
/// [`Error::Component`] for a value that JSON cannot hold.
pub fn to_json_lines<T: Serialize>(values: &[T]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for value in values {
        serde_json::to_writer(&mut bytes, value)
            .map_err(|source| Error::component("writing a JSON line", source))?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// The values of a JSON-lines file that was read from `path`. Strict: an empty or torn line is an
/// error; only the last line may lack its `\n`.
///
/// # Errors
/// [`Error::Corrupt`] naming the path and the line, counted from 1.
pub fn parse_json_lines<T: DeserializeOwned>(path: &Path, bytes: &[u8]) -> Result<Vec<T>> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    bytes
        .split(|&byte| byte == b'\n')
        .enumerate()
        .map(|(line, text)| {
            serde_json::from_slice(text).map_err(|error| corrupt(path, format!("line {}: {error}", line + 1)))
        })
        .collect()
}

/// The values of the JSON-lines file at `path`, as [`parse_json_lines`].
///
/// # Errors
/// [`Error::Io`], [`Error::Corrupt`].
pub fn read_json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>> {
    parse_json_lines(path, &fs::read(path).map_err(io_error("reading", path))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_the_torn_line() {
        let path = Path::new("samples.jsonl");
        let error = parse_json_lines::<u32>(path, b"1\n2\n{").expect_err("torn");
        assert!(error.to_string().contains("`samples.jsonl` is corrupt: line 3"), "{error}");
        assert!(parse_json_lines::<u32>(path, b"1\n\n2\n").is_err(), "an empty line is no value");
    }

    #[test]
    fn reads_what_it_wrote() {
        let values = vec![0.1, 1e-300, 5.0, -0.0];
        let bytes = to_json_lines(&values).expect("finite");
        let read: Vec<f64> = parse_json_lines(Path::new("x"), &bytes).expect("its own");
        assert_eq!(read, values);
        assert!(parse_json_lines::<f64>(Path::new("x"), b"").expect("empty").is_empty());
    }
}
