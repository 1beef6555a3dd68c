use std::fmt;

use crate::Result;

/// One file of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFile {
    /// Path relative to the run, with forward slashes: `iteration_000/embeddings.npy`.
    pub path: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Keeps a run's finished steps.
///
/// Laws, each a conformance check: a step is there whole or not at all, also after a kill; a torn or
/// altered file is an error that names it; saving a finished step again with the same bytes is a
/// no-op.
pub trait RunStore: fmt::Debug + Send + Sync {
    /// Saves all files of a step, then counts the step as done.
    ///
    /// # Errors
    /// I/O, or a finished step of that name with other bytes.
    fn save(&self, step: &str, files: &[StepFile]) -> Result<()>;

    /// The files of a finished step, in the order of their paths; `None` if it is not finished.
    ///
    /// # Errors
    /// [`Error::Corrupt`](crate::Error::Corrupt) naming a file whose bytes are not those saved.
    fn load(&self, step: &str) -> Result<Option<Vec<StepFile>>>;

    /// Names of the finished steps, in the order they were saved.
    ///
    /// # Errors
    /// I/O, or a corrupt index.
    fn steps(&self) -> Result<Vec<String>>;
}
