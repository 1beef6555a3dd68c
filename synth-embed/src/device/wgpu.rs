//! Opening a graphics device without the panic that burn's first tensor would give.

use std::sync::OnceLock;

use burn::tensor::wgpu::wgpu::DeviceType as AdapterType;
use burn::tensor::wgpu::{WgpuInitError, WgpuSetup};
use burn::tensor::{Device, DeviceKind};
use synth_core::{Error, Result};

use super::ResolvedDevice;

/// The process's graphics device.
#[derive(Clone, Debug)]
pub(super) struct Opened {
    device: Device,
    description: String,
    /// The driver computes on the processor.
    pub(super) is_software: bool,
}

impl Opened {
    pub(super) fn resolved(self) -> ResolvedDevice {
        ResolvedDevice { device: self.device, description: self.description }
    }
}

/// Opens the default adapter at the first call; later calls give the same device or failure, as
/// burn registers a runtime once per process.
pub(super) fn open() -> Result<Opened> {
    static OPENED: OnceLock<std::result::Result<Opened, Failure>> = OnceLock::new();
    OPENED.get_or_init(first_open).clone().map_err(Error::from)
}

fn first_open() -> std::result::Result<Opened, Failure> {
    match Device::wgpu_options().init_with_setup() {
        Ok((device, setup)) => Ok(describe(device, &setup)),
        // Some other part of the program already computes on it.
        Err(WgpuInitError::Registration { .. }) => Ok(already_open()),
        Err(WgpuInitError::AdapterUnavailable { message, .. }) => Err(Failure { no_adapter: true, message }),
        Err(error) => Err(Failure { no_adapter: false, message: error.to_string() }),
    }
}

fn describe(device: Device, setup: &WgpuSetup) -> Opened {
    let info = setup.adapter.get_info();
    let description = format!("wgpu: {} ({:?}, {:?})", info.name, info.device_type, setup.backend);
    Opened { device, description, is_software: info.device_type == AdapterType::Cpu }
}

fn already_open() -> Opened {
    let device = Device::wgpu(DeviceKind::DefaultDevice);
    let name =
        device.identity().map_or_else(|| "unnamed adapter".into(), |identity| identity.name.to_string());
    Opened { device, description: format!("wgpu: {name}"), is_software: false }
}

/// Why there is no device; burn's own error cannot be cloned.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
struct Failure {
    no_adapter: bool,
    message: String,
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        if !failure.no_adapter {
            return Self::component("opening the wgpu device", failure);
        }
        Self::Unsupported {
            what: "device `wgpu`".into(),
            reason: format!(
                "no graphics adapter answers ({}); install a Vulkan driver or use `flex`",
                failure.message
            ),
        }
    }
}
