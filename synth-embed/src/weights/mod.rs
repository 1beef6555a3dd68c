//! Weights of pretrained models: from a file, a folder or the Hugging Face hub to named f32 tensors.
//!
//! - [`Checkpoint`] opens safetensors and PyTorch files and reads one tensor at a time.
//! - [`Loader`] reads a model from it, in the layout of another family through [`Source`], lists
//!   everything that does not fit, and gives the [`WeightsHash`] of what was read.
//! - With the feature `hub`, the module `hub` fetches files into the cache that Python's
//!   `huggingface_hub` shares.
//!
//! Files are not trusted: nothing in them is run, every length is checked against the file before memory
//! is taken for it, and what is wrong is an error that names file and tensor.

mod checkpoint;
mod dtype;
pub(crate) mod error;
mod folder;
mod hash;
mod layout;
mod loader;
mod mismatch;
mod safetensors;
mod storage;
mod torch;

#[cfg(feature = "hub")]
pub mod hub;

pub use checkpoint::Checkpoint;
pub use dtype::Dtype;
pub use hash::WeightsHash;
pub use layout::Source;
pub use loader::{Loaded, Loader, Weights};
pub use storage::TensorInfo;
