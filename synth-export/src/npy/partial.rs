use std::fs::{self, File};
use std::path::{Path, PathBuf};

use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use synth_core::{EmbedderId, Error, FileEntry, Result};

use super::embedding_file::{EmbeddedRow, partial_path};
#[cfg(not(feature = "parquet"))]
use super::embedding_file::{is_parquet, no_parquet};
use super::format::{npy_from_f32, parse_npy_f32};
use super::save::save;
use crate::atomic::{remove_leftovers, write_atomically};
use crate::error::{corrupt, io_error};
use crate::failpoint::{Boundary, reach};
use crate::lock::{lock, remove_locked};

/// Makes `E.npy` and `E.rows.jsonl`, or `E.parquet`, in chunks that survive a kill.
///
/// Chunk k lies under `E.npy.partial/` as `chunk_k.npy` and, once that is on the disk, `chunk_k.json`
/// with its hash and rows. A chunk counts while its rows (paths, file hashes, groups, embedder) are
/// those asked for: a changed image or another embedder makes its chunk again and no other.
/// [`finish`](Self::finish) joins the chunks, holding one at a time, and removes the folder last.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_core::EmbedderId;
/// use synth_export::{EmbeddedRow, EmbeddingFile, EmbeddingJob};
/// let directory = tempfile::tempdir()?;
/// let target = directory.path().join("E.npy");
/// let identity = EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() };
/// let row = EmbeddedRow { path: "a.png".into(), blake3: Some("00".into()), group: "a".into(), identity };
///
/// let job = EmbeddingJob::open(&target)?;
/// if !job.has_chunk(0, std::slice::from_ref(&row))? {
///     job.save_chunk(0, std::slice::from_ref(&row), array![[1.0, 2.0]].view())?;
/// }
/// job.finish(1)?;
/// assert_eq!(EmbeddingFile::read(&target)?.rows(), Some(&[row][..]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct EmbeddingJob {
    target: PathBuf,
    partial: PathBuf,
    lock: File,
}

/// What counts a chunk.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ChunkRecord {
    matrix: FileEntry,
    rows: Vec<EmbeddedRow>,
}

impl EmbeddingJob {
    /// Starts or resumes the making of the matrix `target`.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a target without a file name and an ending (`E.npy`); [`Error::Io`],
    /// also where another process is making it; [`Error::Unsupported`] for a Parquet file in a build
    /// without the feature `parquet`.
    pub fn open(target: &Path) -> Result<Self> {
        if target.file_name().is_none() || target.extension().is_none() {
            return Err(Error::invalid(
                "matrix",
                "a path that ends in a name like `E.npy`",
                target.display(),
            ));
        }
        #[cfg(not(feature = "parquet"))]
        if is_parquet(target) {
            return Err(no_parquet(target));
        }
        let partial = partial_path(target);
        let lock = lock(&partial)?;
        remove_leftovers(&partial)?;
        Ok(Self { target: target.to_owned(), partial, lock })
    }

    /// Whether the making of `target` was begun and not finished.
    #[must_use]
    pub fn is_unfinished(target: &Path) -> bool {
        partial_path(target).is_dir()
    }

