//! The fit by likelihood: grids, and the strength of the hyperprior by cross-validation.

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::choice::Candidate;
use super::data::Real;
use super::family::{Member, grid_around, uniform_grid};
use super::fit::{Frame, Surrogate, grouped_std_error};
use super::population::Likelihood;
use super::record::FitMethod;

/// Points of the grids on which likelihoods are integrated.
const GRID: u64 = 4096;
/// Strengths of the hyperprior that cross-validation chooses from; 1 stands unless another is better by
/// more than a standard error.
const STRENGTHS: [f64; 3] = [1.0, 0.25, 4.0];

impl Frame<'_> {
    /// A first fit on a uniform grid, and the likelihood on a grid around it.
    pub(crate) fn likelihood(
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

    pub(crate) fn by_likelihood(
        &self,
        likelihood: &Likelihood,
        real: &Real,
        weights: &[f64],
        first: &Member,
        iteration: usize,
    ) -> Candidate {
        let (strength, folds) = self.cross_validate(likelihood, real, weights, first);
        let all: Vec<(usize, f64)> = weights.iter().copied().enumerate().collect();
        let member = self.population(likelihood, all, strength).fit(first);
        Candidate { member, folds, method: FitMethod::Likelihood, strength, iteration }
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

#[cfg(test)]
mod tests {
    use super::*;

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
