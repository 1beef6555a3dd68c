//! Calibration: which distribution over a generator's parameters makes output like the real set?
//!
//! [`Calibration`] is a state machine without any input or output of its own. It says what to do
//! [`next`](Calibration::next), the composer does it and [`apply`](Calibration::apply)s the outcome.

mod action;
mod axes;
mod batch;
mod choice;
mod curves;
mod data;
mod emulator;
mod family;
mod fit;
mod history;
mod likely;
mod linear;
mod machine;
mod matching;
mod mean;
mod miss;
mod params;
mod population;
mod pseudo;
mod record;
mod report;
mod strength;
mod summary;
mod verdict;
mod worlds;

pub use action::{Action, CalibrationInput, FeatureBlock, Outcome};
pub use machine::Calibration;
pub use params::{BatchPolicy, CalibrationMode, CalibrationParams};
pub use record::{
    CalibrationResult, CalibrationVerdict, Conclusion, FailedSample, FitMethod, HoldoutResult, InitialSet,
    IterationRecord, MarginalCurve, Measurement, Miss, MissBlock, ParameterVisibility, PlannedTrial,
    RankedSet, StopReason, TrialOrigin, TrialRecord,
};
