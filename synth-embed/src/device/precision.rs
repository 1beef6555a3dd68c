use std::fmt;
use std::str::FromStr;

#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
use burn::tensor::{DType, Device};
use serde::{Deserialize, Serialize};
use synth_core::{Error, Result};

/// Of the products in a transformer's blocks, and of the weights that they take.
///
/// Norms, the sums that run through the blocks, patches, tokens and heads stay in float32, as in
/// PyTorch's `autocast`. It halves the memory of the blocks' weights; how much faster it is depends on the
/// device, and has not been measured. In float16 the rows of the tests' small random models stay within 0.005
/// of the largest value of their float32 references; bfloat16, which no device of the tests has, is
/// coarser. So each precision has an identity of its own.
///
/// # Examples
/// ```
/// use synth_embed::Precision;
/// assert_eq!("float16".parse::<Precision>()?, Precision::Float16);
/// assert_eq!(Precision::default().to_string(), "float32");
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 24 bits of mantissa.
    #[default]
    Float32,
    /// IEEE 754 binary16: 11 bits of mantissa, up to 65504.
    Float16,
    /// 8 bits of mantissa, the range of float32.
    Bfloat16,
}

impl Precision {
    /// Every precision, in the order of the help text.
    pub const ALL: [Self; 3] = [Self::Float32, Self::Float16, Self::Bfloat16];

    fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Float16 => "float16",
            Self::Bfloat16 => "bfloat16",
        }
    }
}

#[cfg(any(feature = "flex", feature = "wgpu", feature = "cuda"))]
impl Precision {
    /// The same, if the device computes in it.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for half precision on the processor, where it is slower than float32, and on
    /// a device that has no arithmetic of it.
    pub(crate) fn on(self, device: &Device) -> Result<Self> {
        let lacks = if self == Self::Float32 {
            return Ok(self);
        } else if crate::nn::is_processor(device) {
            "on the processor it is slower than float32"
        } else if !device.supports_dtype(self.dtype()) {
            "this device has no arithmetic of it"
        } else {
            return Ok(self);
        };
        Err(Error::Unsupported {
            what: format!("precision {self}"),
            reason: format!("{lacks}; leave it at float32"),
        })
    }

    pub(crate) fn dtype(self) -> DType {
        match self {
            Self::Float32 => DType::F32,
            Self::Float16 => DType::F16,
            Self::Bfloat16 => DType::BF16,
        }
    }

    /// What it adds to the name of an embedder.
    pub(crate) fn suffix(self) -> String {
        if self == Self::Float32 { String::new() } else { format!(":{self}") }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Precision {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Self::ALL
            .into_iter()
            .find(|precision| precision.name() == text)
            .ok_or_else(|| Error::invalid("precision", "one of float32, float16, bfloat16", text))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_precision_reads_back() {
        for precision in Precision::ALL {
            assert_eq!(precision.to_string().parse::<Precision>().expect("its own name"), precision);
            assert_eq!(serde_json::to_string(&precision).expect("serialises"), format!("\"{precision}\""));
        }
    }

    #[cfg(feature = "flex")]
    #[test]
    fn the_processor_takes_float32_alone() {
        let on_processor = |precision: Precision| precision.on(&Device::flex());
        assert_eq!(on_processor(Precision::Float32).expect("its own"), Precision::Float32);
        let error = on_processor(Precision::Float16).expect_err("refused").to_string();
        assert!(error.contains("float16") && error.contains("processor"), "{error}");
    }
}
