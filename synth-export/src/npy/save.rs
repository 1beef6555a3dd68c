use std::path::Path;

use ndarray::{CowArray, Ix2};
use synth_core::{EmbedderId, Embeddings, Result};

use super::embedding_file::{EmbeddedRow, is_parquet, rows_path};
use super::format::{f32_elements, f32_header};
use crate::atomic::{AtomicFile, remove_if_there};
use crate::to_json_lines;

/// Writes embeddings as `E.parquet`, or as `E.npy` with its sidecar `E.rows.jsonl`, replacing what was
/// there. The same embeddings give the same bytes; [`EmbeddingFile`](crate::EmbeddingFile) reads both.
///
/// The Parquet file has the columns `id` and `group` (strings) and `embedding` (fixed-size list of
/// float32); pandas reads it as it is. Its key-value metadata names the embedder.
///
/// # Errors
/// [`Error::Io`](synth_core::Error::Io); [`Error::InvalidParam`](synth_core::Error::InvalidParam) for a
/// path without a file name; [`Error::Unsupported`](synth_core::Error::Unsupported) for a Parquet file in
/// a build without the feature `parquet`. A file that was there stays, unless renaming itself failed.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_core::{EmbedderId, Embeddings};
/// use synth_export::{EmbeddingFile, write_embeddings};
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("E.npy");
/// let identity = EmbedderId { name: "toy-1".into(), weights: None, preprocessing: "none".into() };
/// let embeddings = Embeddings::ungrouped(array![[1.0, 2.0], [3.0, 4.0]], identity.clone())?;
/// write_embeddings(&path, &embeddings)?;
///
/// let file = EmbeddingFile::read(&path)?;
/// assert_eq!(file.identity(), Some(&identity));
/// assert_eq!(file.into_embeddings(&identity)?, embeddings);
/// assert!(write_embeddings(std::path::Path::new("/"), &embeddings).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_embeddings(path: &Path, embeddings: &Embeddings) -> Result<()> {
    let names = embeddings.ids().iter().zip(embeddings.groups());
    let row = |(id, group): (&String, &String)| EmbeddedRow {
        path: id.clone(),
        blake3: None,
        group: group.clone(),
        identity: embeddings.identity().clone(),
    };
    let rows: Vec<EmbeddedRow> = names.map(row).collect();
    let piece = std::iter::once(Ok(embeddings.matrix().into()));
    save(path, (&rows, embeddings.dim()), Some(embeddings.identity()), piece)
}

/// Writes rows of length `dim`, of one embedder, whose values come in pieces.
pub(super) fn save<'a>(
    target: &Path,
    (rows, dim): (&[EmbeddedRow], usize),
    identity: Option<&EmbedderId>,
    pieces: impl Iterator<Item = Result<CowArray<'a, f32, Ix2>>>,
) -> Result<()> {
    if is_parquet(target) {
        return save_parquet(target, (rows, dim), identity, pieces);
    }
    let mut file = AtomicFile::create(target)?;
    file.write(&f32_header(rows.len(), dim))?;
    for piece in pieces {
        file.write(&f32_elements(piece?.view()))?;
    }
    let sidecar = rows_path(target);
    let mut sidecar_file = AtomicFile::create(&sidecar)?;
    sidecar_file.write(&to_json_lines(rows)?)?;
    file.make_durable()?;
    sidecar_file.make_durable()?;
    // A reader in between must not join the new matrix to an old sidecar.
    remove_if_there(&sidecar)?;
    file.commit()?;
    sidecar_file.commit()
}

#[cfg(feature = "parquet")]
fn save_parquet<'a>(
    target: &Path,
    (mut rows, dim): (&[EmbeddedRow], usize),
    identity: Option<&EmbedderId>,
    pieces: impl Iterator<Item = Result<CowArray<'a, f32, Ix2>>>,
) -> Result<()> {
    let has_hashes = rows.iter().any(|row| row.blake3.is_some());
    let mut writer = crate::parquet::ParquetWriter::create(target, dim, identity, has_hashes)?;
    for piece in pieces {
        let piece = piece?;
        let (now, later) = rows.split_at(piece.nrows());
        writer.write(now, piece.view())?;
        rows = later;
    }
    writer.commit()
}

#[cfg(not(feature = "parquet"))]
fn save_parquet<'a>(
    target: &Path,
    _rows: (&[EmbeddedRow], usize),
    _identity: Option<&EmbedderId>,
    _pieces: impl Iterator<Item = Result<CowArray<'a, f32, Ix2>>>,
) -> Result<()> {
    Err(super::embedding_file::no_parquet(target))
}
