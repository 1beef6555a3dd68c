//! The vocabulary of synth: parameters, samples, embeddings, seeds, and the traits that generators,
//! embedders, divergences, optimisers, validators and exporters implement.
//!
//! This crate knows no image codec, no tensor library and no file system. Everything that two of
//! its siblings share is a type or a trait here, passed in by whoever composes them.

#[cfg(feature = "conformance")]
pub mod conformance;
pub mod distance;
pub mod normal;

mod annotation;
mod embeddings;
mod error;
mod finding;
mod manifest;
mod parameter;
mod progress;
mod sample;
mod seed;
mod traits;
mod trial;

pub use annotation::{Annotation, Instance, Rle, Segmentation};
pub use embeddings::{EmbedderId, Embeddings};
pub use error::{Error, Result};
pub use finding::{CheckOutcome, Finding, Severity, Verdict};
pub use manifest::{FileEntry, Manifest};
pub use parameter::{
    Atom, Condition, Domain, Marginal, MixtureComponent, Parameter, ParameterDistribution, ParameterSet,
    ParameterSpace, ParameterValue,
};
pub use progress::{Cancel, NoProgress, Progress};
pub use sample::{Pins, Provenance, Request, Sample, SampleError};
pub use seed::{Seed, Stream};
pub use traits::{
    Determinism, Divergence, Embedder, EmbedderExt, Estimate, Exporter, FittedDivergence, FittedProjection,
    Generator, GeneratorExt, ItemCodec, Kernel, Neighbor, NeighborIndex, Optimizer, Pass, Projection,
    RunStore, Shard, StepFile, Validator,
};
pub use trial::{Proposal, Suggestion, Trial, TrialStatus};
