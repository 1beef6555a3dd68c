use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use synth_core::{Embeddings, Optimizer, ParameterSpace, Seed};

use super::record::{CalibrationResult, FailedSample, InitialSet, IterationRecord, PlannedTrial};

/// What a calibration works on.
#[derive(Clone)]
pub struct CalibrationInput {
    /// The generator's parameters.
    pub space: ParameterSpace,
    /// Embeddings of the real samples; a group is what is independent.
    pub real: Embeddings,
    /// Starting sets, such as a seed experiment's close and far sets; empty for a Sobol sequence.
    pub initial: Vec<InitialSet>,
    /// Names of the embedding's parts, for the description of what is missed; may be empty.
    pub blocks: Vec<FeatureBlock>,
    /// Proposes single sets: half of a batch or more in `point` mode, `point_sets` of it otherwise.
    pub optimizer: Option<Arc<dyn Optimizer>>,
    /// Root of everything random in the calibration.
    pub seed: Seed,
}

impl CalibrationInput {
    /// Real samples and a space, nothing else known.
    #[must_use]
    pub fn new(space: ParameterSpace, real: Embeddings, seed: Seed) -> Self {
        Self { space, real, initial: Vec::new(), blocks: Vec::new(), optimizer: None, seed }
    }
}

impl fmt::Debug for CalibrationInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CalibrationInput")
            .field("real", &format_args!("{} × {}", self.real.len(), self.real.dim()))
            .field("initial", &self.initial.len())
            .field("optimizer", &self.optimizer.as_ref().map(|optimizer| optimizer.name()))
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}

/// A named run of columns of the embedding: `intensity`, `edges, coarse`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureBlock {
    /// What the columns measure, as it reads in a report.
    pub name: String,
    /// The columns.
    pub columns: Range<usize>,
}

/// What the composer must do next. Performing it and reporting the [`Outcome`] moves the machine on.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make the samples of these sets, in any chunks, and answer [`Outcome::Generated`].
    Generate {
        /// Number of the iteration, from 0.
        iteration: usize,
        /// The sets, in the order in which samples are numbered.
        trials: Vec<PlannedTrial>,
    },
    /// Embed the samples just made, with each row's `group` the set's id, and answer
    /// [`Outcome::Embedded`].
    Embed {
        /// Number of the iteration.
        iteration: usize,
    },
    /// Save what the iteration found and answer [`Outcome::Saved`].
    Save {
        /// The record; `scores.json` on disk.
        record: Box<IterationRecord>,
    },
    /// Nothing: the calibration is over.
    Done(Box<CalibrationResult>),
}

/// What became of an [`Action`]. Replaying a stored run's outcomes leads to the same state.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The samples were made, but for these.
    Generated {
        /// Samples that could not be made; the calibration goes on without them.
        failed: Vec<FailedSample>,
    },
    /// The samples were embedded.
    Embedded {
        /// One row per sample, its group the set's id, in any order; rows of failed samples are
        /// missing. `None` where every sample failed.
        embeddings: Option<Embeddings>,
    },
    /// The record was saved.
    Saved,
}

impl Outcome {
    /// The name of the action that it answers.
    #[must_use]
    pub fn answers(&self) -> &'static str {
        match self {
            Self::Generated { .. } => "generate",
            Self::Embedded { .. } => "embed",
            Self::Saved => "save",
        }
    }
}
