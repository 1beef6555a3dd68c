//! Files of synth: reading folders of images, writing labelled datasets and run directories.
//!
//! - [`FolderImages`] → [`ImageFolder`]: a user's images, with hashes and groups, bad files by name;
//! - [`RunDirectory`]: the steps of one calibration, a `RunStore`;
//! - [`DatasetWriter`], [`ImageFolderExporter`], [`Dataset`]: labelled images in logical shards;
//! - [`EmbeddingJob`], [`EmbeddingFile`], [`write_embeddings`]: `.npy` matrices, and with the feature
//!   `parquet` Parquet files, whose rows know where they come from;
//! - [`SampleRecord`], [`instance_mask`]: what is written of a sample.
//!
//! Everything is written under a temporary name, synchronised and renamed ([`AtomicFile`]); a step
//! counts once its hashes are in a manifest. A process killed at any moment leaves what was counted,
//! and its next start goes on from there; after a failed write the same process can. Nothing here reads a clock or draws a random number: the same
//! calls give the same bytes on every machine, but for the log and the empty `.lock` files.
//!
//! # Crash tests
//! With the feature `failpoints` (not stable API) the environment variable `SYNTH_FAILPOINT` holds
//! `boundary:count:action`: the `count`-th time that the process reaches one of [`BOUNDARIES`], it
//! `abort`s as if killed, fails as on a `full` disk, or sleeps (`sleep=SECONDS`). A value that cannot be
//! read aborts at once. Without the feature nothing of this is compiled in.
//!
//! # Known limits
//! - A process that hits a file size limit (`ulimit -f`) is ended by the signal XFSZ unless its parent
//!   ignores it; that is as a kill, the next start goes on.
//! - Where a file system has no locks, two processes are not kept apart. Elsewhere than on Unix they
//!   are not in the moment in which one removes its working folder (`shards/`, `E.npy.partial/`).
//! - Colour profiles are ignored, of several frames or pages the first is read.

mod atomic;
mod dataset;
mod error;
mod failpoint;
mod integrity;
mod json_lines;
mod lock;
mod mask;
mod npy;
#[cfg(feature = "parquet")]
mod parquet;
mod paths;
mod png;
mod read;
mod records;
mod run;
#[cfg(test)]
mod testing;

pub use atomic::{AtomicFile, remove_leftovers, write_atomically};
pub use dataset::{Dataset, DatasetHead, DatasetWriter, Describe, ImageFolderExporter, ShardWriter};
pub use failpoint::{BOUNDARIES, Boundary};
pub use integrity::{Damage, DamageKind};
pub use json_lines::{json_problem, parse_json_lines, read_json_lines, to_json_lines};
pub use mask::{InstanceMask, instance_mask};
pub use npy::{
    EmbeddedRow, EmbeddingFile, EmbeddingJob, is_parquet, npy_from_f32, npy_from_f64, parse_npy, read_npy,
    rows_path, write_embeddings,
};
pub use png::PngCodec;
pub use read::{
    BadFile, BadFileKind, DecodeError, DecodeLimits, FolderImages, Groups, IMAGE_EXTENSIONS, ImageFile,
    ImageFolder, LoadedImage, OnBadFile, decode_image,
};
pub use records::{DatasetType, RecordContext, SampleRecord};
pub use run::{
    ImageEncoding, LogEntry, RunDirectory, RunHead, RunManifest, StepEntry, json_file, sample_files,
};
