//! The fit by mean embedding: the member whose output, as the surrogate has it, lies nearest to the
//! real samples.
//!
//! The likelihood of [`super::population`] presumes that every real sample is one that the generator
//! can make. Where that is wrong, summaries of real samples are extrapolations and the likelihood may
//! point anywhere. This fit presumes nothing of the kind: with α(θₘ) the surrogate's weights at the
//! points of a grid and W as there,
//! ```text
//! J(φ) = (aᵀKa − 2 aᵀc) / v − λ (−ln h(φ)),   a = Σₘ Wₘ(φ) α(θₘ),   cⱼ = mean k(xᵢ, x̃ⱼ) of the real xᵢ
//! ```
//! v = (mean k(xᵢ, xᵢ) − mean k(xᵢ, xᵢ′)) / n being what the divergence of n samples from their own
//! distribution varies by (a minimum-MMD estimator; Briol, Barp, Duncan & Girolami 2019, "Statistical
//! inference for generative models with maximum mean discrepancy", arXiv 1906.05944, §2).

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;

use super::axes::Axes;
use super::data::Real;
use super::family::{Grid, Hyperprior, Member, grid_over};
use super::fit::{Frame, Surrogate};
use super::population::{Scratch, chain, ln_hyperprior};
use crate::minimize::{Budget, minimize_in_box};

/// Points of the grid.
const GRID: u64 = 1024;
/// Best single sets about which a fit begins.
const STARTS: usize = 3;
/// Strengths λ of the hyperprior: one that a wide truth costs little, and one that a narrow truth does.
const STRENGTHS: [f64; 2] = [0.5, 0.03];
const FIT: Budget = Budget { iterations: 60, gradient: 1e-3, gain: 1e-4 };
const REFIT: Budget = Budget { iterations: 20, gradient: 1e-2, gain: 1e-3 };

/// Surrogate and grid of a fit by mean embedding.
#[derive(Debug)]
pub(crate) struct Matching<'a> {
    axes: &'a Axes,
    hyper: Hyperprior,
    grid: &'a Grid,
    /// α at the grid's points, `[points, generated]`.
    weights: &'a DMatrix<f64>,
    gram: &'a DMatrix<f64>,
    scale: Scale,
}

/// How divergence and hyperprior weigh against each other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Scale {
    /// v.
    pub(crate) unit: f64,
    /// λ.
    pub(crate) strength: f64,
}

impl<'a> Matching<'a> {
    pub(crate) fn new(
        frame: &Frame<'a>,
        grid: &'a Grid,
        weights: &'a DMatrix<f64>,
        gram: &'a DMatrix<f64>,
        scale: Scale,
    ) -> Self {
        Self { axes: frame.axes, hyper: frame.hyper, grid, weights, gram, scale }
    }

    /// The member that minimises J for samples of mean kernel `target` with the generated ones, from
    /// `start`.
    pub(crate) fn refit(&self, target: &DVector<f64>, start: &Member) -> Member {
        self.minimise(target, start, REFIT).0
    }

    fn minimise(&self, target: &DVector<f64>, start: &Member, budget: Budget) -> (Member, f64) {
        let (low, high) = Member::bounds(self.axes);
        let mut scratch = Scratch::default();
        let minimum =
            minimize_in_box(&start.to_vector(self.axes), &low, &high, budget, &mut |x, gradient| {
                self.objective(x, target, gradient, &mut scratch)
            });
        (Member::from_vector(&minimum.x, self.axes, &self.hyper), minimum.value)
    }

    /// The best fits without each fold of the real samples, begun from the optima of all.
    fn without_folds(
        &self,
        frame: &Frame<'_>,
        surrogate: &Surrogate,
        real: &Real,
        optima: &[(Member, f64)],
    ) -> Vec<Member> {
        let folds = frame.folds.iter().max().map_or(0, |last| last + 1);
        (0..folds)
            .into_par_iter()
            .map(|fold| {
                let inside: Vec<usize> =
                    (0..real.len()).filter(|&i| frame.folds[real.groups[i]] != fold).collect();
                let target = mean_cross(&surrogate.cross, &inside);
                let refits = optima.iter().map(|(start, _)| self.minimise(&target, start, REFIT));
                let best = refits.min_by(|a, b| a.1.total_cmp(&b.1));
                best.map_or_else(|| Member::typical(self.axes, &self.hyper), |(member, _)| member)
            })
            .collect()
    }

