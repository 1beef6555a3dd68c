//! The executable contract of every trait: is this implementor right?
//!
//! Each trait has a module of *checks*, plain functions named by the law they test. A check builds
//! fresh implementors with the function it is given and panics with the law it found broken. Beside
//! the implementor goes a `…Caps` value: what the implementor claims (a check of something it does
//! not claim is skipped, and says why) and the fixtures that only its author can supply. A macro per
//! trait expands to one `#[test]` per check, so that one failure does not hide the next.
//!
//! This is a tool for tests and not stable API: a new law is a new check.
//!
//! ```
//! # use ndarray::{Array2, arr2};
//! # use synth_core::{Embedder, EmbedderId, Result};
//! /// Length and number of words.
//! #[derive(Debug)]
//! struct Lengths(EmbedderId);
//!
//! impl Embedder<str> for Lengths {
//!     fn identity(&self) -> &EmbedderId {
//!         &self.0
//!     }
//!     fn dim(&self) -> usize {
//!         2
//!     }
//!     fn embed(&self, items: &[&str]) -> Result<Array2<f32>> {
//!         let rows: Vec<_> = items.iter().map(|t| [t.len() as f32, t.split(' ').count() as f32]).collect();
//!         Ok(arr2(&rows))
//!     }
//! }
//!
//! # fn lengths() -> Box<dyn Embedder<str>> {
//! #     Box::new(Lengths(EmbedderId { name: "l-1".into(), weights: None, preprocessing: "none".into() }))
//! # }
//! mod lengths_conformance {
//!     # use super::*;
//!     use synth_core::conformance::EmbedderCaps;
//!     synth_core::embedder_conformance!(lengths, EmbedderCaps::new(["a", "b c", "d e f"]));
//! }
//! ```

mod check;
pub mod codec;
pub mod divergence;
pub mod embedder;
pub mod exporter;
pub mod generator;
pub mod neighbor;
pub mod optimizer;
pub mod projection;
pub mod run_store;
pub mod validator;

pub use codec::CodecCaps;
pub use divergence::DivergenceCaps;
pub use embedder::EmbedderCaps;
pub use exporter::{Existing, ExporterCaps};
pub use generator::GeneratorCaps;
pub use neighbor::NeighborCaps;
pub use optimizer::OptimizerCaps;
pub use projection::ProjectionCaps;
pub use run_store::RunStoreCaps;
pub use validator::ValidatorCaps;
