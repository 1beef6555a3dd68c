//! A run's work: planning samples, making and embedding them, driving the calibration, storing each
//! finished step.

mod calibrate;
mod make;
mod plan;
mod scores;
mod stored;

pub(crate) use calibrate::{Driver, Note, PROJECTION};
pub(crate) use make::{Maker, REAL_IMAGES, RealImageRow};
pub(crate) use stored::{StoredIteration, step_name};
