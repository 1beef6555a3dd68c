use std::fs::File;
use std::io::Seek;
use std::path::Path;

use arrow_array::RecordBatchReader;
use ndarray::Array2;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::FileMetaData;
use synth_core::{EmbedderId, Result};

use super::columns::Part;
use super::content::Content;
use super::{BLAKE3, CONTENT_KEY, CREATED_BY, EMBEDDING, GROUP, GROUP_ROWS, ID, IDENTITY_KEY};
use crate::error::{corrupt, io_error};

/// What a file holds.
#[derive(Debug)]
pub(crate) struct Contents {
    pub(crate) ids: Vec<String>,
    pub(crate) groups: Vec<String>,
    /// BLAKE3 of the items' files.
    pub(crate) hashes: Vec<Option<String>>,
    /// `[rows, dim]`, finite.
    pub(crate) matrix: Array2<f32>,
    /// `None` for a file whose writer dropped the metadata, as pandas does.
    pub(crate) identity: Option<EmbedderId>,
}

/// Reads a file, of this crate or of another writer with the same columns; more columns do not matter.
pub(crate) fn read(path: &Path) -> Result<Contents> {
    // The decoder panics on some damaged pages. Those of this crate are hashed and do not come to it.
    std::panic::catch_unwind(|| decode(path))
        .unwrap_or_else(|_panic| Err(corrupt(path, "its pages cannot be decoded")))
}

fn decode(path: &Path) -> Result<Contents> {
    let mut file = File::open(path).map_err(io_error("reading", path))?;
    let again = file.try_clone().map_err(io_error("reading", path))?;
    // Without its writer's hints every kind of string is a string, every kind of list a list.
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(again, options)
        .map_err(|error| corrupt(path, error))?;
    let about = About::of(builder.metadata().file_metadata(), &mut file, path)?;
    let reader = rows_of(builder, path)?;
    let has_hashes = reader.schema().column_with_name(BLAKE3).is_some();
    let (mut ids, mut groups, mut hashes) = (Vec::new(), Vec::new(), Vec::new());
    let (mut dim, mut values) = (about.content.as_ref().map(|content| content.dim), Vec::new());
    for batch in reader {
        let batch = batch.map_err(|error| corrupt(path, error))?;
        let part = Part { path, batch: &batch, first_row: ids.len() };
        ids.extend(part.texts(ID)?);
        groups.extend(part.texts(GROUP)?);
        part.embeddings(&mut dim, &mut values)?;
        match has_hashes {
            true => hashes.extend(part.optional_texts(BLAKE3)?),
            false => hashes.resize(ids.len(), None),
        }
    }
    if let Some(content) = about.content.filter(|content| content.rows != ids.len()) {
        return Err(corrupt(path, format!("{} rows, {} were written", ids.len(), content.rows)));
    }
    let matrix = Array2::from_shape_vec((ids.len(), dim.unwrap_or(0)), values)
        .map_err(|error| corrupt(path, error))?;
    Ok(Contents { ids, groups, hashes, matrix, identity: about.identity })
}

/// The columns that are needed, which must be there.
fn rows_of(builder: ParquetRecordBatchReaderBuilder<File>, path: &Path) -> Result<ParquetRecordBatchReader> {
    let columns: Vec<&str> = builder.schema().fields().iter().map(|field| field.name().as_str()).collect();
    if let Some(missing) = [ID, GROUP, EMBEDDING].into_iter().find(|needed| !columns.contains(needed)) {
        let problem = format!("no column `{missing}`; its columns are: {}", columns.join(", "));
        return Err(corrupt(path, problem));
    }
    let mask = ProjectionMask::columns(builder.parquet_schema(), [ID, GROUP, EMBEDDING, BLAKE3]);
    let reader = builder.with_projection(mask).with_batch_size(GROUP_ROWS).build();
    reader.map_err(|error| corrupt(path, error))
}

/// What the key-value metadata says.
struct About {
    identity: Option<EmbedderId>,
    /// Of a file as this crate wrote it.
    content: Option<Content>,
}

impl About {
    fn of(metadata: &FileMetaData, file: &mut File, path: &Path) -> Result<Self> {
        let value = |name: &str| {
            let mut pairs = metadata.key_value_metadata().into_iter().flatten();
            pairs.find(|pair| pair.key == name).and_then(|pair| pair.value.as_deref())
        };
        let unusable = |key: &str, error: serde_json::Error| {
            corrupt(path, format!("metadata `{key}` cannot be used: {error}"))
        };
        let json = value(IDENTITY_KEY);
        let identity = json.map(serde_json::from_str).transpose();
        let identity = identity.map_err(|error| unusable(IDENTITY_KEY, error))?;
        if metadata.created_by() != Some(CREATED_BY) {
            return Ok(Self { identity, content: None });
        }
        let content = value(CONTENT_KEY)
            .ok_or_else(|| corrupt(path, format!("metadata `{CONTENT_KEY}` is missing")))?;
        let content: Content = serde_json::from_str(content).map_err(|error| unusable(CONTENT_KEY, error))?;
        file.rewind().map_err(io_error("reading", path))?;
        match content.is_of(file, json.unwrap_or_default()).map_err(io_error("reading", path))? {
            true => Ok(Self { identity, content: Some(content) }),
            false => Err(corrupt(path, "not what was written; make it again or restore a copy")),
        }
    }
}
