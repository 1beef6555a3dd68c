//! From items to vectors whose distances mean something: embedders, projections and neighbours.
//!
//! - [`Features`]: an image embedder that needs no weights and gives the same bits on every machine.
//! - `efficientnet`: EfficientNet-Lite, a trained image embedder that a processor runs quickly.
//! - [`Pca`]: principal components, equal to scikit-learn's, signs included.
//! - [`ExactNeighbors`]: exact nearest neighbours, Euclidean or cosine; with one of the features below
//!   `DeviceNeighbors`, the same answers with the bulk of the work on a device.
//! - [`Hnsw`]: approximate nearest neighbours of many rows, kept in a file or in memory.
//! - [`weights`]: checkpoints of pretrained models, from safetensors and PyTorch files,
//!   and with the feature `hub` from the Hugging Face hub; [`models`]: what is published, by name.
//! - `dinov2`, `clip`, `siglip`: pretrained vision transformers, the last two with a tower for texts in the
//!   same space; `bert`: sentence encoders such as MiniLM. Each loads the checkpoints of its family, and
//!   gives the numbers of the reference implementation; `Family` tells which a checkpoint is.
//! - `onnx`, with the feature of that name: any image model that gives one vector, from an ONNX file.
//! - [`DeviceChoice`]: which device neural embedders compute on. They need one of the features
//!   `flex` (processor), `wgpu` (Vulkan, Metal, DirectX 12) and `cuda`, which only forward to burn;
//!   without one burn is not built.
//!
//! # Examples
//! ```
//! use image::DynamicImage;
//! use synth_core::{Embedder, NeighborIndex};
//! use synth_embed::{ExactNeighborsParams, FeaturesParams};
//!
//! let features = FeaturesParams::default().build()?;
//! let images = [30, 120, 220].map(|grey| {
//!     DynamicImage::from(image::GrayImage::from_pixel(64, 64, image::Luma([grey])))
//! });
//! let rows = features.embed(&[&images[0], &images[1], &images[2]])?;
//! let mut index = ExactNeighborsParams::default().build(features.dim())?;
//! index.add(&["dark".into(), "grey".into(), "light".into()], rows.view())?;
//! let nearest = index.search(rows.slice(ndarray::s![..1, ..]), 2, &|_| true)?;
//! assert_eq!((nearest[0][0].id.as_str(), nearest[0][0].distance), ("dark", 0.0));
//! assert_eq!(nearest[0][1].id, "grey");
//! # Ok::<(), synth_core::Error>(())
//! ```

pub mod features;
pub mod models;
#[cfg(feature = "onnx")]
pub mod onnx;
pub mod preprocess;
pub mod weights;

#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub mod bert;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub mod clip;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub mod dinov2;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub mod efficientnet;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub mod siglip;

mod device;
mod family;
mod neighbors;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
mod nn;
mod projection;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
mod tokens;
mod whole_file;

#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub use device::ResolvedDevice;
pub use device::{DeviceChoice, Precision};
pub use family::Family;
pub use features::{Features, FeaturesParams};
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub use neighbors::DeviceNeighbors;
pub use neighbors::{ExactNeighbors, ExactNeighborsParams, Hnsw, HnswParams, Metric};
pub use projection::{FittedPca, Pca, PcaParams};
