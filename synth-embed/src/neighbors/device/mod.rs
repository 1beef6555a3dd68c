//! Exact nearest neighbours whose bulk of the work a burn device does.

mod frame;
mod index;
mod shortlist;

pub use index::DeviceNeighbors;
