use std::fmt;

use crate::{Result, Sample, Verdict};

/// Judges samples, one by one or as a set.
pub trait Validator<T>: fmt::Debug + Send + Sync {
    /// Names of its checks; each appears in the [`Verdict`], run or skipped.
    fn checks(&self) -> Vec<String>;

    /// A fresh pass over a set.
    fn start(&self) -> Box<dyn Pass<T>>;
}

/// One pass of a [`Validator`] over a set, which may be cut into parts.
///
/// Laws, each a conformance check: the order and the chunking of samples are invisible; the partial
/// states of parts merge to the whole; a check that cannot run is skipped, never passed.
pub trait Pass<T>: fmt::Debug + Send {
    /// Takes in some samples, each with its id.
    ///
    /// # Errors
    /// A failure of the validator itself; what is wrong with a sample is a finding.
    fn observe(&mut self, samples: &[(&str, &Sample<T>)]) -> Result<()>;

    /// Everything seen so far, to be stored or sent to another process.
    ///
    /// # Errors
    /// If the state cannot be serialised.
    fn state(&self) -> Result<serde_json::Value>;

    /// Takes in what another pass of the same validator has seen.
    ///
    /// # Errors
    /// If the state is not one of this validator's.
    fn absorb(&mut self, state: serde_json::Value) -> Result<()>;

    /// The end of the set: what was found.
    ///
    /// # Errors
    /// A failure of the validator itself.
    fn finish(self: Box<Self>) -> Result<Verdict>;
}
