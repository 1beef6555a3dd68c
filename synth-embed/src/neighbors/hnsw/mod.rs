//! Approximate nearest neighbours by a graph.

mod format;
mod graph;
mod index;
mod kernel;
mod link;
mod map;
mod names;
mod params;
mod repair;
mod search;
mod select;
mod store;
mod twins;
mod vectors;
mod walk;

pub use index::Hnsw;
pub use params::HnswParams;
