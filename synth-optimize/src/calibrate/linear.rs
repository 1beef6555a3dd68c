//! Dense pieces of linear algebra that the surrogates share.

use nalgebra::{DMatrix, DVector};

/// Inverse of a symmetric positive definite matrix; a growing multiple of the mean diagonal is added
/// until it is one.
pub(crate) fn spd_inverse(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let n = matrix.nrows();
    let scale = matrix.diagonal().mean().abs().max(f64::MIN_POSITIVE);
    let mut jitter = 0.0;
    for _ in 0..12 {
        let mut shifted = matrix.clone();
        shifted.iter_mut().step_by(n + 1).for_each(|x| *x += jitter);
        if let Some(inverse) = block_inverse(&shifted) {
            return inverse;
        }
        jitter = if jitter == 0.0 { 1e-10 * scale } else { jitter * 10.0 };
    }
    DMatrix::identity(n, n) / scale
}

/// Order up to which a Cholesky factor is used directly.
const SMALL: usize = 32;

/// Inverse by halves: with S = D − C A⁻¹ B the Schur complement of A, nearly all work is in matrix
/// products, which are several times faster than triangular solves.
fn block_inverse(matrix: &DMatrix<f64>) -> Option<DMatrix<f64>> {
    let n = matrix.nrows();
    if n <= SMALL {
        return Some(matrix.clone().cholesky()?.inverse());
    }
    let (h, rest) = (n / 2, n - n / 2);
    let upper = block_inverse(&matrix.view((0, 0), (h, h)).clone_owned())?;
    let transfer = matrix.view((h, 0), (rest, h)) * &upper;
    let schur = matrix.view((h, h), (rest, rest)) - &transfer * matrix.view((0, h), (h, rest));
    let lower = block_inverse(&schur)?;
    let corner = -(&lower * &transfer);
    let mut inverse = DMatrix::zeros(n, n);
    inverse.view_mut((0, 0), (h, h)).copy_from(&(upper - transfer.transpose() * &corner));
    inverse.view_mut((0, h), (h, rest)).copy_from(&corner.transpose());
    inverse.view_mut((h, 0), (rest, h)).copy_from(&corner);
    inverse.view_mut((h, h), (rest, rest)).copy_from(&lower);
    Some(inverse)
}

/// Solves a small system by LU; zeros where it is singular.
pub(crate) fn solve(matrix: DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    matrix.lu().solve(right).unwrap_or_else(|| DMatrix::zeros(right.nrows(), right.ncols()))
}

/// Row numbers of each group.
pub(crate) fn members(groups: &[usize]) -> Vec<Vec<usize>> {
    let count = groups.iter().max().map_or(0, |last| last + 1);
    let mut members = vec![Vec::new(); count];
    for (row, &group) in groups.iter().enumerate() {
        members[group].push(row);
    }
    members.retain(|rows| !rows.is_empty());
    members
}

/// Residuals of leaving out one group at a time, exact and without refitting, for a linear smoother
/// with A = K + α·I: within group G they are ((A⁻¹)_GG)⁻¹ (A⁻¹Y)_G.
///
/// # Shapes
/// - inverse: `[n, n]`, coefficients A⁻¹Y: `[n, t]`; output `[n, t]`
pub(crate) fn leave_group_out(
    inverse: &DMatrix<f64>,
    coefficients: &DMatrix<f64>,
    members: &[Vec<usize>],
) -> DMatrix<f64> {
    let mut residuals = DMatrix::zeros(coefficients.nrows(), coefficients.ncols());
    for rows in members {
        let block = inverse.select_rows(rows).select_columns(rows);
        let own = solve(block, &coefficients.select_rows(rows));
        for (i, &row) in rows.iter().enumerate() {
            residuals.set_row(row, &own.row(i));
        }
    }
    residuals
}

/// Squared Euclidean distances of all rows, `[n, m]`, never negative.
pub(crate) fn square_distances(left: &DMatrix<f64>, right: &DMatrix<f64>) -> DMatrix<f64> {
    let norms = |m: &DMatrix<f64>| DVector::from_iterator(m.nrows(), m.row_iter().map(|r| r.norm_squared()));
    let (a, b) = (norms(left), norms(right));
    let mut distances = left * right.transpose() * -2.0;
    for j in 0..distances.ncols() {
        for i in 0..distances.nrows() {
            distances[(i, j)] = (distances[(i, j)] + a[i] + b[j]).max(0.0);
        }
    }
    distances
}

/// Median of the values; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let middle = values.len() / 2;
    *values.select_nth_unstable_by(middle, f64::total_cmp).1
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against refitting without the group, by the definition.
    #[test]
    fn leaving_a_group_out_equals_refitting() {
        let x = DMatrix::from_fn(9, 2, |i, j| ((i * 7 + j * 3) % 11) as f64 / 5.0);
        let y = DMatrix::from_fn(9, 1, |i, _| ((i * 5) % 7) as f64);
        let kernel = square_distances(&x, &x).map(|d| (-d).exp());
        let ridge = &kernel + DMatrix::identity(9, 9) * 0.3;
        let groups = [0, 0, 0, 1, 1, 2, 2, 2, 2];
        let inverse = spd_inverse(&ridge);
        let residuals = leave_group_out(&inverse, &(&inverse * &y), &members(&groups));
        for held in 0..3 {
            let (inside, outside): (Vec<usize>, Vec<usize>) = (0..9).partition(|&i| groups[i] != held);
            let a = ridge.select_rows(&inside).select_columns(&inside);
            let coefficients = spd_inverse(&a) * y.select_rows(&inside);
            let predicted = kernel.select_rows(&outside).select_columns(&inside) * coefficients;
            for (i, &row) in outside.iter().enumerate() {
                assert!((residuals[(row, 0)] - (y[(row, 0)] - predicted[(i, 0)])).abs() < 1e-10);
            }
        }
    }

    #[test]
    fn inverses_of_large_matrices_are_inverses() {
        let x = DMatrix::from_fn(101, 3, |i, j| ((i * 37 + j * 11) % 101) as f64 / 30.0);
        let matrix = square_distances(&x, &x).map(|d| (-d).exp()) + DMatrix::identity(101, 101) * 0.01;
        let error = &matrix * spd_inverse(&matrix) - DMatrix::identity(101, 101);
        assert!(error.amax() < 1e-10, "{}", error.amax());
    }

    #[test]
    fn singular_matrices_do_not_stop_it() {
        let inverse = spd_inverse(&DMatrix::from_element(3, 3, 1.0));
        assert!(inverse.iter().all(|x| x.is_finite()));
    }
}
