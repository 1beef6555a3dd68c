use nalgebra::{DMatrix, SVD};
use ndarray::{Array1, Array2, ArrayView2, ArrayViewMut1, Axis};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use synth_core::{Error, FittedProjection, Projection, Result};

use super::saved;

/// Parameters of [`Pca`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PcaParams {
    /// Number of components to keep. Range: ≥ 1, at most the smaller of rows and columns when
    /// fitted. Default 2, for plots.
    pub components: usize,
}

impl Default for PcaParams {
    fn default() -> Self {
        Self { components: 2 }
    }
}

impl PcaParams {
    /// The same parameters with another number of components.
    #[must_use]
    pub fn with_components(mut self, components: usize) -> Self {
        self.components = components;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if no component is asked for.
    pub fn build(self) -> Result<Pca> {
        if self.components == 0 {
            return Err(Error::invalid("components", "at least 1", 0));
        }
        Ok(Pca { params: self })
    }
}

/// Principal component analysis by a full singular value decomposition in float64.
///
/// ```text
/// X − mean = U S Vᵀ,   components = first rows of Vᵀ,
/// explained_variance_k = S_k² / (n − 1),   ratio_k = S_k² / Σ_j S_j²
/// ```
///
/// Equal to scikit-learn's `PCA(n_components, svd_solver="full")`, signs included: of each component
/// the entry of largest magnitude is positive (its `svd_flip`; the first such entry of several). No
/// whitening. Two departures where no answer is defined: a direction without any variance is a row
/// of zeros instead of an arbitrary one, and rows that are all equal have ratios 0 instead of NaN.
///
/// Time grows as n · d · min(n, d): meant for up to some thousands of rows.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_core::FittedProjection;
/// use synth_embed::PcaParams;
///
/// // Four points on the line y = 2x: one direction holds all the variance.
/// let rows = array![[0.0_f32, 0.0], [1.0, 2.0], [2.0, 4.0], [3.0, 6.0]];
/// let fitted = PcaParams::default().with_components(1).build()?.fit(rows.view())?;
/// assert!((fitted.components()[[0, 1]] - 2.0 / 5.0_f64.sqrt()).abs() < 1e-12);
/// assert!((fitted.explained_variance_ratio()[0] - 1.0).abs() < 1e-12);
/// let view = fitted.transform(rows.view())?;
/// assert!((view[[3, 0]] - 1.5 * 5.0_f64.sqrt()).abs() < 1e-12);
///
/// let too_many = PcaParams::default().with_components(3).build()?.fit(rows.view());
/// assert!(too_many.is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
///
/// # References
/// scikit-learn, `sklearn.decomposition.PCA` and `sklearn.utils.extmath.svd_flip`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pca {
    params: PcaParams,
}

impl Pca {
    /// The checked parameters.
    #[must_use]
    pub fn params(&self) -> &PcaParams {
        &self.params
    }

    /// Learns mean and components from rows `[n, d]`: [`Projection::fit`] with the concrete type.
    ///
    /// # Errors
    /// [`Error::TooFewSamples`] below 2 rows, [`Error::InvalidParam`] if more components are asked
    /// for than min(n, d), [`Error::NonFinite`] naming the first NaN or infinity,
    /// [`Error::NotConverged`] if the decomposition fails its own check.
    pub fn fit(&self, rows: ArrayView2<'_, f32>) -> Result<FittedPca> {
        self.check(rows)?;
        let (n, dim) = rows.dim();
        let mut centred = rows.mapv(f64::from);
        let mean = centred.mean_axis(Axis(0)).expect("invariant: there are at least two rows");
        centred -= &mean;
        let (singular, directions) = decompose(&centred)?;
        let total: f64 = singular.iter().map(|s| s * s).sum();
        let keep = self.params.components;
        // What is smaller is the rounding of the largest.
        let floor = singular[0] * f64::EPSILON * n.max(dim) as f64;
        let mut components = Array2::zeros((keep, dim));
        let mut squares = Array1::zeros(keep);
        for (row, &value) in singular.iter().take(keep).enumerate().filter(|(_, value)| **value > floor) {
            squares[row] = value * value;
            flip_into(components.row_mut(row), &directions[row]);
        }
        let explained_variance = squares.mapv(|square| square / (n - 1) as f64);
        let explained_variance_ratio = squares.mapv(|square| if total > 0.0 { square / total } else { 0.0 });
        Ok(FittedPca { mean, components, explained_variance, explained_variance_ratio })
    }

