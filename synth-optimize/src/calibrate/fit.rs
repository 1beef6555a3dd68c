//! One fit: from the measured sets and the real samples to the calibrated member of the family.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use synth_core::{Estimate, ParameterSpace, Result, Seed};

use super::axes::{Axes, Points};
use super::data::{Generated, Real, Similarity};
use super::emulator::Emulator;
use super::family::{Grid, Hyperprior, Member, grid_around, uniform_grid};
use super::mean::MeanSurrogate;
use super::population::{Likelihood, Population};
use super::summary::Summaries;
use crate::SobolSequence;

/// Points of the grids on which likelihoods are integrated.
const GRID: u64 = 4096;
/// Strengths of the hyperprior that cross-validation chooses from; 1 stands unless another is better by
/// more than a standard error.
const STRENGTHS: [f64; 3] = [1.0, 0.25, 4.0];

/// Everything learned from the measured sets alone.
#[derive(Debug)]
pub(crate) struct Surrogate {
    pub(crate) points: Points,
    pub(crate) basis: DMatrix<f64>,
    pub(crate) summaries: Summaries,
    /// `None` where the embedding reveals nothing of any parameter.
    pub(crate) emulator: Option<Emulator>,
    pub(crate) mean: MeanSurrogate,
    /// k(real, generated).
    pub(crate) cross: DMatrix<f64>,
    /// Row of `smoothed` and number of each measured set.
    pub(crate) firsts: Vec<(usize, usize)>,
    /// Weights of the mean embedding at the measured sets, `[sets, generated]`.
    pub(crate) smoothed: DMatrix<f64>,
}

/// A fitted calibration.
#[derive(Debug)]
pub(crate) struct Fit {
    pub(crate) surrogate: Surrogate,
    pub(crate) member: Member,
    pub(crate) strength: f64,
    pub(crate) likelihood: Likelihood,
    pub(crate) weights: Vec<f64>,
    /// Within-group correlation of the real samples.
    pub(crate) correlation: f64,
    pub(crate) calibrated: Estimate,
    pub(crate) uniform: Estimate,
    /// α of the calibrated and of the uniform distribution.
    pub(crate) alpha: DVector<f64>,
    pub(crate) uniform_alpha: DVector<f64>,
    /// Each real sample's part in `calibrated`, for the standard error of a change.
    pub(crate) influence: Vec<f64>,
}

/// What stays the same through all fits of a run.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) space: &'a ParameterSpace,
    pub(crate) axes: &'a Axes,
    pub(crate) similarity: Similarity<'a>,
    pub(crate) hyper: Hyperprior,
    /// Fold of each real group.
    pub(crate) folds: &'a [usize],
    pub(crate) seed: Seed,
}

