use nalgebra::{DMatrix, SymmetricEigen};
use ndarray::{Array1, Array2, ArrayView2, Axis, s};
use synth_core::{Error, Result};

use super::check::check_sets;

/// A Fréchet distance and whether its covariances could have full rank.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Frechet {
    /// The squared Fréchet distance of the fitted normals.
    pub value: f64,
    /// Whether a set has no more rows than dimensions. The value is then dominated by what the
    /// covariances miss, and says little.
    pub rank_deficient: bool,
}

/// Squared Fréchet distance between normal distributions fitted to the sets (FID on any embedding).
/// ```text
/// |μ₁ − μ₂|² + tr(C₁ + C₂ − 2 (C₁ C₂)^½),   covariances with n − 1
/// ```
/// In float64. The trace of the root comes from the eigenvalues of `C₁^½ C₂ C₁^½`, or, where a set
/// has no more rows than dimensions, from the singular values of the product `A₁ A₂ᵀ` of the
/// centred rows, which are the same and need no d × d matrix. Biased upwards at small n.
///
/// # Errors
/// Fewer than two rows, other widths, values that are not finite.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_validate::fidelity::frechet_distance;
/// // Variance 2 around 1 and variance 8 around 4: 3² + 2 + 8 − 2·4.
/// let (x, y) = (array![[0.0_f32], [2.0]], array![[2.0_f32], [6.0]]);
/// assert!((frechet_distance(x.view(), y.view())?.value - 11.0).abs() < 1e-12);
/// # Ok::<(), synth_core::Error>(())
/// ```
/// # References
/// Heusel et al. 2017, GANs Trained by a Two Time-Scale Update Rule, equation 6,
/// <https://arxiv.org/abs/1706.08500>.
pub fn frechet_distance(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>) -> Result<Frechet> {
    check_sets("the Fréchet distance", 2, x, y)?;
    let rank_deficient = x.nrows().min(y.nrows()) <= x.ncols();
    let (x_mean, y_mean) = (mean(x), mean(y));
    let shift: f64 = x_mean.iter().zip(&y_mean).map(|(a, b)| (a - b).powi(2)).sum();
    let (spread, root) = if rank_deficient {
        let (a, b) = (centred(x, &x_mean), centred(y, &y_mean));
        let spread = a.iter().map(|v| v * v).sum::<f64>() + b.iter().map(|v| v * v).sum::<f64>();
        (spread, nuclear_norm(&a.dot(&b.t()))?)
    } else {
        let (c1, c2) = (covariance(x, &x_mean), covariance(y, &y_mean));
        (c1.diag().sum() + c2.diag().sum(), trace_of_root(c1, c2)?)
    };
    // The four terms cancel; rounding must not make equal sets negative.
    Ok(Frechet { value: (shift + spread - 2.0 * root).max(0.0), rank_deficient })
}

fn mean(rows: ArrayView2<'_, f32>) -> Array1<f64> {
    let mut sum = Array1::<f64>::zeros(rows.ncols());
    for row in rows.rows() {
        sum.zip_mut_with(&row, |sum, &value| *sum += f64::from(value));
    }
    sum / rows.nrows() as f64
}

/// `(rows − mean) / √(n − 1)`, whose Gram matrix is the covariance.
fn centred(rows: ArrayView2<'_, f32>, mean: &Array1<f64>) -> Array2<f64> {
    let scale = 1.0 / (rows.nrows() as f64 - 1.0).sqrt();
    (rows.mapv(f64::from) - mean) * scale
}

/// Covariance with n − 1, a few thousand rows at a time.
fn covariance(rows: ArrayView2<'_, f32>, mean: &Array1<f64>) -> Array2<f64> {
    let d = rows.ncols();
    let mut sum = Array2::<f64>::zeros((d, d));
    for start in (0..rows.nrows()).step_by(1_024) {
        let part = rows.slice(s![start..(start + 1_024).min(rows.nrows()), ..]).mapv(f64::from) - mean;
        ndarray::linalg::general_mat_mul(1.0, &part.t(), &part, 1.0, &mut sum);
    }
    sum / (rows.nrows() as f64 - 1.0)
}

