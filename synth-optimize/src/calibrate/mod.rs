//! Calibration: which distribution over a generator's parameters makes output like the real set?
//!
//! [`Calibration`] is a state machine without any input or output of its own. It says what to do
//! [`next`](Calibration::next), the composer does it and [`apply`](Calibration::apply)s the outcome.

mod action;
mod machine;
mod params;
mod record;

pub use action::{Action, CalibrationInput, FeatureBlock, Outcome};
pub use machine::Calibration;
pub use params::{BatchPolicy, CalibrationMode, CalibrationParams};
pub use record::{
    CalibrationResult, CalibrationVerdict, Conclusion, FailedSample, HoldoutResult, InitialSet,
    IterationRecord, MarginalCurve, Miss, MissBlock, ParameterVisibility, PlannedTrial, RankedSet,
    StopReason, TrialOrigin, TrialRecord,
};