    /// Whether chunk `number` is there with exactly these rows. A torn or altered chunk is not.
    ///
    /// # Errors
    /// [`Error::Io`] other than a missing file.
    pub fn has_chunk(&self, number: usize, rows: &[EmbeddedRow]) -> Result<bool> {
        match self.read_chunk(number) {
            Ok((found, _)) => Ok(found == rows),
            Err(Error::Corrupt { .. }) => Ok(false),
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Saves chunk `number`; `matrix` has one row per entry of `rows`.
    ///
    /// # Errors
    /// [`Error::Shape`] if the numbers of rows differ, [`Error::NonFinite`] naming the row and column,
    /// [`Error::Io`]; the chunk then does not count, or is the one that was there.
    pub fn save_chunk(&self, number: usize, rows: &[EmbeddedRow], matrix: ArrayView2<'_, f32>) -> Result<()> {
        if matrix.nrows() != rows.len() {
            let (expected, got) = (vec![rows.len()], vec![matrix.nrows()]);
            return Err(Error::Shape { what: "rows of a chunk", expected, got });
        }
        if let Some(((row, column), _)) = matrix.indexed_iter().find(|(_, value)| !value.is_finite()) {
            let what = format!("the embedding of `{}`", rows[row].path);
            return Err(Error::NonFinite { what, at: format!("column {column}") });
        }
        let bytes = npy_from_f32(matrix);
        let record = ChunkRecord { matrix: FileEntry::of(&bytes), rows: rows.to_vec() };
        let record =
            serde_json::to_vec(&record).map_err(|source| Error::component("chunk record", source))?;
        let (matrix_path, record_path) = self.chunk_paths(number);
        write_atomically(&matrix_path, &bytes)?;
        reach(Boundary::BeforeManifest).map_err(io_error("writing", &record_path))?;
        write_atomically(&record_path, &record)?;
        reach(Boundary::AfterManifest).map_err(io_error("writing", &record_path))
    }

    /// Joins chunks 0 to `chunks` − 1 into the matrix and its sidecar, or into the Parquet file, and
    /// removes the partial folder.
    ///
    /// Of a matrix and its sidecar both files are written and made durable under temporary names before a pair that was there is
    /// touched. Then the old sidecar goes, and the new matrix and sidecar come.
    ///
    /// # Errors
    /// [`Error::Corrupt`] or [`Error::Io`] for a missing or altered chunk, [`Error::Shape`] for chunks
    /// of two dimensions, [`Error::EmbedderMismatch`] for rows of two embedders,
    /// [`Error::AlreadyExists`] for a repeated path; [`Error::Io`]. The chunks stay,
    /// so that another job can finish. A pair that was there stays too, unless renaming itself failed:
    /// then the matrix, old or new, may lack its sidecar, but never has the other's. If only removing
    /// the partial folder failed, the new pair is there.
    pub fn finish(self, chunks: usize) -> Result<()> {
        let (mut rows, mut dim): (Vec<EmbeddedRow>, _) = (Vec::new(), None);
        for number in 0..chunks {
            let (chunk_rows, matrix) = self.read_chunk(number)?;
            let expected = *dim.get_or_insert(matrix.ncols());
            if matrix.ncols() != expected {
                let (expected, got) = (vec![expected], vec![matrix.ncols()]);
                return Err(Error::Shape { what: "embedding row", expected, got });
            }
            rows.extend(chunk_rows);
        }
        check_unique(&rows)?;
        let identity = check_same_embedder(&rows)?;
        let pieces = (0..chunks).map(|number| Ok(self.read_chunk(number)?.1.into()));
        save(&self.target, (&rows, dim.unwrap_or(0)), identity, pieces)?;
        reach(Boundary::BeforeCleanup).map_err(io_error("removing", &self.partial))?;
        remove_locked(&self.partial, self.lock)
    }

    /// Ends the job without a matrix. The partial folder stays where a chunk in it has rows, so that another
    /// job can go on, and else is removed.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn leave(self) -> Result<()> {
        if self.has_rows()? { Ok(()) } else { remove_locked(&self.partial, self.lock) }
    }

    fn has_rows(&self) -> Result<bool> {
        for entry in fs::read_dir(&self.partial).map_err(io_error("reading", &self.partial))? {
            let path = entry.map_err(io_error("reading", &self.partial))?.path();
            if path.extension().is_some_and(|extension| extension == "json") {
                let record = fs::read(&path).map_err(io_error("reading", &path))?;
                // A torn one does not count, as in `has_chunk`.
                if serde_json::from_slice(&record).is_ok_and(|record: ChunkRecord| !record.rows.is_empty()) {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn read_chunk(&self, number: usize) -> Result<(Vec<EmbeddedRow>, Array2<f32>)> {
        let (matrix_path, record_path) = self.chunk_paths(number);
        let record = fs::read(&record_path).map_err(io_error("reading", &record_path))?;
        let record: ChunkRecord =
            serde_json::from_slice(&record).map_err(|error| corrupt(&record_path, error))?;
        let bytes = fs::read(&matrix_path).map_err(io_error("reading", &matrix_path))?;
        if FileEntry::of(&bytes) != record.matrix {
            return Err(corrupt(&matrix_path, "not the bytes that were saved; save the chunk again"));
        }
        let matrix = parse_npy_f32(&matrix_path, &bytes)?;
        if matrix.nrows() != record.rows.len() {
            let problem = format!("{} rows, its matrix has {}", record.rows.len(), matrix.nrows());
            return Err(corrupt(&record_path, format!("{problem}; save the chunk again")));
        }
        Ok((record.rows, matrix))
    }

    fn chunk_paths(&self, number: usize) -> (PathBuf, PathBuf) {
        let path = |extension| self.partial.join(format!("chunk_{number:06}.{extension}"));
        (path("npy"), path("json"))
    }
}

fn check_unique(rows: &[EmbeddedRow]) -> Result<()> {
    let mut paths: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
    paths.sort_unstable();
    match paths.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => Err(Error::AlreadyExists { what: "row", name: pair[0].to_owned() }),
        None => Ok(()),
    }
}

/// The one embedder of all rows.
fn check_same_embedder(rows: &[EmbeddedRow]) -> Result<Option<&EmbedderId>> {
    match rows.windows(2).find(|pair| pair[0].identity != pair[1].identity) {
        Some(pair) => {
            let (left, right) = (pair[0].identity.to_string(), pair[1].identity.to_string());
            Err(Error::EmbedderMismatch { left, right })
        }
        None => Ok(rows.first().map(|row| &row.identity)),
    }
}
