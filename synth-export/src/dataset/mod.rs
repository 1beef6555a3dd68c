//! Datasets of labelled images: what `synth generate` writes.

mod exporter;
mod head;
mod merge;
mod reader;
mod shard;
mod undo;
mod writer;

pub use exporter::{Describe, ImageFolderExporter};
pub use head::DatasetHead;
pub use reader::Dataset;
pub use shard::ShardWriter;
pub use writer::DatasetWriter;
