//! The traits that carry synth. All are object-safe, with few required methods; sugar is in `…Ext`.

mod divergence;
mod embedder;
mod exporter;
mod generator;
mod neighbor;
mod optimizer;
mod projection;
mod store;
mod validator;

pub use divergence::{Divergence, Estimate, FittedDivergence, Kernel};
pub use embedder::{Embedder, EmbedderExt};
pub use exporter::{Exporter, ItemCodec, Shard};
pub use generator::{Determinism, Generator, GeneratorExt};
pub use neighbor::{Neighbor, NeighborIndex};
pub use optimizer::Optimizer;
pub use projection::{FittedProjection, Projection};
pub use store::{RunStore, StepFile};
pub use validator::{Pass, Validator};
