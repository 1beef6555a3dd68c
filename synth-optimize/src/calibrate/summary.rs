//! Summary statistics: what an embedding reveals of the parameters.
//!
//! The best low-dimensional summary for inferring θ is E[θ | x] (Fearnhead & Prangle 2012, "Constructing
//! summary statistics for approximate Bayesian computation", J. R. Stat. Soc. B 74(3), theorem 3). It is
//! estimated by kernel ridge regression from the embedding to the parameters and their products, each
//! with the metric, width and ridge that predict left-out parameter sets best.

use nalgebra::{DMatrix, RowDVector};
use rayon::prelude::*;

use super::linear::{leave_group_out, median, members, spd_inverse, square_distances};

/// Kernel widths, as multiples of the median distance.
const WIDTHS: [f64; 2] = [1.0, std::f64::consts::SQRT_2];
/// Ridges, in units of the kernel's variance.
const RIDGES: [f64; 4] = [0.01, 0.05, 0.2, 0.8];
/// A target of which left-out sets reveal less than this share is no summary.
const LEAST_R2: f64 = 0.02;

/// A scaling of the embedding's columns under which distances are taken.
#[derive(Clone, Debug)]
struct Metric {
    centre: RowDVector<f64>,
    scale: RowDVector<f64>,
    rows: DMatrix<f64>,
    median_square: f64,
}

impl Metric {
    fn new(embeddings: &DMatrix<f64>, standardised: bool) -> (Self, DMatrix<f64>) {
        let centre = embeddings.row_mean();
        let variance = embeddings.row_variance();
        let floor = 1e-6 * variance.max().max(f64::MIN_POSITIVE);
        let scale = variance.map(|v| if standardised { 1.0 / (v + floor).sqrt() } else { 1.0 });
        let rows = scaled(embeddings, &centre, &scale);
        let squares = square_distances(&rows, &rows);
        let n = rows.nrows();
        let pairs = (0..n).flat_map(|j| (0..j).map(move |i| (i, j))).map(|at| squares[at]).collect();
        let median_square = median(pairs).max(f64::MIN_POSITIVE);
        (Self { centre, scale, rows, median_square }, squares)
    }

    fn squares_to(&self, embeddings: &DMatrix<f64>) -> DMatrix<f64> {
        square_distances(&scaled(embeddings, &self.centre, &self.scale), &self.rows)
    }
}

fn scaled(rows: &DMatrix<f64>, centre: &RowDVector<f64>, scale: &RowDVector<f64>) -> DMatrix<f64> {
    DMatrix::from_fn(rows.nrows(), rows.ncols(), |i, j| (rows[(i, j)] - centre[j]) * scale[j])
}

/// RBF of the width plus a constant, which stands for the intercept.
fn kernel(squares: &DMatrix<f64>, median_square: f64, width: f64) -> DMatrix<f64> {
    let gamma = 0.5 / (width * width * median_square);
    squares.map(|d| (-gamma * d).exp() + 1.0)
}

#[derive(Clone, Debug)]
struct Candidate {
    metric: usize,
    width: f64,
    ridge: f64,
}

/// One regression that gives some of the summaries.
#[derive(Clone, Debug)]
struct Regression {
    candidate: Candidate,
    coefficients: DMatrix<f64>,
    residuals: DMatrix<f64>,
}

/// Learned summaries.
#[derive(Clone, Debug)]
pub(crate) struct Summaries {
    metrics: Vec<Metric>,
    /// For each kept target: its candidate and coefficients.
    columns: Vec<(Candidate, Vec<f64>)>,
    /// Share of each target's variance that left-out sets reveal, all targets; may be negative.
    pub(crate) r2: Vec<f64>,
    /// Summaries of the training rows, each predicted without its own parameter set, `[n, kept]`.
    pub(crate) left_out: DMatrix<f64>,
}

impl Summaries {
    /// Learns from embeddings `[n, d]`, targets `[n, t]` and the parameter set of each row.
    pub(crate) fn fit(embeddings: &DMatrix<f64>, targets: &DMatrix<f64>, groups: &[usize]) -> Self {
        let (metrics, squares): (Vec<Metric>, Vec<DMatrix<f64>>) =
            [false, true].map(|standardised| Metric::new(embeddings, standardised)).into_iter().unzip();
        let targets = standardised(targets);
        let members = members(groups);
        let candidates: Vec<Candidate> = (0..metrics.len())
            .flat_map(|metric| WIDTHS.map(|width| (metric, width)))
            .flat_map(|(metric, width)| RIDGES.map(|ridge| Candidate { metric, width, ridge }))
            .collect();
        let regressions: Vec<Regression> = candidates
            .into_par_iter()
            .map(|candidate| {
                let metric = &metrics[candidate.metric];
                let gram = kernel(&squares[candidate.metric], metric.median_square, candidate.width);
                let n = gram.nrows();
                let inverse = spd_inverse(&(gram + DMatrix::identity(n, n) * candidate.ridge));
                let coefficients = &inverse * &targets;
                let residuals = leave_group_out(&inverse, &coefficients, &members);
                Regression { candidate, coefficients, residuals }
            })
            .collect();
        Self::select(metrics, &regressions, &targets)
    }

