//! Tree-structured Parzen estimators over mixed spaces.

mod batch;
mod kernel;
mod layout;
mod mixture;
mod params;
mod split;
mod widths;

pub use params::{Tpe, TpeParams};
