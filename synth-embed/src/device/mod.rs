//! Which device the neural embedders compute on.

mod choice;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
mod resolve;
#[cfg(feature = "wgpu")]
mod wgpu;

pub use choice::DeviceChoice;
#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
pub use resolve::ResolvedDevice;
