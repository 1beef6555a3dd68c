use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Embeddings, Result, Seed};

/// A measured difference of two sets of embeddings.
pub trait Divergence: fmt::Debug + Send + Sync {
    /// Its name in configurations and reports: `mmd2_rbf_unbiased`.
    fn name(&self) -> &str;

    /// Fixes everything that comparisons must share: bandwidths, the null, subsets.
    ///
    /// # Errors
    /// [`Error::TooFewSamples`](crate::Error::TooFewSamples), saying how many are needed.
    fn fit(&self, reference: &Embeddings, seed: Seed) -> Result<Box<dyn FittedDivergence>>;
}

/// A [`Divergence`] to one reference set.
pub trait FittedDivergence: fmt::Debug + Send + Sync {
    /// The divergence of `sample` from the reference.
    ///
    /// # Errors
    /// Rows of another embedder, or too few of them.
    fn estimate(&self, sample: &Embeddings) -> Result<Estimate>;

    /// The kernel, if the divergence has one: lets an optimiser see inside.
    fn kernel(&self) -> Option<&dyn Kernel>;
}

/// A figure with its uncertainty. What could not be had is `None`, with the reason in `notes`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// The figure itself.
    pub value: f64,
    /// Its standard error.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std_error: Option<f64>,
    /// Interval that covers the true figure in 95 % of repetitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ci95: Option<[f64; 2]>,
    /// Share of the null at or above `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// Quantiles of the null, as (level, value), levels ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub null_quantiles: Vec<(f64, f64)>,
    /// What a reader must know: `rank_deficient`, why there is no p-value, which subsets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A positive definite function of two embedding rows.
pub trait Kernel: fmt::Debug + Send + Sync {
    /// k(x, y); both of the fitted dimension.
    fn value(&self, x: &[f32], y: &[f32]) -> f64;

    /// ∂k(x, y)/∂x, written to `gradient`, which has the rows' length.
    fn gradient(&self, x: &[f32], y: &[f32], gradient: &mut [f64]);
}
