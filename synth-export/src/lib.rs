//! Files of synth: reading folders of images, writing labelled datasets and run directories.
//!
//! Everything is written under a temporary name, synchronised and renamed; a step counts once its
//! hashes are in a manifest. A process killed at any moment leaves what was counted, and its next
//! start goes on from there.

mod atomic;
mod codec;
mod dataset;
mod error;
mod failpoint;
mod json_lines;
mod lock;
mod mask;
mod npy;
mod paths;
mod read;
mod records;
mod run;
#[cfg(test)]
mod testing;

pub use atomic::{AtomicFile, remove_leftovers, write_atomically};
pub use codec::ImagePng;
pub use dataset::{Dataset, DatasetHead, DatasetWriter, Describe, ImageFolderExporter, ShardWriter};
pub use failpoint::{BOUNDARIES, Boundary};
pub use json_lines::{parse_json_lines, read_json_lines, to_json_lines};
pub use mask::{InstanceMask, instance_mask};
pub use npy::{
    EmbeddedRow, EmbeddingFile, EmbeddingJob, npy_from_f32, npy_from_f64, parse_npy, read_npy, rows_path,
};
pub use read::{
    BadFile, DecodeError, DecodeLimits, FolderImages, Groups, ImageFile, ImageFolder, LoadedImage, OnBadFile,
    decode_image,
};
pub use records::{DatasetType, RecordContext, SampleRecord};
pub use run::{
    Damage, DamageKind, ImageEncoding, LogEntry, RunDirectory, RunHead, RunManifest, StepEntry, json_file,
    sample_files,
};
