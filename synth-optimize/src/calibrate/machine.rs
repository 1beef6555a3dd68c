use std::collections::BTreeMap;
use std::sync::Arc;

use synth_core::{
    Divergence, Embeddings, Error, Estimate, FittedDivergence, Optimizer, ParameterDistribution, Result, Seed, Trial,
};

use super::action::{Action, CalibrationInput, FeatureBlock, Outcome};
use super::params::{BatchPolicy, CalibrationMode, CalibrationParams};
use super::record::{
    CalibrationResult, FailedSample, IterationRecord, PlannedTrial, RankedSet, StopReason, TrialOrigin, TrialRecord,
};
use crate::{Encoding, SobolSequence};

/// The calibration of a generator to a real set, as a state machine without input or output.
///
/// Everything it does is a function of its parameters, its input and the outcomes applied so far:
/// replaying the outcomes of a killed run leads to the same state.
#[derive(Debug)]
pub struct Calibration {
    params: CalibrationParams,
    state: Action,
}

impl Calibration {
    /// Starts a calibration.
    ///
    /// # Errors
    /// A parameter out of range, an initial set outside the space or named twice, or too few real
    /// samples for the divergence.
    pub fn new(params: CalibrationParams, input: CalibrationInput, divergence: &dyn Divergence) -> Result<Self> {
        unimplemented!("{params:?} {input:?} {divergence:?}")
    }

    /// The parameters it was built from.
    #[must_use]
    pub fn params(&self) -> &CalibrationParams {
        &self.params
    }

    /// What to do next. Asking twice gives the same answer.
    #[must_use]
    pub fn next(&self) -> Action {
        self.state.clone()
    }

    /// Takes in what became of [`next`](Self::next)'s action and moves on.
    ///
    /// # Errors
    /// An outcome of another action, embeddings of another embedder, or of a set that was not asked for;
    /// the machine then stays as it was.
    pub fn apply(&mut self, outcome: Outcome) -> Result<()> {
        unimplemented!("{outcome:?}")
    }
}