    /// J and its gradient.
    fn objective(
        &self,
        x: &[f64],
        target: &DVector<f64>,
        gradient: &mut [f64],
        scratch: &mut Scratch,
    ) -> f64 {
        let member = Member::from_vector(x, self.axes, &self.hyper);
        scratch.weights(self.axes, &member, self.grid);
        let alpha = self.weights.tr_mul(&DVector::from_column_slice(&scratch.weight));
        let own = self.gram * &alpha;
        let value = (alpha.dot(&own) - 2.0 * alpha.dot(target)) / self.scale.unit;
        let slope = self.weights * ((own - target) * (-2.0 / self.scale.unit));
        let mean: f64 = slope.iter().zip(&scratch.weight).map(|(s, w)| s * w).sum();
        scratch.response.clear();
        scratch.response.extend(slope.iter().zip(&scratch.weight).map(|(s, w)| w * (s - mean)));
        chain(self.axes, &self.grid.points, &member, &scratch.response, gradient);
        let prior = ln_hyperprior(self.axes, &self.hyper, self.scale.strength, &member, gradient);
        gradient.iter_mut().for_each(|g| *g = -*g);
        value - prior
    }
}

/// A fit by mean embedding.
#[derive(Debug)]
pub(crate) struct Matched {
    pub(crate) member: Member,
    /// Fitted without each fold.
    pub(crate) folds: Vec<Member>,
    pub(crate) strength: f64,
}

/// One fit for each strength, strongest first. Fits begin from `first`, from the middle of the space, and
/// from narrow members about the first of the generated rows `best`; those without a fold from the optima
/// of all real samples.
pub(crate) fn match_mean(
    frame: &Frame<'_>,
    surrogate: &Surrogate,
    real: &Real,
    first: &Member,
    best: &[usize],
) -> Vec<Matched> {
    let (axes, hyper) = (frame.axes, frame.hyper);
    let about = |&row: &usize| Member::about(axes, &hyper, &surrogate.points, row);
    let mut starts: Vec<Member> = best.iter().take(STARTS).map(about).collect();
    starts.extend([first.clone(), Member::typical(axes, &hyper)]);
    let around: Vec<Member> = starts.iter().map(|start| start.widened(1.5, 0.1, 0.3)).collect();
    let grid = grid_over(axes, &around, &frame.sequence("grid of means"), GRID);
    let weights = surrogate.mean.weights_at(axes, &grid.points);
    let unit = null_scale(real);
    let everything: Vec<usize> = (0..real.len()).collect();
    let target = mean_cross(&surrogate.cross, &everything);
    let matched = |strength: f64| {
        let matching = Matching::new(frame, &grid, &weights, &surrogate.mean.gram, Scale { unit, strength });
        let optima: Vec<(Member, f64)> =
            starts.par_iter().map(|start| matching.minimise(&target, start, FIT)).collect();
        let best = optima.iter().min_by(|a, b| a.1.total_cmp(&b.1)).map_or(first, |(member, _)| member);
        let folds = matching.without_folds(frame, surrogate, real, &optima);
        Matched { member: best.clone(), folds, strength }
    };
    STRENGTHS.into_iter().map(matched).collect()
}

/// What the unbiased divergence of n real samples from their own distribution varies by.
pub(crate) fn null_scale(real: &Real) -> f64 {
    let spread = real.gram.diagonal().mean() - real.self_similarity();
    (spread / real.members.len() as f64).max(1e-9)
}

/// Mean kernel of some real samples with each generated one.
pub(crate) fn mean_cross(cross: &DMatrix<f64>, rows: &[usize]) -> DVector<f64> {
    let mut mean = DVector::zeros(cross.ncols());
    for &row in rows {
        mean += cross.row(row).transpose();
    }
    mean / rows.len().max(1) as f64
}
