use std::path::Path;

use ndarray::Array2;
use synth_core::{EmbedderId, Embeddings, Error, Result};
use synth_export::{DatasetType, RunDirectory, SampleRecord, parse_json_lines, parse_npy};
use synth_optimize::calibrate::FailedSample;

use super::make::rows_of;
use super::scores::Scores;

/// The name of an iteration's step, which is that of its folder.
pub(crate) fn step_name(iteration: usize) -> String {
    format!("iteration_{iteration:03}")
}

/// A finished iteration as it lies on disk.
#[derive(Debug)]
pub(crate) struct StoredIteration {
    pub(crate) records: Vec<SampleRecord>,
    pub(crate) matrix: Array2<f32>,
    pub(crate) failed: Vec<FailedSample>,
    pub(crate) scores: Scores,
}

impl StoredIteration {
    /// Reads a finished iteration; `None` if it is not finished.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming a torn or altered file.
    pub(crate) fn read(run: &RunDirectory, iteration: usize) -> Result<Option<Self>> {
        let step = step_name(iteration);
        if !run.is_done(&step) {
            return Ok(None);
        }
        let path = |file: &str| format!("{step}/{file}");
        let place = |file: &str| run.root().join(path(file));
        let records: Vec<SampleRecord> =
            parse_json_lines(&place("samples.jsonl"), &run.read(&path("samples.jsonl"))?)?;
        // Written as float32, so this loses nothing.
        let matrix =
            parse_npy(&place("embeddings.npy"), &run.read(&path("embeddings.npy"))?)?.mapv(|x| x as f32);
        if matrix.nrows() != records.len() {
            let problem = format!("{} rows for {} samples", matrix.nrows(), records.len());
            return Err(corrupt(&place("embeddings.npy"), problem));
        }
        let failed = match run.read(&path("failed.jsonl")) {
            Ok(bytes) => parse_json_lines(&place("failed.jsonl"), &bytes)?,
            Err(Error::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error),
        };
        let scores = serde_json::from_slice(&run.read(&path("scores.json"))?)
            .map_err(|error| corrupt(&place("scores.json"), error.to_string()))?;
        Ok(Some(Self { records, matrix, failed, scores }))
    }

    /// The rows of some samples; `None` where there is none.
    pub(crate) fn embeddings(
        &self,
        identity: &EmbedderId,
        wanted: impl Fn(DatasetType) -> bool,
    ) -> Result<Option<Embeddings>> {
        rows_of(&self.records, &self.matrix, identity, wanted)
    }
}

pub(crate) fn corrupt(path: &Path, problem: String) -> Error {
    Error::Corrupt { path: path.display().to_string(), problem }
}
