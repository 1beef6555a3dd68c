use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Schema};
use ndarray::{ArrayView2, Axis};
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use synth_core::{EmbedderId, Error, Result};

use super::content::Content;
use super::{BLAKE3, CONTENT_KEY, CREATED_BY, EMBEDDING, GROUP, GROUP_ROWS, ID, IDENTITY_KEY};
use crate::atomic::AtomicFile;
use crate::npy::EmbeddedRow;

/// Writes embeddings piece by piece; how they are cut does not show in the file.
pub(crate) struct ParquetWriter {
    file: AtomicFile,
    /// What it made lies in the vector until it is moved to the file.
    writer: ArrowWriter<Vec<u8>>,
    schema: Arc<Schema>,
    /// The identity as JSON; empty without one.
    identity: String,
    dim: usize,
    written_rows: usize,
    /// Of the bytes that were moved.
    hash: blake3::Hasher,
    /// Rows of the row group that is being filled, with their values.
    rows: Vec<EmbeddedRow>,
    values: Vec<f32>,
}

impl ParquetWriter {
    /// Starts the file `target` for rows of length `dim`; `has_hashes` where any of them has the hash
    /// of its file.
    pub(crate) fn create(
        target: &Path,
        dim: usize,
        identity: Option<&EmbedderId>,
        has_hashes: bool,
    ) -> Result<Self> {
        let identity = identity.map(serde_json::to_string).transpose().map_err(failed)?.unwrap_or_default();
        let mut schema = schema(dim, has_hashes)?;
        if !identity.is_empty() {
            // Arrow's tools keep what is in the schema where they copy or filter a table.
            schema = schema.with_metadata([(IDENTITY_KEY, identity.as_str())]);
        }
        let schema = Arc::new(schema);
        let file = AtomicFile::create(target)?;
        let writer = ArrowWriter::try_new(Vec::new(), schema.clone(), Some(properties())).map_err(failed)?;
        let (hash, rows, values) = (blake3::Hasher::new(), Vec::new(), Vec::new());
        Ok(Self { file, writer, schema, identity, dim, written_rows: 0, hash, rows, values })
    }

    /// Appends rows `[rows, dim]`.
    pub(crate) fn write(&mut self, rows: &[EmbeddedRow], matrix: ArrayView2<'_, f32>) -> Result<()> {
        for (row, values) in rows.iter().zip(matrix.axis_iter(Axis(0))) {
            self.rows.push(row.clone());
            self.values.extend(values);
            if self.rows.len() == GROUP_ROWS {
                self.end_group()?;
            }
        }
        Ok(())
    }

    fn end_group(&mut self) -> Result<()> {
        let batch = self.take_batch().map_err(failed)?;
        self.written_rows += batch.num_rows();
        self.writer.write(&batch).map_err(failed)?;
        self.writer.flush().map_err(failed)?;
        self.move_bytes()
    }

    fn move_bytes(&mut self) -> Result<()> {
        self.writer.sync().map_err(failed)?;
        let bytes = std::mem::take(self.writer.inner_mut());
        self.hash.update(&bytes);
        self.file.write(&bytes)
    }

    fn take_batch(&mut self) -> std::result::Result<RecordBatch, ArrowError> {
        let (rows, values) = (std::mem::take(&mut self.rows), std::mem::take(&mut self.values));
        let text = |text: fn(&EmbeddedRow) -> &str| StringArray::from_iter_values(rows.iter().map(text));
        let values: ArrayRef = Arc::new(Float32Array::from(values));
        let DataType::FixedSizeList(element, dim) = self.schema.field_with_name(EMBEDDING)?.data_type()
        else {
            return Err(ArrowError::SchemaError("the embedding is a list".into()));
        };
        let lists = FixedSizeListArray::try_new_with_length(element.clone(), *dim, values, None, rows.len())?;
        let mut columns: Vec<ArrayRef> =
            vec![Arc::new(text(|row| &row.path)), Arc::new(text(|row| &row.group)), Arc::new(lists)];
        if self.schema.column_with_name(BLAKE3).is_some() {
            columns.push(Arc::new(rows.iter().map(|row| row.blake3.as_deref()).collect::<StringArray>()));
        }
        RecordBatch::try_new(self.schema.clone(), columns)
    }

    /// Ends the file and gives it its name.
    pub(crate) fn commit(mut self) -> Result<()> {
        if !self.rows.is_empty() {
            self.end_group()?;
        }
        self.move_bytes()?;
        let content = Content::new(&self.hash, &self.identity, self.written_rows, self.dim);
        let content = serde_json::to_string(&content).map_err(failed)?;
        for (key, value) in [(CONTENT_KEY, content), (IDENTITY_KEY, std::mem::take(&mut self.identity))] {
            if !value.is_empty() {
                self.writer.append_key_value_metadata(KeyValue::new(key.to_owned(), value));
            }
        }
        self.writer.finish().map_err(failed)?;
        self.move_bytes()?;
        self.file.commit()
    }
}

fn failed(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::component("writing Parquet", error)
}

fn schema(dim: usize, has_hashes: bool) -> Result<Schema> {
    let Ok(length) = i32::try_from(dim) else {
        return Err(Error::invalid("dim", format!("at most {} in a Parquet file", i32::MAX), dim));
    };
    let element: FieldRef = Arc::new(Field::new("element", DataType::Float32, false));
    let mut fields = vec![
        Field::new(ID, DataType::Utf8, false),
        Field::new(GROUP, DataType::Utf8, false),
        Field::new(EMBEDDING, DataType::FixedSizeList(element, length), false),
    ];
    if has_hashes {
        fields.push(Field::new(BLAKE3, DataType::Utf8, true));
    }
    Ok(Schema::new(fields))
}

fn properties() -> WriterProperties {
    WriterProperties::builder()
        .set_created_by(CREATED_BY.to_owned())
        .set_compression(Compression::UNCOMPRESSED)
        .set_dictionary_enabled(false)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_max_row_group_bytes(None)
        .build()
}
