use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Annotation, ParameterSet, ParameterValue, Seed, Stream};

/// Inputs fixed by name (base image, mask, prompt); what is not pinned is drawn from the
/// generator's pool by the item's own stream.
pub type Pins = BTreeMap<String, String>;

/// An order for one sample. The sample is a pure function of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// The value of each of the generator's parameters.
    pub params: ParameterSet,
    /// The seed of the series this sample belongs to.
    pub seed: Seed,
    /// The sample's place in that series.
    pub index: u64,
    /// Inputs fixed by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub pins: Pins,
}

impl Request {
    /// An order without pins.
    #[must_use]
    pub fn new(params: ParameterSet, seed: Seed, index: u64) -> Self {
        Self { params, seed, index, pins: Pins::new() }
    }

    /// The sample's own stream of random numbers.
    #[must_use]
    pub fn stream(&self) -> Stream {
        self.seed.stream(self.index)
    }
}

/// One generated item with what is known of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample<T> {
    /// The item itself.
    pub item: T,
    /// Exact labels: what the generator put there.
    pub annotations: Vec<Annotation>,
    /// How to make it again.
    pub provenance: Provenance,
}

/// How a sample was made; enough to make it again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Name and version of the generator.
    pub generator: String,
    /// The order that was carried out.
    pub request: Request,
    /// Every input used, pinned or drawn: `base_image` → its id.
    pub inputs: BTreeMap<String, String>,
    /// What the generator drew itself and no parameter controls: `rotation` in degrees.
    pub uncontrolled: BTreeMap<String, ParameterValue>,
}

/// Why one item of a batch failed; the others are not affected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// The generator made something but must not hand it out.
    #[error("rejected: {reason}")]
    Rejected {
        /// Why.
        reason: String,
    },
    /// The result holds NaN or infinite values.
    #[error("the result holds values that are not finite")]
    NonFinite,
    /// Making the item failed.
    #[error("generation failed")]
    Failed {
        /// The generator's own error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}