    fn check(&self, rows: ArrayView2<'_, f32>) -> Result<()> {
        let (n, dim) = rows.dim();
        if n < 2 {
            let what = "a principal component analysis".into();
            return Err(Error::TooFewSamples { what, needed: 2, got: n, unit: "rows" });
        }
        if self.params.components > n.min(dim) {
            let expected = format!("at most {}, the smaller of {n} rows and {dim} columns", n.min(dim));
            return Err(Error::invalid("components", expected, self.params.components));
        }
        check_finite("the matrix to fit to", rows)
    }
}

fn check_finite(what: &str, rows: ArrayView2<'_, f32>) -> Result<()> {
    match rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((row, column), _)) => {
            Err(Error::NonFinite { what: what.into(), at: format!("row {row}, column {column}") })
        }
        None => Ok(()),
    }
}

impl Projection for Pca {
    fn fit(&self, rows: ArrayView2<'_, f32>) -> Result<Box<dyn FittedProjection>> {
        Ok(Box::new(Self::fit(self, rows)?))
    }
}

/// Singular values, descending, and right singular vectors of a matrix.
///
/// The longer side is first reduced by a QR decomposition, so the iteration works on a square matrix
/// of the shorter side: X = QR = (QU) S Vᵀ, or Xᵀ = QR ⇒ X = Rᵀ Qᵀ = U S (QV)ᵀ. Gram matrices would
/// be faster and lose the small components, whose squares drown in the rounding of the largest.
fn decompose(matrix: &Array2<f64>) -> Result<(Vec<f64>, Vec<Vec<f64>>)> {
    let (n, dim) = matrix.dim();
    let tall = n >= dim;
    let dense = if tall {
        DMatrix::from_fn(n, dim, |row, column| matrix[[row, column]])
    } else {
        DMatrix::from_fn(dim, n, |row, column| matrix[[column, row]])
    };
    let qr = dense.qr();
    let square = if tall { qr.r() } else { qr.r().transpose() };
    let svd = SVD::try_new(square.clone(), true, true, f64::EPSILON, MAX_ITERATIONS);
    let Some(SVD { u: Some(u), v_t: Some(v_t), singular_values }) = svd else {
        return Err(not_converged(f64::NAN));
    };
    check_residual(&square, &(u * DMatrix::from_diagonal(&singular_values) * &v_t))?;
    let v = if tall { v_t.transpose() } else { qr.q() * v_t.transpose() };
    let directions = v.column_iter().map(|column| column.iter().copied().collect()).collect();
    Ok((singular_values.iter().copied().collect(), directions))
}

/// Whether the product of the factors is the matrix they were made of; a NaN anywhere is not.
fn check_residual(matrix: &DMatrix<f64>, product: &DMatrix<f64>) -> Result<()> {
    // Not `amax`, whose comparisons pass over NaN: in the total order it is above all numbers.
    let largest_of =
        |matrix: &DMatrix<f64>| matrix.iter().map(|value| value.abs()).max_by(f64::total_cmp).unwrap_or(0.0);
    let (residual, largest) = (largest_of(&(matrix - product)), largest_of(matrix));
    if residual <= MAX_RESIDUAL * largest { Ok(()) } else { Err(not_converged(residual / largest)) }
}

fn not_converged(residual: f64) -> Error {
    Error::NotConverged { iterations: MAX_ITERATIONS, residual }
}

