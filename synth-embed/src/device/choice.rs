use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use synth_core::{Error, Result};

/// A device as the user names it.
///
/// # Examples
/// ```
/// use synth_embed::DeviceChoice;
/// assert_eq!("wgpu".parse::<DeviceChoice>()?, DeviceChoice::Wgpu);
/// assert_eq!(DeviceChoice::default().to_string(), "auto");
/// let error = "gpu".parse::<DeviceChoice>().unwrap_err();
/// assert_eq!(error.to_string(), "`device` must be one of auto, flex, wgpu, cuda, got gpu");
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceChoice {
    /// A GPU where one answers, else the processor.
    #[default]
    Auto,
    /// The processor, through burn's `flex`.
    Flex,
    /// Vulkan, Metal or DirectX 12; also a software driver, since it was asked for by name.
    Wgpu,
    /// An NVIDIA GPU through CUDA.
    Cuda,
}

impl DeviceChoice {
    /// Every choice, in the order of the help text.
    pub const ALL: [Self; 4] = [Self::Auto, Self::Flex, Self::Wgpu, Self::Cuda];

    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Flex => "flex",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|choice| choice.name() == text)
            .ok_or_else(|| Error::invalid("device", "one of auto, flex, wgpu, cuda", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_choice_reads_back() {
        for choice in DeviceChoice::ALL {
            assert_eq!(choice.to_string().parse::<DeviceChoice>().expect("its own name"), choice);
            let json = serde_json::to_string(&choice).expect("serialises");
            assert_eq!(json, format!("\"{choice}\""));
        }
    }
}