impl Frame<'_> {
    pub(crate) fn sequence(&self, purpose: &str) -> SobolSequence {
        let width: usize = self.axes.numbers() + self.axes.levels().len();
        SobolSequence::new(width.max(1), self.seed.derive(purpose))
    }

    /// Learns from generated samples; `real` are the rows that are to be compared with them.
    pub(crate) fn surrogate(&self, generated: &Generated, real: &[Vec<f32>]) -> Result<Surrogate> {
        let points = generated.points(self.axes, self.space)?;
        let basis = self.axes.basis(&points);
        let rows = generated.matrix();
        let summaries = Summaries::fit(&rows, &self.axes.targets(&points), &generated.groups);
        let emulator = Emulator::fit(&basis, &summaries.left_out, &generated.groups);
        let slices = generated.slices();
        let gram = self.similarity.own_gram(&slices);
        let mean = MeanSurrogate::fit(self.axes, &points, &gram, &generated.groups);
        let cross = self.similarity.gram(&real.iter().map(Vec::as_slice).collect::<Vec<_>>(), &slices);
        let rows: Vec<usize> = (0..generated.len())
            .filter(|&i| i == 0 || generated.groups[i] != generated.groups[i - 1])
            .collect();
        let smoothed = mean.weights_at(self.axes, &points.select(&rows, self.axes));
        let firsts = rows.iter().enumerate().map(|(at, &row)| (at, generated.groups[row])).collect();
        Ok(Surrogate { points, basis, summaries, emulator, mean, cross, firsts, smoothed })
    }

    pub(crate) fn fit(&self, generated: &Generated, real: &Real) -> Result<Fit> {
        let surrogate = self.surrogate(generated, &super::data::float_rows(&real.embeddings))?;
        let summaries = surrogate.summaries.of(&real.rows);
        let correlation = intraclass_correlation(&summaries, &real.members);
        let weights = sample_weights(&real.groups, correlation);
        let (likelihood, first) = self.likelihood(&surrogate, &summaries, &weights);
        let (strength, members) = self.cross_validate(&likelihood, real, &weights, &first);
        let all: Vec<(usize, f64)> = weights.iter().copied().enumerate().collect();
        let member = self.population(&likelihood, all, strength).fit(&first);
        let sequence = self.sequence("mean");
        let alpha = surrogate.mean.weights(self.axes, Some(&member), &sequence);
        let uniform_alpha = surrogate.mean.weights(self.axes, None, &sequence);
        let alphas: Vec<DVector<f64>> =
            members.iter().map(|m| surrogate.mean.weights(self.axes, Some(m), &sequence)).collect();
        let (calibrated, influence) = self.divergence(&surrogate, real, &alphas);
        let evens = vec![uniform_alpha.clone(); members.len()];
        let (uniform, _) = self.divergence(&surrogate, real, &evens);
        Ok(Fit {
            surrogate,
            member,
            strength,
            likelihood,
            weights,
            correlation,
            calibrated,
            uniform,
            alpha,
            uniform_alpha,
            influence,
        })
    }

    pub(crate) fn population<'a>(
        &'a self,
        likelihood: &'a Likelihood,
        samples: Vec<(usize, f64)>,
        strength: f64,
    ) -> Population<'a> {
        Population { axes: self.axes, likelihood, samples, hyper: self.hyper, strength }
    }

    /// A first fit on a uniform grid, and the likelihood on a grid around it.
    fn likelihood(
        &self,
        surrogate: &Surrogate,
        summaries: &DMatrix<f64>,
        weights: &[f64],
    ) -> (Likelihood, Member) {
        let first = uniform_grid(self.axes, &self.sequence("grid"), GRID);
        let likelihood = self.likelihood_on(surrogate, summaries, first);
        let samples = weights.iter().copied().enumerate().collect();
        let start = Member::typical(self.axes, &self.hyper);
        let member = self.population(&likelihood, samples, 1.0).fit(&start);
        let near = grid_around(self.axes, &member, &self.sequence("grid around"), GRID);
        (self.likelihood_on(surrogate, summaries, near), member)
    }

    pub(crate) fn likelihood_on(
        &self,
        surrogate: &Surrogate,
        summaries: &DMatrix<f64>,
        grid: Grid,
    ) -> Likelihood {
        let ln = match &surrogate.emulator {
            Some(emulator) => emulator.ln_likelihood(summaries, &self.axes.basis(&grid.points)),
            None => vec![vec![0.0; grid.points.len]; summaries.nrows()],
        };
        Likelihood::new(&ln, grid)
    }

    /// The strength that explains left-out folds best, and the member fitted without each fold.
    fn cross_validate(
        &self,
        likelihood: &Likelihood,
        real: &Real,
        weights: &[f64],
        first: &Member,
    ) -> (f64, Vec<Member>) {
        let folds = self.folds.iter().max().map_or(0, |last| last + 1);
        let fold_of = |sample: usize| self.folds[real.groups[sample]];
        let jobs: Vec<(usize, usize)> =
            (0..STRENGTHS.len()).flat_map(|s| (0..folds).map(move |fold| (s, fold))).collect();
        let fitted: Vec<(Member, Vec<(usize, f64)>)> = jobs
            .par_iter()
            .map(|&(s, fold)| {
                let (inside, outside): (Vec<usize>, Vec<usize>) =
                    (0..real.len()).partition(|&i| fold_of(i) != fold);
                let samples = inside.into_iter().map(|i| (i, weights[i])).collect();
                let population = self.population(likelihood, samples, STRENGTHS[s]);
                let member = population.fit(first);
                let evidence = population.ln_evidence(&member, &outside);
                let weighted = outside.iter().zip(evidence).map(|(&i, e)| (i, weights[i] * e)).collect();
                (member, weighted)
            })
            .collect();
        let evidence = |s: usize| {
            let mut evidence = vec![0.0; real.len()];
            for (_, part) in &fitted[s * folds..(s + 1) * folds] {
                part.iter().for_each(|(i, e)| evidence[*i] += e);
            }
            evidence
        };
        let chosen = best_strength(&(0..STRENGTHS.len()).map(evidence).collect::<Vec<_>>(), &real.groups);
        let members = fitted[chosen * folds..(chosen + 1) * folds].iter().map(|(m, _)| m.clone()).collect();
        (STRENGTHS[chosen], members)
    }

    /// Cross-validated unbiased MMD²: every fold of the real samples against the weights fitted without
    /// it,
    /// ```text
    /// mean_f αfᵀKαf − 2 mean_i Σⱼ αf(i)ⱼ k(xᵢ, xⱼ) + mean_{i≠j} k(xᵢ, xⱼ)
    /// ```
    /// with the standard error over groups.
    fn divergence(
        &self,
        surrogate: &Surrogate,
        real: &Real,
        alphas: &[DVector<f64>],
    ) -> (Estimate, Vec<f64>) {
        let n = real.len() as f64;
        let own: Vec<f64> = alphas.iter().map(|a| a.dot(&(&surrogate.mean.gram * a))).collect();
        let similarity = real.self_similarity();
        let mut value = similarity;
        let mut influence = Vec::with_capacity(real.len());
        for i in 0..real.len() {
            let fold = self.folds[real.groups[i]];
            let witness = surrogate.cross.row(i).transpose().dot(&alphas[fold]);
            let others = (real.gram.row(i).sum() - real.gram[(i, i)]) / (n - 1.0).max(1.0);
            value += (own[fold] - 2.0 * witness) / n;
            influence.push(own[fold] - 2.0 * witness + 2.0 * others);
        }
        let std_error = grouped_std_error(&influence, &real.members);
        let ci95 = std_error.map(|se| [value - 1.96 * se, value + 1.96 * se]);
        (Estimate { value, std_error, ci95, ..Estimate::default() }, influence)
    }
}

