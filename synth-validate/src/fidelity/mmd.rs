use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use synth_core::distance::Pairwise;
use synth_core::{Divergence, Embeddings, Estimate, FittedDivergence, Kernel, Result, Seed};

use super::bandwidth::{Bandwidth, median_bandwidth};
use super::check::check_sets;
use super::fitted::FittedQuadratic;
use super::grouped::GroupedRows;
use super::kernel::RbfKernel;
use super::pair_function::PairFunction;
use super::quadratic::{AllSums, Estimator, Quadratic};

/// Both estimators of a squared maximum mean discrepancy.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mmd2 {
    /// Self-pairs left out; 0 on average where there is no difference, and so at times negative.
    pub unbiased: f64,
    /// Self-pairs kept; never negative, and above 0 even where there is no difference.
    pub biased: f64,
}

/// Squared maximum mean discrepancy with the kernel `exp(−|a − b|² / 2σ²)`.
/// ```text
/// MMD² = E k(x, x′) + E k(y, y′) − 2 E k(x, y)
/// ```
/// # Shapes
/// - x: `[n, d]`, y: `[m, d]`, n, m ≥ 2
///
/// # Errors
/// Fewer than two rows, other widths, values that are not finite, a σ that is not positive.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_validate::fidelity::mmd2;
/// let (x, y) = (array![[0.0_f32], [1.0]], array![[5.0_f32], [6.0]]);
/// let far = mmd2(x.view(), y.view(), 1.0)?;
/// assert!(far.unbiased > 1.2 && far.biased > far.unbiased);
/// assert!(mmd2(x.view(), y.view(), 0.0).is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
/// # References
/// Gretton et al. 2012, A Kernel Two-Sample Test, JMLR 13, 723–773: lemma 6, equation 3 (unbiased)
/// and equation 5 (biased). <https://jmlr.org/papers/v13/gretton12a.html>.
pub fn mmd2(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, sigma: f64) -> Result<Mmd2> {
    Bandwidth::Fixed(sigma).check()?;
    let (unbiased, biased) = both_estimators("MMD²", PairFunction::Rbf { sigma }, 1.0, x, y)?;
    Ok(Mmd2 { unbiased, biased })
}

/// The unbiased and the biased value of one function.
pub(crate) fn both_estimators(
    what: &str,
    function: PairFunction,
    scale: f64,
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
) -> Result<(f64, f64)> {
    check_sets(what, 2, x, y)?;
    let (x, y) = (GroupedRows::ungrouped(x), GroupedRows::ungrouped(y));
    let sums = AllSums::of(&x, &y, &[function], &Pairwise::new())?;
    let totals = sums.pair_sums(&x, &y, 0, function).totals();
    Ok((scale * totals.value(Estimator::Unbiased), scale * totals.value(Estimator::Biased)))
}

/// What an [`Mmd`] is made with.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MmdParams {
    /// Kernel width; the median is that of the reference set's own distances. Default `median`.
    pub bandwidth: Bandwidth,
    /// Whether self-pairs are left out. Default `unbiased`.
    pub estimator: Estimator,
    /// Relabellings for the p-value of each estimate; 0 for none. Default 199.
    pub permutations: usize,
}

impl Default for MmdParams {
    fn default() -> Self {
        Self { bandwidth: Bandwidth::Median, estimator: Estimator::Unbiased, permutations: 199 }
    }
}

impl MmdParams {
    /// With another kernel width.
    #[must_use]
    pub fn with_bandwidth(mut self, bandwidth: Bandwidth) -> Self {
        self.bandwidth = bandwidth;
        self
    }

    /// With another number of relabellings.
    #[must_use]
    pub fn with_permutations(mut self, permutations: usize) -> Self {
        self.permutations = permutations;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`InvalidParam`](synth_core::Error::InvalidParam) for a fixed σ that is not positive.
    pub fn build(self) -> Result<Mmd> {
        self.bandwidth.check()?;
        Ok(Mmd { params: self })
    }
}

/// Squared maximum mean discrepancy with a Gaussian kernel, as a [`Divergence`].
///
/// The width is fixed at the fit. Estimates carry a jackknife standard error over groups, an
/// interval, and a p-value from relabelling groups, never rows; see [`mmd2`] for the formula.
#[derive(Clone, Debug)]
pub struct Mmd {
    params: MmdParams,
}

impl Mmd {
    /// What it was made with.
    #[must_use]
    pub fn params(&self) -> &MmdParams {
        &self.params
    }

    /// As [`Divergence::fit`], with the type kept.
    ///
    /// # Errors
    /// [`TooFewSamples`](synth_core::Error::TooFewSamples) below two rows;
    /// [`Unsupported`](synth_core::Error::Unsupported) where the median distance is 0.
    pub fn fit_rbf(&self, reference: &Embeddings, seed: Seed) -> Result<FittedMmd> {
        let (sigma, note) = match self.params.bandwidth {
            Bandwidth::Fixed(sigma) => (sigma, format!("sigma {sigma} given")),
            Bandwidth::Median => {
                let median = median_bandwidth(reference.matrix(), None, seed)?;
                let over = median.subsample.map_or(String::new(), |n| format!(" over {n} rows"));
                (median.sigma, format!("sigma {} is the reference's median distance{over}", median.sigma))
            }
        };
        let form =
            Quadratic { function: PairFunction::Rbf { sigma }, estimator: self.params.estimator, scale: 1.0 };
        let inner = FittedQuadratic::new("MMD²", form, Some(RbfKernel::new(sigma)), reference, seed)?
            .with_permutations(self.params.permutations)
            .with_note(Some(note));
        Ok(FittedMmd { inner, sigma })
    }
}

impl Divergence for Mmd {
    fn name(&self) -> &str {
        match self.params.estimator {
            Estimator::Unbiased => "mmd2_rbf_unbiased",
            Estimator::Biased => "mmd2_rbf_biased",
        }
    }

    fn fit(&self, reference: &Embeddings, seed: Seed) -> Result<Box<dyn FittedDivergence>> {
        Ok(Box::new(self.fit_rbf(reference, seed)?))
    }
}

/// An [`Mmd`] to one reference set.
#[derive(Debug)]
pub struct FittedMmd {
    inner: FittedQuadratic<RbfKernel>,
    sigma: f64,
}

impl FittedMmd {
    /// The kernel width, in units of the embedding.
    #[must_use]
    pub fn sigma(&self) -> f64 {
        self.sigma
    }
}

impl FittedDivergence for FittedMmd {
    fn estimate(&self, sample: &Embeddings) -> Result<Estimate> {
        self.inner.estimate(sample)
    }

    fn kernel(&self) -> Option<&dyn Kernel> {
        self.inner.kernel()
    }
}
