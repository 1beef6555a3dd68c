//! One fit: from the measured sets and the real samples to the calibrated member of the family.

use nalgebra::{DMatrix, DVector};
use rayon::prelude::*;
use synth_core::{Estimate, ParameterSpace, Result, Seed};

use super::axes::{Axes, Points};
use super::choice::{Candidate, Finalist, Judged, Measured, best_measured, choose};
use super::data::{Generated, Real, Similarity};
use super::emulator::Emulator;
use super::family::{Grid, Hyperprior, Member, grid_around};
use super::linear::members;
use super::matching::{Matched, match_mean, mean_cross};
use super::mean::MeanSurrogate;
use super::population::{Likelihood, Population};
use super::record::{FitMethod, Measurement};
use super::summary::Summaries;
use crate::SobolSequence;

/// Points of the grid around a distribution that no likelihood gave; the verdict refits on it many times.
const CHOSEN_GRID: u64 = 1024;
/// Everything learned from the measured sets alone.
#[derive(Debug)]
pub(crate) struct Surrogate {
    pub(crate) points: Points,
    /// The set of each generated sample.
    pub(crate) groups: Vec<usize>,
    pub(crate) basis: DMatrix<f64>,
    pub(crate) summaries: Summaries,
    /// `None` where the embedding reveals nothing of any parameter.
    pub(crate) emulator: Option<Emulator>,
    pub(crate) mean: MeanSurrogate,
    /// k(real, generated).
    pub(crate) cross: DMatrix<f64>,
    /// First row and number of each measured set with replications, in the order of `smoothed`.
    pub(crate) firsts: Vec<(usize, usize)>,
    /// Weights of the mean embedding at those sets, `[sets, generated]`.
    pub(crate) smoothed: DMatrix<f64>,
}

impl Surrogate {
    /// Divergence of each measured set's output, as the surrogate has it, from samples of the given mean
    /// kernel with the generated ones; up to the samples' own similarity.
    pub(crate) fn single_sets(&self, target: &DVector<f64>) -> Vec<f64> {
        let divergence =
            |weights: DVector<f64>| weights.dot(&(&self.mean.gram * &weights)) - 2.0 * weights.dot(target);
        self.smoothed.row_iter().map(|row| divergence(row.transpose())).collect()
    }
}

/// A fitted calibration.
#[derive(Debug)]
pub(crate) struct Fit {
    pub(crate) surrogate: Surrogate,
    pub(crate) chosen: Candidate,
    pub(crate) likelihood: Likelihood,
    pub(crate) weights: Vec<f64>,
    /// Within-group correlation of the real samples.
    pub(crate) correlation: f64,
    /// Cross-validated divergence of the chosen and of the uniform distribution.
    pub(crate) calibrated: Judged,
    pub(crate) uniform: Estimate,
    /// α of the calibrated and of the uniform distribution.
    pub(crate) alpha: DVector<f64>,
    pub(crate) uniform_alpha: DVector<f64>,
    /// Squared distance (MMD²) of the chosen distribution from the one chosen before.
    pub(crate) moved: Option<f64>,
    /// What samples of their own say of the finalists, in their order, and which of them was chosen.
    pub(crate) measured: Vec<Measurement>,
    pub(crate) winner: Option<usize>,
    /// A distribution that the surrogate takes for better than the winner, not measured so far.
    pub(crate) rival: Option<Candidate>,
}

/// What stays the same through all fits of a run.
#[derive(Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) space: &'a ParameterSpace,
    pub(crate) axes: &'a Axes,
    pub(crate) similarity: Similarity<'a>,
    pub(crate) hyper: Hyperprior,
    /// The divergence that a perfect generator exceeds in one of twenty real sets.
    pub(crate) perfect: f64,
    /// Fold of each real group.
    pub(crate) folds: &'a [usize],
    pub(crate) seed: Seed,
}

