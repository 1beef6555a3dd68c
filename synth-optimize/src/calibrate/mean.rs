//! The surrogate of the kernel mean embedding: which weighted sum of the generated samples stands for
//! the output of a distribution over the parameters.
//!
//! Kernel ridge regression from parameters to the embedding's feature space (a conditional mean
//! embedding; Song, Huang, Smola & Fukumizu 2009, "Hilbert space embeddings of conditional
//! distributions", ICML, equation 5) gives μ(θ) = Σⱼ αⱼ(θ) k(xⱼ, ·) and, averaged over a
//! distribution φ, μ(φ) = Σⱼ αⱼ(φ) k(xⱼ, ·).

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use super::axes::{Axes, Points};
use super::family::{Member, draw_points};
use super::linear::{members, solve, spd_inverse, square_distances};
use crate::SobolSequence;

const WIDTHS: [f64; 3] = [0.7, 1.2, 2.0];
const RIDGES: [f64; 3] = [0.05, 0.2, 0.8];
/// Points that stand for a distribution when weights are averaged over it.
const AVERAGED: u64 = 1024;

#[derive(Clone, Debug)]
pub(crate) struct MeanSurrogate {
    inputs: DMatrix<f64>,
    width: f64,
    inverse: DMatrix<f64>,
    /// Gram matrix of the generated samples, its diagonal replaced by the mean kernel of two samples
    /// of the same set: then quadratic forms in it are free of the bias of k(x, x) = 1.
    pub(crate) gram: DMatrix<f64>,
}

impl MeanSurrogate {
    /// Learns from the parameter sets of the generated samples and the samples' Gram matrix `[n, n]`;
    /// width and ridge are those whose μ(θ) lies nearest to the samples of left-out sets.
    pub(crate) fn fit(axes: &Axes, points: &Points, gram: &DMatrix<f64>, groups: &[usize]) -> Self {
        let inputs = axes.kernel_inputs(points);
        let squares = square_distances(&inputs, &inputs);
        let members = members(groups);
        let gram = without_self_similarity(gram, &members);
        let n = inputs.nrows();
        let candidates: Vec<(f64, f64)> =
            WIDTHS.iter().flat_map(|&width| RIDGES.map(|ridge| (width, ridge))).collect();
        let fits: Vec<(f64, DMatrix<f64>, f64)> = candidates
            .into_par_iter()
            .map(|(width, ridge)| {
                let kernel = kernel(&squares, width) + DMatrix::identity(n, n) * ridge;
                let inverse = spd_inverse(&kernel);
                let error = left_out_error(&inverse, &gram, &members);
                (width, inverse, error)
            })
            .collect();
        let best = fits.into_iter().min_by(|a, b| a.2.total_cmp(&b.2));
        let (width, inverse, _) = best.expect("invariant: there are candidates");
        Self { inputs, width, inverse, gram }
    }

    /// α of a member (or of the uniform distribution), summing to 1.
    pub(crate) fn weights(
        &self,
        axes: &Axes,
        member: Option<&Member>,
        sequence: &SobolSequence,
    ) -> DVector<f64> {
        let points = draw_points(axes, member, sequence, 0..AVERAGED);
        self.weights_of(&self.kernel_to(axes, &points).row_mean())
    }

    /// α of each single point, `[points, n]`.
    pub(crate) fn weights_at(&self, axes: &Axes, points: &Points) -> DMatrix<f64> {
        let mut rows = self.kernel_to(axes, points) * &self.inverse;
        for mut row in rows.row_iter_mut() {
            let total = row.sum();
            if total.abs() > 1e-9 {
                row /= total;
            }
        }
        rows
    }

    fn kernel_to(&self, axes: &Axes, points: &Points) -> DMatrix<f64> {
        kernel(&square_distances(&axes.kernel_inputs(points), &self.inputs), self.width)
    }

    fn weights_of(&self, mean_kernel: &nalgebra::RowDVector<f64>) -> DVector<f64> {
        let weights = &self.inverse * mean_kernel.transpose();
        let total = weights.sum();
        if total.abs() > 1e-9 { weights / total } else { weights }
    }

    /// Weights that predict each sample from the other sets only, `[n, n]`, rows summing to 1.
    pub(crate) fn left_out_weights(&self, groups: &[usize]) -> DMatrix<f64> {
        let n = self.inputs.nrows();
        let mut weights = DMatrix::zeros(n, n);
        for rows in members(groups) {
            let residual = residual_rows(&self.inverse, &rows);
            for (i, &row) in rows.iter().enumerate() {
                let mut own = -residual.row(i).clone_owned();
                rows.iter().for_each(|&r| own[r] = 0.0);
                let total = own.sum();
                weights.set_row(row, &(own / if total.abs() > 1e-9 { total } else { 1.0 }));
            }
        }
        weights
    }
}

/// RBF plus a constant, so that the weights nearly sum to 1 and far points fall back to the average.
fn kernel(squares: &DMatrix<f64>, width: f64) -> DMatrix<f64> {
    let gamma = 0.5 / (width * width);
    squares.map(|d| (-gamma * d).exp() + 0.3)
}

/// ((A⁻¹)_GG)⁻¹ (A⁻¹)_G: the weights of what is left of the samples of G after predicting them from
/// the others.
fn residual_rows(inverse: &DMatrix<f64>, rows: &[usize]) -> DMatrix<f64> {
    let own = inverse.select_rows(rows);
    solve(own.select_columns(rows), &own)
}

/// Mean squared feature-space distance from left-out samples to their predictions, up to a constant.
fn left_out_error(inverse: &DMatrix<f64>, gram: &DMatrix<f64>, members: &[Vec<usize>]) -> f64 {
    let mut error = 0.0;
    for rows in members {
        let residual = residual_rows(inverse, rows);
        let transformed = &residual * gram;
        error += residual.component_mul(&transformed).sum();
    }
    error / inverse.nrows() as f64
}

fn without_self_similarity(gram: &DMatrix<f64>, members: &[Vec<usize>]) -> DMatrix<f64> {
    let mut corrected = gram.clone();
    let within = |rows: &[usize]| {
        let pairs = rows.iter().enumerate().flat_map(|(i, &a)| rows[..i].iter().map(move |&b| gram[(a, b)]));
        let (sum, count) = pairs.fold((0.0, 0.0), |(sum, count), k| (sum + k, count + 1.0));
        (count > 0.0).then(|| sum / count)
    };
    let known: Vec<f64> = members.iter().filter_map(|rows| within(rows)).collect();
    let mean = known.iter().sum::<f64>() / known.len().max(1) as f64;
    for rows in members {
        // Sets with one sample tell nothing of their own spread; nor do two or three tell much.
        let own = within(rows).map_or(mean, |own| 0.5 * (own + mean));
        rows.iter().for_each(|&r| corrected[(r, r)] = own);
    }
    corrected
}