const MAX_ITERATIONS: usize = 100_000;
/// A sound decomposition is good to some ten roundings of its largest value; this leaves room for
/// matrices of side 10⁴.
const MAX_RESIDUAL: f64 = 1e-11;

fn flip_into(mut row: ArrayViewMut1<'_, f64>, direction: &[f64]) {
    let larger = |best: f64, &value: &f64| if value.abs() > best.abs() { value } else { best };
    let sign = if direction.iter().fold(0.0, larger) < 0.0 { -1.0 } else { 1.0 };
    row.iter_mut().zip(direction).for_each(|(out, value)| *out = sign * value);
}

/// A learned [`Pca`].
///
/// Its [`transform`](FittedProjection::transform) refuses rows with a NaN or an infinity:
/// [`Error::NonFinite`] names the first.
#[derive(Clone, Debug, PartialEq)]
pub struct FittedPca {
    pub(super) mean: Array1<f64>,
    pub(super) components: Array2<f64>,
    pub(super) explained_variance: Array1<f64>,
    pub(super) explained_variance_ratio: Array1<f64>,
}

impl FittedPca {
    /// Mean of the rows it was fitted to, `[d]`.
    #[must_use]
    pub fn mean(&self) -> &Array1<f64> {
        &self.mean
    }

    /// Unit directions, `[k, d]`, by falling variance.
    #[must_use]
    pub fn components(&self) -> &Array2<f64> {
        &self.components
    }

    /// Variance along each component, `[k]`, with n − 1.
    #[must_use]
    pub fn explained_variance(&self) -> &Array1<f64> {
        &self.explained_variance
    }

    /// Share of the total variance along each component, `[k]`.
    #[must_use]
    pub fn explained_variance_ratio(&self) -> &Array1<f64> {
        &self.explained_variance_ratio
    }

    /// Loads what [`save`](FittedProjection::save) gave.
    ///
    /// # Errors
    /// [`Error::Corrupt`] if the bytes are not a saved projection.
    pub fn load(bytes: &[u8]) -> Result<Self> {
        saved::load(bytes)
    }
}

impl FittedProjection for FittedPca {
    fn dims(&self) -> (usize, usize) {
        (self.components.ncols(), self.components.nrows())
    }

    fn transform(&self, rows: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
        let (dim, keep) = self.dims();
        if rows.ncols() != dim {
            let (expected, got) = (vec![rows.nrows(), dim], rows.shape().to_vec());
            return Err(Error::Shape { what: "rows to project", expected, got });
        }
        check_finite("the matrix to project", rows)?;
        let mut out = Array2::zeros((rows.nrows(), keep));
        // Each row by itself and in order, so that its result does not depend on the others.
        let pairs = out.outer_iter_mut().into_par_iter().zip(rows.outer_iter().into_par_iter());
        pairs.for_each(|(mut out, row)| {
            for (out, component) in out.iter_mut().zip(self.components.outer_iter()) {
                let terms = row.iter().zip(&self.mean).zip(component);
                *out = terms.map(|((&x, mean), c)| (f64::from(x) - mean) * c).sum();
            }
        });
        Ok(out)
    }

    fn save(&self) -> Result<Vec<u8>> {
        saved::save(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decomposition_with_nan_is_no_decomposition() {
        let square = DMatrix::from_row_slice(2, 2, &[3.0, 1.0, 0.0, 2.0]);
        assert!(check_residual(&square, &square).is_ok());
        for at in [(0, 0), (1, 1)] {
            for wrong in [f64::NAN, -f64::NAN, f64::INFINITY, 3.5] {
                let mut product = square.clone();
                product[at] = wrong;
                let refused = check_residual(&square, &product);
                assert!(matches!(refused, Err(Error::NotConverged { .. })), "{wrong} at {at:?}: {refused:?}");
            }
        }
        let nothing = DMatrix::zeros(2, 2);
        assert!(check_residual(&nothing, &nothing).is_ok(), "rows that are all equal");
    }
}
