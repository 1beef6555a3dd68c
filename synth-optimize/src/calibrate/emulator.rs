//! The emulator: how the summaries of one sample depend on its parameters,
//! s | θ ~ N(m(θ), Σ), m a ridge regression on a polynomial basis.

use nalgebra::{Cholesky, DMatrix, DVectorView, Dyn, RowDVector};

use super::fit::intraclass_correlation;
use super::linear::{members, solve, spd_inverse};

const RIDGES: [f64; 5] = [0.3, 1.0, 3.0, 10.0, 30.0];
/// Share of the diagonal mixed into Σ, against directions in which it is known too poorly.
const SHRINKAGE: f64 = 0.02;

#[derive(Clone, Debug)]
pub(crate) struct Emulator {
    coefficients: DMatrix<f64>,
    factor: Cholesky<f64, Dyn>,
    /// Share of Σ that samples of one set have in common, which is what the regression misses; `None` where no
    /// set has two.
    pub(crate) shared: Option<f64>,
}

impl Emulator {
    /// Learns from the basis `[n, p]` of the parameters, the summaries `[n, k]` and the parameter set
    /// of each row; each summary has the ridge that predicts left-out sets best.
    pub(crate) fn fit(basis: &DMatrix<f64>, summaries: &DMatrix<f64>, groups: &[usize]) -> Option<Self> {
        let (n, k) = summaries.shape();
        if k == 0 {
            return None;
        }
        let members = members(groups);
        let information = basis.transpose() * basis;
        let fits: Vec<(DMatrix<f64>, DMatrix<f64>)> =
            RIDGES.iter().map(|&ridge| regress(basis, &information, summaries, &members, ridge)).collect();
        let (mut coefficients, mut residuals) = (DMatrix::zeros(basis.ncols(), k), DMatrix::zeros(n, k));
        for column in 0..k {
            let error = |fit: &(DMatrix<f64>, DMatrix<f64>)| fit.1.column(column).norm_squared();
            if let Some((own, left)) = fits.iter().min_by(|a, b| error(a).total_cmp(&error(b))) {
                coefficients.set_column(column, &own.column(column));
                residuals.set_column(column, &left.column(column));
            }
        }
        let factor = covariance(&residuals).cholesky()?;
        let is_replicated = members.iter().any(|rows| rows.len() > 1);
        let shared = is_replicated.then(|| intraclass_correlation(&residuals, &members));
        Some(Self { coefficients, factor, shared })
    }

