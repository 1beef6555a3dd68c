use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use synth_core::{Divergence, Embeddings, FittedDivergence, Result, Seed};

use super::fitted::FittedQuadratic;
use super::kernel::RbfKernel;
use super::mmd::both_estimators;
use super::pair_function::PairFunction;
use super::quadratic::{Estimator, Quadratic};

/// The kernel width CMMD is published with; it suits CLIP embeddings of unit length times their scale.
pub const CMMD_SIGMA: f64 = 10.0;
/// The factor CMMD is published with.
pub const CMMD_SCALE: f64 = 1_000.0;

/// CMMD as published, and without its bias.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CmmdValue {
    /// 1000 times the biased MMD², self-pairs included: what papers report.
    pub published: f64,
    /// 1000 times the unbiased MMD²: comparable between sample sizes.
    pub unbiased: f64,
}

pub(crate) fn cmmd_form(estimator: Estimator) -> Quadratic {
    Quadratic { function: PairFunction::Rbf { sigma: CMMD_SIGMA }, estimator, scale: CMMD_SCALE }
}

/// CMMD: squared maximum mean discrepancy with σ = 10, times 1000, on rows as they are given.
/// ```text
/// CMMD = 1000 · MMD²,   k(a, b) = exp(−|a − b|² / (2 · 10²))
/// ```
/// # Errors
/// Fewer than two rows, other widths, values that are not finite.
///
/// # References
/// Jayasumana et al. 2024, Rethinking FID, <https://arxiv.org/abs/2401.09603>.
pub fn cmmd(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>) -> Result<CmmdValue> {
    let function = PairFunction::Rbf { sigma: CMMD_SIGMA };
    let (unbiased, published) = both_estimators("CMMD", function, CMMD_SCALE, x, y)?;
    Ok(CmmdValue { published, unbiased })
}

/// [`cmmd`] as a [`Divergence`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cmmd {
    /// `biased` is CMMD as published. Default `biased`.
    pub estimator: Estimator,
    /// Relabellings for the p-value of each estimate; 0 for none. Default 199.
    pub permutations: usize,
}

impl Default for Cmmd {
    fn default() -> Self {
        Self { estimator: Estimator::Biased, permutations: 199 }
    }
}

impl Divergence for Cmmd {
    fn name(&self) -> &str {
        "cmmd"
    }

    fn fit(&self, reference: &Embeddings, seed: Seed) -> Result<Box<dyn FittedDivergence>> {
        let kernel = RbfKernel::new(CMMD_SIGMA);
        let form = cmmd_form(self.estimator);
        let fitted = FittedQuadratic::new("CMMD", form, Some(kernel), reference, seed)?;
        Ok(Box::new(fitted.with_permutations(self.permutations)))
    }
}
