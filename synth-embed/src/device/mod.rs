//! Which device the neural embedders compute on.

mod choice;
mod precision;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
mod resolve;
#[cfg(feature = "wgpu")]
mod wgpu;

pub use choice::DeviceChoice;
pub use precision::Precision;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub use resolve::ResolvedDevice;
