use burn::tensor::Device;
use synth_core::{Error, Result};

use super::DeviceChoice;

/// A device that answered.
#[derive(Clone, Debug)]
pub struct ResolvedDevice {
    /// burn's handle.
    pub device: Device,
    /// What it is, for people and manifests: `flex (CPU)`, `wgpu: NVIDIA H200 (DiscreteGpu, Vulkan)`.
    pub description: String,
}

impl DeviceChoice {
    /// Opens the device, or says why it cannot be had.
    ///
    /// `auto` takes CUDA, then a GPU through wgpu, then flex, of what this build holds. A software
    /// graphics driver is slower than flex, so `auto` passes it over unless there is nothing else.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the build lacks the device's feature or no such device answers,
    /// [`Error::Component`] if one answers and cannot be opened.
    ///
    /// # Examples
    /// ```
    /// # #[cfg(feature = "flex")] {
    /// use synth_embed::DeviceChoice;
    /// let resolved = DeviceChoice::Flex.resolve()?;
    /// assert_eq!(resolved.description, "flex (CPU)");
    /// # }
    /// # Ok::<(), synth_core::Error>(())
    /// ```
    pub fn resolve(self) -> Result<ResolvedDevice> {
        match self {
            Self::Auto => auto(),
            Self::Flex => flex(),
            Self::Wgpu => wgpu(),
            Self::Cuda => cuda(),
        }
    }
}

fn auto() -> Result<ResolvedDevice> {
    if let Ok(found) = cuda() {
        return Ok(found);
    }
    #[cfg(feature = "wgpu")]
    if let Ok(found) = super::wgpu::open()
        && !found.is_software
    {
        return Ok(found.resolved());
    }
    flex().or_else(|_| wgpu())
}

#[cfg(feature = "flex")]
#[expect(clippy::unnecessary_wraps, reason = "the same signature as without the feature")]
fn flex() -> Result<ResolvedDevice> {
    Ok(ResolvedDevice { device: Device::flex(), description: "flex (CPU)".into() })
}

#[cfg(not(feature = "flex"))]
fn flex() -> Result<ResolvedDevice> {
    Err(not_built("flex"))
}

#[cfg(feature = "wgpu")]
fn wgpu() -> Result<ResolvedDevice> {
    super::wgpu::open().map(super::wgpu::Opened::resolved)
}

#[cfg(not(feature = "wgpu"))]
fn wgpu() -> Result<ResolvedDevice> {
    Err(not_built("wgpu"))
}

#[cfg(feature = "cuda")]
fn cuda() -> Result<ResolvedDevice> {
    use burn::tensor::{DeviceIndex, DeviceType};
    // Enumerating looks for the driver library first; opening a device without it would panic.
    let count = Device::enumerate(DeviceType::Cuda).into_vec().len();
    if count == 0 {
        return Err(Error::Unsupported {
            what: "device `cuda`".into(),
            reason: "no NVIDIA driver or no GPU answers; `wgpu` or `flex` may work".into(),
        });
    }
    let description = format!("cuda: GPU 0 of {count}");
    Ok(ResolvedDevice { device: Device::cuda(DeviceIndex::Default), description })
}

#[cfg(not(feature = "cuda"))]
fn cuda() -> Result<ResolvedDevice> {
    Err(not_built("cuda"))
}

#[cfg_attr(
    all(feature = "flex", feature = "wgpu", feature = "cuda"),
    expect(dead_code, reason = "all are built")
)]
fn not_built(feature: &str) -> Error {
    Error::Unsupported {
        what: format!("device `{feature}`"),
        reason: format!("this build has no feature `{feature}`"),
    }
}
