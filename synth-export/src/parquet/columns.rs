//! Columns of a record batch as plain values.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef, ListArray, RecordBatch};
use synth_core::{Error, Result};

use super::EMBEDDING;
use crate::error::corrupt;

/// A part of the rows of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    pub(super) path: &'a Path,
    pub(super) batch: &'a RecordBatch,
    /// The number of its first row in the file.
    pub(super) first_row: usize,
}

impl Part<'_> {
    fn column(&self, name: &str) -> Result<&ArrayRef> {
        self.batch.column_by_name(name).ok_or_else(|| corrupt(self.path, format!("no column `{name}`")))
    }

    fn wrong_type(&self, name: &str, needed: &str, got: &dyn Array) -> Error {
        corrupt(self.path, format!("column `{name}` is of type {}, needed is {needed}", got.data_type()))
    }

    fn at(&self, name: &str, row: usize, problem: &str) -> Error {
        corrupt(self.path, format!("column `{name}`, row {}: {problem}", self.first_row + row))
    }

    /// Texts of a column, which may be missing in places.
    pub(super) fn optional_texts(&self, name: &str) -> Result<Vec<Option<String>>> {
        let column = self.column(name)?;
        match column.as_string_opt::<i32>() {
            Some(texts) => Ok(texts.iter().map(|text| text.map(str::to_owned)).collect()),
            None => Err(self.wrong_type(name, "string", column)),
        }
    }

    /// Texts of a column.
    pub(super) fn texts(&self, name: &str) -> Result<Vec<String>> {
        let texts = self.optional_texts(name)?.into_iter().enumerate();
        texts.map(|(row, text)| text.ok_or_else(|| self.at(name, row, "no value"))).collect()
    }

    /// Appends the embeddings to `values`; every row has `dim` numbers, or as many as the first where
    /// that is not known yet.
    pub(super) fn embeddings(&self, dim: &mut Option<usize>, values: &mut Vec<f32>) -> Result<()> {
        let column = self.column(EMBEDDING)?;
        let needed = "list of float32 or float64";
        let lists: &ListArray =
            column.as_list_opt().ok_or_else(|| self.wrong_type(EMBEDDING, needed, column))?;
        for row in 0..lists.len() {
            if lists.is_null(row) {
                return Err(self.at(EMBEDDING, row, "no value"));
            }
            let list = lists.value(row);
            let expected = *dim.get_or_insert(list.len());
            if list.len() != expected {
                return Err(self.at(EMBEDDING, row, &format!("{} numbers, expected {expected}", list.len())));
            }
            self.numbers(row, &list, values).ok_or_else(|| self.wrong_type(EMBEDDING, needed, column))??;
        }
        Ok(())
    }

    /// `None` if the list is of something else.
    fn numbers(&self, row: usize, list: &ArrayRef, values: &mut Vec<f32>) -> Option<Result<()>> {
        if let Some(at) = (0..list.len()).find(|&at| list.is_null(at)) {
            return Some(Err(self.at(EMBEDDING, row, &format!("no value at position {at}"))));
        }
        let start = values.len();
        if let Some(numbers) = list.as_primitive_opt::<Float32Type>() {
            values.extend_from_slice(numbers.values());
        } else {
            let numbers = list.as_primitive_opt::<Float64Type>()?.values();
            let beyond = |value: f64| value.is_finite() && !(value as f32).is_finite();
            if let Some(value) = numbers.iter().find(|value| beyond(**value)) {
                let problem =
                    format!("{value:e} is beyond float32 (±{:.1e}), in which embeddings are kept", f32::MAX);
                return Some(Err(self.at(EMBEDDING, row, &problem)));
            }
            values.extend(numbers.iter().map(|&value| value as f32));
        }
        Some(match values[start..].iter().position(|value| !value.is_finite()) {
            None => Ok(()),
            Some(at) => Err(Error::NonFinite {
                what: format!("column `{EMBEDDING}` of `{}`", self.path.display()),
                at: format!("row {}, position {at}", self.first_row + row),
            }),
        })
    }
}
