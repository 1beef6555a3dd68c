//! Simulators: defects drawn by geometry.

mod chips;
mod voids;

pub use chips::builtin_chips;
pub use voids::{BaseImage, Bounds, ShapeBounds, VoidShape, Voids, VoidsParams};
