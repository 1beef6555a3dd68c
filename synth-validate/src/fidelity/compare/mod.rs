//! All figures of two sets at once, with one verdict.

mod costly;
mod metric;
mod neighborhood;
mod params;
mod quadratics;
mod report;
mod resample;
mod run;

pub use metric::Metric;
pub use params::CompareParams;
pub use report::{Comparison, ComparisonVerdict, MetricReport};
pub use run::compare;
