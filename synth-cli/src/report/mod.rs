//! The report: one self-contained HTML file that a person likes to read, and its plots as SVG and
//! PNG. A pure function of [`ReportData`]: the same data give the same bytes.

mod assemble;
mod data;
mod html;
mod plots;

pub(crate) use assemble::{RunView, assemble};
pub(crate) use data::{
    Band, Convergence, Marginal, MarginalShape, PointSet, ReportData, Role, Strip, StripImage, Table, Tone,
    VerdictText,
};
pub(crate) use html::render;
pub(crate) use plots::{Plot, draw_all};
