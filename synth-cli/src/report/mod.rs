//! The report: one self-contained HTML file that a person likes to read, and its plots as SVG and
//! PNG. A pure function of [`data::ReportData`]: the same data give the same bytes.

mod assemble;
mod collect;
mod data;
mod html;
mod plots;

use assemble::{RunView, assemble};
pub(crate) use collect::report_files;
use data::{PointSet, Role, Strip, StripImage};
use html::render;
use plots::draw_all;