    /// The best regression for each target.
    fn select(metrics: Vec<Metric>, regressions: &[Regression], targets: &DMatrix<f64>) -> Self {
        let n = targets.nrows();
        let (mut columns, mut kept, mut r2) = (Vec::new(), Vec::new(), Vec::new());
        for target in 0..targets.ncols() {
            let error = |r: &Regression| r.residuals.column(target).norm_squared() / n as f64;
            let variance = targets.column(target).norm_squared() / n as f64;
            let Some(best) = regressions.iter().min_by(|a, b| error(a).total_cmp(&error(b))) else {
                continue;
            };
            r2.push(if variance > 0.0 { 1.0 - error(best) / variance } else { 0.0 });
            if r2[target] > LEAST_R2 {
                let coefficients = best.coefficients.column(target).iter().copied().collect();
                columns.push((best.candidate.clone(), coefficients));
                kept.push(targets.column(target) - best.residuals.column(target));
            }
        }
        let left_out = if kept.is_empty() { DMatrix::zeros(n, 0) } else { DMatrix::from_columns(&kept) };
        Self { metrics, columns, r2, left_out }
    }

    /// Summaries of other embeddings, `[m, kept]`.
    pub(crate) fn of(&self, embeddings: &DMatrix<f64>) -> DMatrix<f64> {
        let mut out = DMatrix::zeros(embeddings.nrows(), self.columns.len());
        for (at, metric) in self.metrics.iter().enumerate() {
            if self.columns.iter().all(|(candidate, _)| candidate.metric != at) {
                continue;
            }
            let squares = metric.squares_to(embeddings);
            for width in WIDTHS {
                let wanted = |c: &Candidate| c.metric == at && c.width.total_cmp(&width).is_eq();
                if !self.columns.iter().any(|(candidate, _)| wanted(candidate)) {
                    continue;
                }
                let gram = kernel(&squares, metric.median_square, width);
                for (column, (_, coefficients)) in
                    self.columns.iter().enumerate().filter(|(_, (candidate, _))| wanted(candidate))
                {
                    let predicted = &gram * nalgebra::DVector::from_column_slice(coefficients);
                    out.set_column(column, &predicted);
                }
            }
        }
        out
    }
}

/// Columns with mean 0 and variance 1; a constant column becomes 0.
fn standardised(targets: &DMatrix<f64>) -> DMatrix<f64> {
    let (mean, variance) = (targets.row_mean(), targets.row_variance());
    DMatrix::from_fn(targets.nrows(), targets.ncols(), |i, j| {
        if variance[j] > 1e-12 { (targets[(i, j)] - mean[j]) / variance[j].sqrt() } else { 0.0 }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first target is a smooth function of the embedding, the second has nothing to do with it.
    #[test]
    fn keeps_what_the_embedding_reveals_and_drops_what_it_does_not() {
        let stream = &mut synth_core::Seed::from_u64(1).stream(0);
        let embeddings = DMatrix::from_fn(120, 6, |_, _| stream.normal());
        let targets = DMatrix::from_fn(120, 2, |i, j| match j {
            0 => embeddings[(i, 0)] + 0.5 * embeddings[(i, 1)].powi(2),
            _ => stream.normal(),
        });
        let groups: Vec<usize> = (0..120).map(|i| i / 3).collect();
        let summaries = Summaries::fit(&embeddings, &targets, &groups);
        assert!(summaries.r2[0] > 0.6 && summaries.r2[1] < 0.1, "{:?}", summaries.r2);
        assert_eq!(summaries.left_out.ncols(), 1 + usize::from(summaries.r2[1] > LEAST_R2));
        let again = summaries.of(&embeddings);
        let error = (again.column(0) - standardised(&targets).column(0)).norm_squared() / 120.0;
        assert!(error < 1.0 - summaries.r2[0], "seen rows fit better than left-out ones: {error}");
    }
}