/// Standard error of the mean of `values`, whose groups are independent; `None` of fewer than two.
pub(crate) fn grouped_std_error(values: &[f64], members: &[Vec<usize>]) -> Option<f64> {
    let groups = members.len() as f64;
    if groups < 2.0 {
        return None;
    }
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let square = |rows: &Vec<usize>| rows.iter().map(|&r| values[r] - mean).sum::<f64>().powi(2);
    let sum: f64 = members.iter().map(square).sum();
    Some((sum * groups / (groups - 1.0)).sqrt() / n)
}

/// The first strength, unless another has a higher evidence by more than its standard error.
fn best_strength(evidence: &[Vec<f64>], groups: &[usize]) -> usize {
    let members = super::linear::members(groups);
    let n = groups.len() as f64;
    let mut chosen = (0, 0.0);
    for (s, other) in evidence.iter().enumerate().skip(1) {
        let gains: Vec<f64> = other.iter().zip(&evidence[0]).map(|(a, b)| a - b).collect();
        let gain = gains.iter().sum::<f64>() / n;
        let Some(std_error) = grouped_std_error(&gains, &members) else { continue };
        if gain > std_error && gain > chosen.1 {
            chosen = (s, gain);
        }
    }
    chosen.0
}

/// One-way analysis of variance: the share of the summaries' variance that lies between groups, over
/// and above chance, averaged over the summaries; 0 where no group has two samples.
pub(crate) fn intraclass_correlation(summaries: &DMatrix<f64>, members: &[Vec<usize>]) -> f64 {
    let (n, k) = (summaries.nrows() as f64, members.len() as f64);
    if members.iter().all(|rows| rows.len() < 2) || members.len() < 2 || summaries.ncols() == 0 {
        return 0.0;
    }
    let squares: f64 = members.iter().map(|rows| (rows.len() as f64).powi(2)).sum();
    let size = (n - squares / n) / (k - 1.0);
    let (mut between, mut within) = (0.0, 0.0);
    for column in summaries.column_iter() {
        let mean = column.mean();
        for rows in members {
            let own = rows.iter().map(|&r| column[r]).sum::<f64>() / rows.len() as f64;
            between += rows.len() as f64 * (own - mean).powi(2) / (k - 1.0);
            within += rows.iter().map(|&r| (column[r] - own).powi(2)).sum::<f64>() / (n - k).max(1.0);
        }
    }
    let total = between + (size - 1.0) * within;
    if total > 0.0 { ((between - within) / total).clamp(0.0, 1.0) } else { 0.0 }
}

