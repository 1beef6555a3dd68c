use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use synth_core::{EmbedderId, Embeddings, Error, Result};

use super::format::parse_npy_f32;
use crate::error::{corrupt, io_error};
use crate::read_json_lines;

/// One line of the sidecar `E.rows.jsonl`: where a row of `E.npy` comes from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedRow {
    /// Path of the image, relative to the folder that was embedded.
    pub path: String,
    /// BLAKE3 of the image's file, hexadecimal.
    pub blake3: String,
    /// What is independent.
    pub group: String,
    /// The embedder.
    pub identity: EmbedderId,
}

/// Where the sidecar of a matrix lies: `E.rows.jsonl` beside `E.npy`.
#[must_use]
pub fn rows_path(matrix: &Path) -> PathBuf {
    matrix.with_extension("rows.jsonl")
}

/// Where the chunks of an unfinished matrix lie: `E.npy.partial` beside `E.npy`.
pub(super) fn partial_path(matrix: &Path) -> PathBuf {
    let mut name = OsString::from(matrix.as_os_str());
    name.push(".partial");
    name.into()
}

/// A matrix from a `.npy` file, with its sidecar where there is one.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_core::EmbedderId;
/// use synth_export::{EmbeddingFile, npy_from_f32, write_atomically};
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("bare.npy");
/// write_atomically(&path, &npy_from_f32(array![[1.0], [2.0]].view()))?;
///
/// let file = EmbeddingFile::read(&path)?;
/// assert!(file.identity().is_none(), "a bare matrix does not say who made it");
/// let assumed = EmbedderId { name: "features-1".into(), weights: None, preprocessing: "none".into() };
/// assert_eq!(file.into_embeddings(&assumed)?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingFile {
    path: PathBuf,
    matrix: Array2<f32>,
    rows: Option<Vec<EmbeddedRow>>,
}

impl EmbeddingFile {
    /// Reads `E.npy` (float32, or float64 rounded to it) and, where it exists, `E.rows.jsonl`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`] for a broken file of the two, for a sidecar with another
    /// number of rows, or for rows of two embedders; [`Error::NonFinite`] naming the file, row and
    /// column of a NaN or infinity.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = fs::read(path).map_err(io_error("reading", path))?;
        let matrix = parse_npy_f32(path, &bytes)?;
        if let Some(((row, column), _)) = matrix.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let (what, at) = (format!("`{}`", path.display()), format!("row {row}, column {column}"));
            return Err(Error::NonFinite { what, at });
        }
        let sidecar = rows_path(path);
        let rows = if sidecar.is_file() { Some(read_rows(&sidecar, matrix.nrows())?) } else { None };
        Ok(Self { path: path.to_owned(), matrix, rows })
    }

    /// Who made the matrix; `None` for a bare `.npy` or one without rows.
    #[must_use]
    pub fn identity(&self) -> Option<&EmbedderId> {
        self.rows.as_ref()?.first().map(|row| &row.identity)
    }

    /// The rows, `[n, dim]`, float32, finite.
    #[must_use]
    pub fn matrix(&self) -> &Array2<f32> {
        &self.matrix
    }

    /// The sidecar.
    #[must_use]
    pub fn rows(&self) -> Option<&[EmbeddedRow]> {
        self.rows.as_deref()
    }

    /// The embeddings; without a sidecar, every row its own group and `assumed` the embedder. Whether
    /// that may be assumed is the caller's decision (`--assume-same-model`).
    ///
    /// # Errors
    /// As [`Embeddings::new`].
    pub fn into_embeddings(self, assumed: &EmbedderId) -> Result<Embeddings> {
        let identity = self.identity().unwrap_or(assumed).clone();
        match self.rows {
            None => Embeddings::ungrouped(self.matrix, identity),
            Some(rows) => {
                let (ids, groups) = rows.into_iter().map(|row| (row.path, row.group)).unzip();
                Embeddings::new(ids, groups, self.matrix, identity)
            }
        }
    }

    /// Where the matrix was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

fn read_rows(sidecar: &Path, expected: usize) -> Result<Vec<EmbeddedRow>> {
    let rows: Vec<EmbeddedRow> = read_json_lines(sidecar)?;
    if rows.len() != expected {
        return Err(corrupt(sidecar, format!("{} rows, the matrix has {expected}", rows.len())));
    }
    if let Some(line) = rows.windows(2).position(|pair| pair[0].identity != pair[1].identity) {
        let (a, b) = (&rows[line].identity, &rows[line + 1].identity);
        return Err(corrupt(sidecar, format!("line {}: embedder `{b}` after `{a}`", line + 2)));
    }
    Ok(rows)
}
