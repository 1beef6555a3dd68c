//! Dark voids on a base image.
//!
//! One image goes through these files in order: `params` (what may be asked for), `base` (on what),
//! `layout` (where each void lies), `outline` (its polygon), `raster` (which pixels it covers),
//! `labels` (which of them are seen), `blur` (the soft edge), `shade` (the pixels of the result).
//! `scratch` joins them, `generator` answers requests.

mod base;
mod blur;
mod blur_kernel;
mod blur_rows;
mod generator;
mod labels;
mod layout;
mod outline;
mod params;
mod raster;
mod scratch;
mod shade;

pub use base::BaseImage;
pub use generator::Voids;
pub use layout::VoidShape;
pub use params::{Bounds, ShapeBounds, VoidsParams};
