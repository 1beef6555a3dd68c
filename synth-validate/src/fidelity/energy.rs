use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use synth_core::{Divergence, Embeddings, FittedDivergence, Result, Seed};

use super::fitted::FittedQuadratic;
use super::kernel::RbfKernel;
use super::mmd::both_estimators;
use super::pair_function::PairFunction;
use super::quadratic::{Estimator, Quadratic};

/// Both estimators of an energy distance, in units of the embedding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EnergyDistance {
    /// The zero distance of a row to itself left out of the means; may be negative.
    pub unbiased: f64,
    /// With the zeros; never negative, and above 0 even where there is no difference.
    pub biased: f64,
}

pub(crate) fn energy_form(estimator: Estimator) -> Quadratic {
    Quadratic { function: PairFunction::Distance, estimator, scale: -1.0 }
}

/// Energy distance.
/// ```text
/// 2 E|X − Y| − E|X − X′| − E|Y − Y′|
/// ```
/// # Shapes
/// - x: `[n, d]`, y: `[m, d]`, n, m ≥ 2
///
/// # Errors
/// Fewer than two rows, other widths, values that are not finite.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_validate::fidelity::energy_distance;
/// let (x, y) = (array![[0.0_f32], [2.0]], array![[1.0_f32], [1.0]]);
/// // 2·1 − 2 − 0, and with the two zeros among the four distances 2·1 − 1 − 0.
/// let energy = energy_distance(x.view(), y.view())?;
/// assert_eq!((energy.unbiased, energy.biased), (0.0, 1.0));
/// # Ok::<(), synth_core::Error>(())
/// ```
pub fn energy_distance(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>) -> Result<EnergyDistance> {
    let (unbiased, biased) = both_estimators("the energy distance", PairFunction::Distance, -1.0, x, y)?;
    Ok(EnergyDistance { unbiased, biased })
}

/// [`energy_distance`] as a [`Divergence`]; it has no bandwidth to fix.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Energy {
    /// Whether the zero self-distances are left out. Default `unbiased`.
    pub estimator: Estimator,
    /// Relabellings for the p-value of each estimate; 0 for none. Default 199.
    pub permutations: usize,
}

impl Default for Energy {
    fn default() -> Self {
        Self { estimator: Estimator::Unbiased, permutations: 199 }
    }
}

impl Divergence for Energy {
    fn name(&self) -> &str {
        "energy"
    }

    fn fit(&self, reference: &Embeddings, seed: Seed) -> Result<Box<dyn FittedDivergence>> {
        let form = energy_form(self.estimator);
        let fitted = FittedQuadratic::<RbfKernel>::new("the energy distance", form, None, reference, seed)?;
        Ok(Box::new(fitted.with_permutations(self.permutations)))
    }
}