impl Frame<'_> {
    /// Coordinates that a quasi-random point of the space takes.
    pub(crate) fn sequence_width(&self) -> usize {
        (self.axes.numbers() + self.axes.levels().len()).max(1)
    }

    pub(crate) fn sequence(&self, purpose: &str) -> SobolSequence {
        SobolSequence::new(self.sequence_width(), self.seed.derive(purpose))
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
        let rows = first_rows(&generated.groups);
        let smoothed = mean.weights_at(self.axes, &points.select(&rows, self.axes));
        let firsts = rows.iter().map(|&row| (row, generated.groups[row])).collect();
        let groups = generated.groups.clone();
        Ok(Surrogate { points, groups, basis, summaries, emulator, mean, cross, firsts, smoothed })
    }

    /// Fits by likelihood and by mean embedding, and chooses: the fit by likelihood, unless one of the
    /// others, the uniform distribution, or one chosen `earlier` is clearly nearer to the real samples. Once
    /// there are finalists, the best of them by their own samples is chosen, and that other is its rival.
    pub(crate) fn fit(
        &self,
        generated: &Generated,
        real: &Real,
        iteration: usize,
        earlier: &Earlier<'_>,
    ) -> Result<Fit> {
        let surrogate = self.surrogate(generated, &super::data::float_rows(&real.embeddings))?;
        let summaries = surrogate.summaries.of(&real.rows);
        let correlation = intraclass_correlation(&summaries, &real.members);
        let weights = sample_weights(&real.groups, correlation);
        let (likelihood, first) = self.likelihood(&surrogate, &summaries, &weights);
        let by_likelihood = self.by_likelihood(&likelihood, real, &weights, &first, iteration);
        let even = Candidate::uniform(self.axes, by_likelihood.folds.len(), iteration);
        let by_mean = self.by_mean(&surrogate, real, &by_likelihood.member, iteration);
        let mut candidates = vec![by_likelihood];
        candidates.extend(by_mean);
        candidates.push(even);
        let is_finalist = |c: &&Candidate| earlier.finalists.iter().any(|f| f.candidate.member == c.member);
        candidates.extend(earlier.chosen.iter().filter(|c| !is_finalist(c)).cloned());
        let mut judged: Vec<Judged> =
            candidates.iter().map(|candidate| self.judge(&surrogate, real, candidate)).collect();
        let at = choose(&judged, &real.members, self.perfect);
        let learned = Learned { surrogate, summaries, likelihood, weights, correlation };
        let (first, judged_first) = (candidates.swap_remove(at), judged.swap_remove(at));
        let finalists: Vec<Measured> = earlier
            .finalists
            .iter()
            .map(|finalist| Measured::of(&learned.surrogate, real, finalist.drawn.clone()))
            .collect();
        let Some(winner) = best_measured(&finalists) else {
            return Ok(self.fitted(learned, real, first, judged_first, earlier.previous));
        };
        let contested = finalists[winner].is_beaten_by(&judged_first, &real.members, self.perfect);
        let chosen = earlier.finalists[winner].candidate.clone();
        let judged = self.judge(&learned.surrogate, real, &chosen);
        let record = |(measured, finalist): (&Measured, &Finalist)| {
            measured.record(&finalist.candidate, &real.members)
        };
        Ok(Fit {
            measured: finalists.iter().zip(earlier.finalists).map(record).collect(),
            winner: Some(winner),
            rival: contested.then_some(first),
            ..self.fitted(learned, real, chosen, judged, earlier.previous)
        })
    }

    /// A fit whose choice is made.
    fn fitted(
        &self,
        learned: Learned,
        real: &Real,
        chosen: Candidate,
        calibrated: Judged,
        previous: Option<&Member>,
    ) -> Fit {
        let Learned { surrogate, summaries, likelihood, weights, correlation } = learned;
        let likelihood = match chosen.method {
            FitMethod::Likelihood => likelihood,
            _ => {
                let grid = grid_around(self.axes, &chosen.member, &self.sequence("grid chosen"), CHOSEN_GRID);
                self.likelihood_on(&surrogate, &summaries, grid)
            }
        };
        let sequence = self.sequence("mean");
        let alpha = surrogate.mean.weights(self.axes, Some(&chosen.member), &sequence);
        let uniform_alpha = surrogate.mean.weights(self.axes, None, &sequence);
        let moved = previous.map(|member| {
            let change = &alpha - surrogate.mean.weights(self.axes, Some(member), &sequence);
            change.dot(&(&surrogate.mean.gram * &change))
        });
        let evens = vec![uniform_alpha.clone(); chosen.folds.len()];
        let uniform = self.divergence(&surrogate, real, &evens).estimate;
        Fit {
            surrogate,
            chosen,
            likelihood,
            weights,
            correlation,
            calibrated,
            uniform,
            alpha,
            uniform_alpha,
            moved,
            measured: Vec::new(),
            winner: None,
            rival: None,
        }
    }

    fn by_mean(
        &self,
        surrogate: &Surrogate,
        real: &Real,
        first: &Member,
        iteration: usize,
    ) -> Vec<Candidate> {
        let everything: Vec<usize> = (0..real.len()).collect();
        let single = surrogate.single_sets(&mean_cross(&surrogate.cross, &everything));
        let mut order: Vec<usize> = (0..single.len()).collect();
        order.sort_by(|&a, &b| single[a].total_cmp(&single[b]));
        let best: Vec<usize> = order.into_iter().map(|at| surrogate.firsts[at].0).collect();
        let candidate = |matched: Matched| {
            let Matched { member, folds, strength } = matched;
            Candidate { member, folds, method: FitMethod::MeanEmbedding, strength, iteration }
        };
        match_mean(self, surrogate, real, first, &best).into_iter().map(candidate).collect()
    }

    fn judge(&self, surrogate: &Surrogate, real: &Real, candidate: &Candidate) -> Judged {
        let sequence = self.sequence("mean");
        let alphas: Vec<DVector<f64>> = candidate
            .folds
            .par_iter()
            .map(|member| surrogate.mean.weights(self.axes, Some(member), &sequence))
            .collect();
        self.divergence(surrogate, real, &alphas)
    }

    pub(crate) fn population<'a>(
        &'a self,
        likelihood: &'a Likelihood,
        samples: Vec<(usize, f64)>,
        strength: f64,
    ) -> Population<'a> {
        Population { axes: self.axes, likelihood, samples, hyper: self.hyper, strength }
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

    /// Cross-validated unbiased MMD²: every fold of the real samples against the weights fitted without
    /// it,
    /// ```text
    /// mean_f αfᵀKαf − 2 mean_i Σⱼ αf(i)ⱼ k(xᵢ, xⱼ) + mean_{i≠j} k(xᵢ, xⱼ)
    /// ```
    /// with the standard error over groups.
    fn divergence(&self, surrogate: &Surrogate, real: &Real, alphas: &[DVector<f64>]) -> Judged {
        let n = real.len() as f64;
        let own: Vec<f64> = alphas.iter().map(|a| a.dot(&(&surrogate.mean.gram * a))).collect();
        let similarity = real.self_similarity();
        let mut value = similarity;
        let mut influence = Vec::with_capacity(real.len());
        for i in 0..real.len() {
            let fold = self.folds[real.groups[i]];
            let witness = surrogate.cross.row(i).transpose().dot(&alphas[fold]);
            value += (own[fold] - 2.0 * witness) / n;
            influence.push(own[fold] - 2.0 * witness + 2.0 * real.similarity_to_others(i));
        }
        let std_error = grouped_std_error(&influence, &real.members);
        let ci95 = std_error.map(|se| [value - 1.96 * se, value + 1.96 * se]);
        let estimate = Estimate { value, std_error, ci95, ..Estimate::default() };
        Judged { estimate, influence }
    }
}

/// The first row of each set with replications, which tell something of the set, where most rows are of such; else
/// of each set.
fn first_rows(groups: &[usize]) -> Vec<usize> {
    let members = members(groups);
    let alone = members.iter().filter(|rows| rows.len() == 1).count();
    let least = if 2 * alone < groups.len() { 2 } else { 1 };
    members.iter().filter(|rows| rows.len() >= least).map(|rows| rows[0]).collect()
}

/// What is known from the iterations before.
#[derive(Debug, Default)]
pub(crate) struct Earlier<'a> {
    /// The distribution chosen in the last one.
    pub(crate) previous: Option<&'a Member>,
    /// Distributions chosen in them.
    pub(crate) chosen: &'a [Candidate],
    pub(crate) finalists: &'a [Finalist],
}

/// What was learned before a choice is made.
struct Learned {
    surrogate: Surrogate,
    summaries: DMatrix<f64>,
    likelihood: Likelihood,
    weights: Vec<f64>,
    correlation: f64,
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
}