/// A sample among m of its group counts as 1 / (1 + (m − 1)ρ) of an independent one (the design
/// effect; Kish 1965, "Survey sampling", §5.4). `groups` numbers the group of each sample from 0.
pub(crate) fn sample_weights(groups: &[usize], correlation: f64) -> Vec<f64> {
    let mut sizes = vec![0.0; groups.iter().max().map_or(0, |last| last + 1)];
    groups.iter().for_each(|&group| sizes[group] += 1.0);
    groups.iter().map(|&group| 1.0 / (1.0 + (sizes[group] - 1.0) * correlation)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replications_of_one_set_count_once_and_independent_ones_fully() {
        let members: Vec<Vec<usize>> = (0..4).map(|g| vec![3 * g, 3 * g + 1, 3 * g + 2]).collect();
        let same = DMatrix::from_fn(12, 1, |i, _| (i / 3) as f64);
        assert!((intraclass_correlation(&same, &members) - 1.0).abs() < 1e-12);
        let within = DMatrix::from_fn(12, 1, |i, _| (i % 3) as f64);
        assert!(intraclass_correlation(&within, &members) < 1e-12);
    }

    /// Four groups of one: the usual standard error of a mean; worked by hand: √(5/3) / 2.
    #[test]
    fn the_grouped_standard_error_is_the_usual_one_for_single_samples() {
        let members: Vec<Vec<usize>> = (0..4).map(|g| vec![g]).collect();
        let error = grouped_std_error(&[1.0, 2.0, 3.0, 4.0], &members).expect("four groups");
        assert!((error - (5.0_f64 / 3.0).sqrt() / 2.0).abs() < 1e-12, "{error}");
        assert_eq!(grouped_std_error(&[1.0], &[vec![0]]), None);
    }

    #[test]
    fn the_default_strength_stands_unless_another_is_clearly_better() {
        let groups: Vec<usize> = (0..8).collect();
        let zero = vec![0.0; 8];
        let noisy: Vec<f64> = (0..8).map(|i| if i % 2 == 0 { 1.1 } else { -1.0 }).collect();
        assert_eq!(best_strength(&[zero.clone(), noisy], &groups), 0);
        let better: Vec<f64> = (0..8).map(|i| 1.0 + 0.1 * f64::from(i)).collect();
        assert_eq!(best_strength(&[zero, better], &groups), 1);
    }
}
