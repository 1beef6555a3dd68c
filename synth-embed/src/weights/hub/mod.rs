//! Files of the Hugging Face hub, fetched into the cache that Python's `huggingface_hub` shares.
//!
//! The only network code of this crate, behind the feature `hub`. [`HubParams::from_env`] follows the
//! variables that `huggingface_hub` documents; [`Hub::fetch`] gives a folder for
//! [`Checkpoint::open`](super::Checkpoint::open).

mod cache;
mod error;
mod fetch;
mod http;
mod params;
mod repository;
mod transfer;

pub use error::{ByHand, HubError};
pub use fetch::Hub;
pub use params::{DEFAULT_ENDPOINT, HubParams};
pub use repository::{HubFile, HubRepository, HubRepositoryParams};
