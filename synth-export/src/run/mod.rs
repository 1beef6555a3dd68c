//! Run directories: the finished steps of one calibration on disk.

mod config_difference;
mod directory;
mod files;
mod found;
mod log;
mod manifest;

pub use directory::RunDirectory;
pub use files::{ImageEncoding, json_file, sample_files};
pub use log::LogEntry;
pub use manifest::{RunHead, RunManifest, StepEntry};

pub(crate) use config_difference::{CONFIG_HASH, config_hash, other_config};
