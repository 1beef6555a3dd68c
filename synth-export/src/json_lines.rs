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
            serde_json::from_slice(text).map_err(|error| corrupt(path, json_problem(line + 1, &error)))
        })
        .collect()
}

/// What is wrong with line `line` of a JSON-lines file, counted from 1, whose text was parsed alone:
/// `line 3, column 7: expected value`.
#[must_use]
pub fn json_problem(line: usize, error: &serde_json::Error) -> String {
    let text = error.to_string();
    // The parser counts lines from the text's beginning, which is not the file's.
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(problem) if error.column() > 0 => format!("line {line}, column {}: {problem}", error.column()),
        Some(problem) => format!("line {line}: {problem}"),
        None => format!("line {line}: {text}"),
    }
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
        for (text, expected) in [
            ("1\n2\n{", "`samples.jsonl` is corrupt: line 3: invalid type: map"),
            ("1\n2\nx", "`samples.jsonl` is corrupt: line 3, column 1: expected value"),
        ] {
            let error = parse_json_lines::<u32>(path, text.as_bytes()).expect_err("torn").to_string();
            assert!(error.starts_with(expected), "{error}");
            assert_eq!(error.matches("line").count(), 1, "one line number: {error}");
        }
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