    /// ln N(s̄; m(θₘ), vₘ Σ) up to a constant at each point, for a mean `[1, k]` of summaries, the basis
    /// `[points, p]` of the parameters, and each point's v.
    pub(crate) fn ln_density_of_mean(
        &self,
        mean: &RowDVector<f64>,
        basis: &DMatrix<f64>,
        spreads: &[f64],
    ) -> Vec<f64> {
        let mut gaps = (basis * &self.coefficients).transpose();
        gaps.column_iter_mut().for_each(|mut column| column -= mean.transpose());
        self.factor.l_dirty().solve_lower_triangular_mut(&mut gaps);
        let k = mean.len() as f64;
        let ln = |(gap, v): (DVectorView<'_, f64>, &f64)| -0.5 * (gap.norm_squared() / v + k * v.ln());
        gaps.column_iter().zip(spreads).map(ln).collect()
    }

    /// ln p(sᵢ | θₘ) up to a constant, `[samples][points]`, for summaries `[samples, k]` and the basis
    /// `[points, p]` of the parameters.
    pub(crate) fn ln_likelihood(&self, summaries: &DMatrix<f64>, basis: &DMatrix<f64>) -> Vec<Vec<f64>> {
        let whiten = |rows: DMatrix<f64>| {
            let mut columns = rows.transpose();
            self.factor.l_dirty().solve_lower_triangular_mut(&mut columns);
            columns
        };
        let means = whiten(basis * &self.coefficients);
        let samples = whiten(summaries.clone());
        samples
            .column_iter()
            .map(|s| {
                means
                    .column_iter()
                    .map(|m| -0.5 * s.iter().zip(m.iter()).map(|(s, m)| (s - m).powi(2)).sum::<f64>())
                    .collect()
            })
            .collect()
    }
}

/// Ridge regression with a free intercept: coefficients `[p, k]`, and the residuals `[n, k]` of leaving
/// out each parameter set, (I − H_GG)⁻¹ e_G with the hat matrix H.
fn regress(
    basis: &DMatrix<f64>,
    information: &DMatrix<f64>,
    summaries: &DMatrix<f64>,
    members: &[Vec<usize>],
    ridge: f64,
) -> (DMatrix<f64>, DMatrix<f64>) {
    let mut penalised = information.clone();
    (1..basis.ncols()).for_each(|j| penalised[(j, j)] += ridge);
    let inverse = spd_inverse(&penalised);
    let coefficients = &inverse * basis.transpose() * summaries;
    let residuals = summaries - basis * &coefficients;
    let mut left_out = residuals.clone();
    for rows in members {
        let own = basis.select_rows(rows);
        let rest = DMatrix::identity(rows.len(), rows.len()) - &own * &inverse * own.transpose();
        let solved = solve(rest, &residuals.select_rows(rows));
        rows.iter().enumerate().for_each(|(i, &row)| left_out.set_row(row, &solved.row(i)));
    }
    (coefficients, left_out)
}

fn covariance(residuals: &DMatrix<f64>) -> DMatrix<f64> {
    let mut covariance = residuals.transpose() * residuals / residuals.nrows() as f64;
    let floor = 1e-4;
    for i in 0..covariance.nrows() {
        for j in 0..covariance.ncols() {
            if i == j {
                covariance[(i, j)] += floor;
            } else {
                covariance[(i, j)] *= 1.0 - SHRINKAGE;
            }
        }
    }
    covariance
}

#[cfg(test)]
mod tests {
    use super::*;

    /// s = 2u + noise of 0.1: the likelihood must peak at u = s/2 and fall by ½ one noise away.
    #[test]
    fn the_likelihood_peaks_where_the_parameters_explain_the_sample() {
        let stream = &mut synth_core::Seed::from_u64(1).stream(0);
        let u: Vec<f64> = (0..300).map(|i| (i / 3) as f64 / 50.0 - 1.0).collect();
        let basis = DMatrix::from_fn(300, 3, |i, j| [1.0, u[i], u[i] * u[i]][j]);
        let summaries = DMatrix::from_fn(300, 1, |i, _| 2.0 * u[i] + 0.1 * stream.normal());
        let groups: Vec<usize> = (0..300).map(|i| i / 3).collect();
        let emulator = Emulator::fit(&basis, &summaries, &groups).expect("one summary");
        let grid = DMatrix::from_fn(3, 3, |i, j| {
            let u = [0.2, 0.25, 0.3][i];
            [1.0, u, u * u][j]
        });
        let ln = emulator.ln_likelihood(&DMatrix::from_element(1, 1, 0.5), &grid);
        assert!(ln[0][1] > -0.05, "the peak: {ln:?}");
        assert!((ln[0][0] + 0.5).abs() < 0.2 && (ln[0][2] + 0.5).abs() < 0.2, "one noise away: {ln:?}");
        // A mean of which v is 1 is a sample; at v = 4 its normal is twice as wide.
        let means = emulator.ln_density_of_mean(&RowDVector::from_element(1, 0.5), &grid, &[1.0, 1.0, 4.0]);
        let wide = ln[0][2] / 4.0 - 2_f64.ln();
        assert!((means[0] - ln[0][0]).abs() < 1e-12 && (means[2] - wide).abs() < 1e-12, "{means:?}");
        let shared = emulator.shared.expect("three samples of each set");
        assert!(shared < 0.1, "a quadratic misses nothing of a line: {shared}");
    }
}
