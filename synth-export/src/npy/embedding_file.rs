use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde::{Deserialize, Serialize};
use synth_core::{EmbedderId, Embeddings, Error, Result};

use super::format::parse_npy_f32;
use crate::error::{corrupt, io_error};
#[cfg(feature = "parquet")]
use crate::parquet::Contents;
use crate::read_json_lines;

/// Where a row of embeddings comes from: a line of the sidecar `E.rows.jsonl` of `E.npy`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmbeddedRow {
    /// Path of the image, relative to the folder that was embedded; the row's id.
    pub path: String,
    /// BLAKE3 of the image's file, hexadecimal; `None` for a row that comes from no file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
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

/// Embeddings from a file: a `.npy` matrix with its sidecar where there is one, or a `.parquet` file.
///
/// A Parquet file has the columns `id` and `group` (strings) and `embedding` (a list of float32 or
/// float64, all of one length), and may have `blake3`; others do not matter. Its key-value metadata
/// names the embedder under `synth.embedder`. Tools that drop the metadata, pandas among them, leave a
/// file that does not say who made it. Reading it needs the feature `parquet`.
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
/// let assumed = EmbedderId { name: "features-2".into(), weights: None, preprocessing: "none".into() };
/// assert_eq!(file.into_embeddings(&assumed)?.len(), 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct EmbeddingFile {
    path: PathBuf,
    matrix: Array2<f32>,
    rows: Rows,
}

/// What is known of the rows.
#[derive(Clone, Debug, PartialEq)]
enum Rows {
    Bare,
    /// Not who made them.
    #[cfg(feature = "parquet")]
    Named {
        ids: Vec<String>,
        groups: Vec<String>,
    },
    Described(Vec<EmbeddedRow>),
}

impl EmbeddingFile {
    /// Reads `E.parquet`, or `E.npy` (float32, or float64 rounded to it) and, where it exists,
    /// `E.rows.jsonl`.
    ///
    /// # Errors
    /// [`Error::Io`]; [`Error::Corrupt`] for a broken file, naming the column where it is of a Parquet
    /// file, for a sidecar with another number of rows, or for rows of two embedders;
    /// [`Error::NonFinite`] naming the file, row and column of a NaN or infinity;
    /// [`Error::Unsupported`] for a Parquet file in a build without the feature `parquet`.
    pub fn read(path: &Path) -> Result<Self> {
        if is_parquet(path) {
            return Self::read_parquet(path);
        }
        let bytes = fs::read(path).map_err(io_error("reading", path))?;
        let matrix = parse_npy_f32(path, &bytes)?;
        // Any number of such rows fits into the header alone.
        if matrix.ncols() == 0 && matrix.nrows() > 0 {
            return Err(corrupt(path, format!("its {} rows have no numbers", matrix.nrows())));
        }
        if let Some(((row, column), _)) = matrix.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let (what, at) = (format!("`{}`", path.display()), format!("row {row}, column {column}"));
            return Err(Error::NonFinite { what, at });
        }
        let sidecar = rows_path(path);
        let rows = match sidecar.is_file() {
            true => Rows::Described(read_rows(&sidecar, matrix.nrows())?),
            false => Rows::Bare,
        };
        Ok(Self { path: path.to_owned(), matrix, rows })
    }

    #[cfg(feature = "parquet")]
    fn read_parquet(path: &Path) -> Result<Self> {
        let Contents { ids, groups, hashes, matrix, identity } = crate::parquet::read(path)?;
        let rows = match identity {
            None => Rows::Named { ids, groups },
            Some(identity) => {
                let parts = ids.into_iter().zip(groups).zip(hashes);
                let row =
                    |((path, group), blake3)| EmbeddedRow { path, blake3, group, identity: identity.clone() };
                Rows::Described(parts.map(row).collect())
            }
        };
        Ok(Self { path: path.to_owned(), matrix, rows })
    }

    #[cfg(not(feature = "parquet"))]
    fn read_parquet(path: &Path) -> Result<Self> {
        Err(no_parquet(path))
    }

    /// Who made the matrix; `None` for a bare `.npy`, a Parquet file without the metadata, or a file
    /// without rows.
    #[must_use]
    pub fn identity(&self) -> Option<&EmbedderId> {
        self.rows()?.first().map(|row| &row.identity)
    }

    /// The rows, `[n, dim]`, float32, finite.
    #[must_use]
    pub fn matrix(&self) -> &Array2<f32> {
        &self.matrix
    }

    /// Where the rows come from; `None` if the file does not say who made them.
    #[must_use]
    pub fn rows(&self) -> Option<&[EmbeddedRow]> {
        match &self.rows {
            Rows::Described(rows) => Some(rows),
            _ => None,
        }
    }

    /// The embeddings; where the file does not say who made them, of the embedder `assumed`, and without
    /// a sidecar with every row its own group. Whether that may be assumed is the caller's decision
    /// (`--assume-same-model`).
    ///
    /// # Errors
    /// As [`Embeddings::new`].
    pub fn into_embeddings(self, assumed: &EmbedderId) -> Result<Embeddings> {
        let identity = self.identity().unwrap_or(assumed).clone();
        match self.rows {
            Rows::Bare => Embeddings::ungrouped(self.matrix, identity),
            #[cfg(feature = "parquet")]
            Rows::Named { ids, groups } => Embeddings::new(ids, groups, self.matrix, identity),
            Rows::Described(rows) => {
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

/// Whether embeddings of this name are kept as a Parquet file: its ending is `.parquet`.
#[must_use]
pub fn is_parquet(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("parquet"))
}

#[cfg(not(feature = "parquet"))]
pub(super) fn no_parquet(path: &Path) -> Error {
    let what = format!("Parquet, for `{}`,", path.display());
    Error::Unsupported { what, reason: "this build is without the feature `parquet`; use a .npy file".into() }
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