fn trace_of_root(c1: Array2<f64>, c2: Array2<f64>) -> Result<f64> {
    let eigen = symmetric_eigen(c1)?;
    let roots = eigen.eigenvalues.map(|value| value.max(0.0).sqrt());
    // U diag(√λ): C₁ = R Rᵀ, and Rᵀ C₂ R has the eigenvalues of C₁^½ C₂ C₁^½.
    let mut factor = from_nalgebra(&eigen.eigenvectors);
    factor.axis_iter_mut(Axis(1)).zip(roots.iter()).for_each(|(mut column, &root)| column *= root);
    let product = factor.t().dot(&c2).dot(&factor);
    let symmetric = (&product + &product.t()) * 0.5;
    Ok(symmetric_eigen(symmetric)?.eigenvalues.iter().map(|value| value.max(0.0).sqrt()).sum())
}

/// Sum of the singular values.
fn nuclear_norm(matrix: &Array2<f64>) -> Result<f64> {
    // Fewer columns than rows makes the bidiagonalisation cheaper.
    let matrix = if matrix.nrows() < matrix.ncols() { matrix.t() } else { matrix.view() };
    let limit = 1_000 * matrix.ncols().max(1);
    let decomposed = to_nalgebra(matrix).try_svd_unordered(false, false, f64::EPSILON, limit);
    Ok(decomposed.ok_or(not_converged(limit))?.singular_values.sum())
}

fn symmetric_eigen(matrix: Array2<f64>) -> Result<SymmetricEigen<f64, nalgebra::Dyn>> {
    let limit = 1_000 * matrix.nrows().max(1);
    SymmetricEigen::try_new(to_nalgebra(matrix.view()), f64::EPSILON, limit).ok_or(not_converged(limit))
}

fn not_converged(iterations: usize) -> Error {
    Error::NotConverged { iterations, residual: f64::NAN }
}

fn to_nalgebra(matrix: ArrayView2<'_, f64>) -> DMatrix<f64> {
    DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| matrix[[i, j]])
}

fn from_nalgebra(matrix: &DMatrix<f64>) -> Array2<f64> {
    Array2::from_shape_fn(matrix.shape(), |(i, j)| matrix[(i, j)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use synth_core::Seed;

    fn rows(n: usize, d: usize, scale: f64, stream: u64) -> Array2<f32> {
        let mut stream = Seed::from_u64(3).stream(stream);
        Array2::from_shape_simple_fn((n, d), || (scale * stream.normal()) as f32)
    }

    #[test]
    fn both_forms_agree() {
        let (x, y) = (rows(9, 8, 1.0, 0), rows(11, 8, 1.5, 1));
        let full = frechet_distance(x.view(), y.view()).expect("valid");
        let (a, b) = (centred(x.view(), &mean(x.view())), centred(y.view(), &mean(y.view())));
        let by_gram = nuclear_norm(&a.dot(&b.t())).expect("converges");
        let by_covariance =
            trace_of_root(covariance(x.view(), &mean(x.view())), covariance(y.view(), &mean(y.view())));
        assert!(!full.rank_deficient);
        assert!((by_gram - by_covariance.expect("converges")).abs() < 1e-8);
    }

    #[test]
    fn equal_sets_are_at_zero_and_few_rows_are_marked() {
        let x = rows(6, 8, 1.0, 2);
        let same = frechet_distance(x.view(), x.view()).expect("valid");
        assert!(same.rank_deficient && same.value < 1e-10);
        let constant = Array2::<f32>::ones((30, 3));
        let flat = frechet_distance(constant.view(), constant.view()).expect("valid");
        assert_eq!((flat.value, flat.rank_deficient), (0.0, false));
    }

    #[test]
    fn diagonal_normals_have_the_closed_form() {
        // Two coordinates with variances a, b against c, d: Σ (√a − √c)², to sampling error.
        let (x, y) = (rows(40_000, 2, 1.0, 3), rows(40_000, 2, 3.0, 4));
        let value = frechet_distance(x.view(), y.view()).expect("valid").value;
        assert!((value - 8.0).abs() < 0.15, "{value}");
    }
}
