//! What is known so far: the real samples and the measured parameter sets, with their distances.

use nalgebra::DMatrix;
use rayon::prelude::*;
use synth_core::{Embeddings, Error, FittedDivergence, Kernel, ParameterSet, ParameterSpace, Result, Seed};

use super::axes::{Axes, Points};
use super::linear::{median, members};

/// The real samples.
#[derive(Debug)]
pub(crate) struct Real {
    pub(crate) embeddings: Embeddings,
    pub(crate) rows: DMatrix<f64>,
    pub(crate) groups: Vec<usize>,
    pub(crate) members: Vec<Vec<usize>>,
    /// k(xᵢ, xⱼ) among real samples.
    pub(crate) gram: DMatrix<f64>,
}

/// The generated samples.
#[derive(Clone, Debug, Default)]
pub(crate) struct Generated {
    pub(crate) ids: Vec<String>,
    pub(crate) rows: Vec<Vec<f32>>,
    pub(crate) sets: Vec<ParameterSet>,
    /// The parameter set of each sample, numbered in the order of arrival.
    pub(crate) groups: Vec<usize>,
}

/// The kernel in use: the divergence's own, or an RBF of median bandwidth where it has none.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Similarity<'a> {
    Own(&'a dyn Kernel),
    Rbf { gamma: f64 },
}

impl<'a> Similarity<'a> {
    pub(crate) fn of(divergence: &'a dyn FittedDivergence, reference: &Embeddings) -> Self {
        divergence.kernel().map_or_else(|| Self::Rbf { gamma: median_gamma(reference) }, Self::Own)
    }

    fn value(&self, x: &[f32], y: &[f32]) -> f64 {
        match self {
            Self::Own(kernel) => kernel.value(x, y),
            Self::Rbf { gamma } => {
                let square: f64 = x.iter().zip(y).map(|(a, b)| f64::from(a - b).powi(2)).sum();
                (-gamma * square).exp()
            }
        }
    }

    /// k of every left row with every right row, `[left, right]`.
    pub(crate) fn gram(&self, left: &[&[f32]], right: &[&[f32]]) -> DMatrix<f64> {
        let rows: Vec<Vec<f64>> =
            left.par_iter().map(|x| right.iter().map(|y| self.value(x, y)).collect()).collect();
        DMatrix::from_fn(left.len(), right.len(), |i, j| rows[i][j])
    }

    /// k among rows, half of it computed.
    pub(crate) fn own_gram(&self, rows: &[&[f32]]) -> DMatrix<f64> {
        let lower: Vec<Vec<f64>> = (0..rows.len())
            .into_par_iter()
            .map(|i| rows[..=i].iter().map(|y| self.value(rows[i], y)).collect())
            .collect();
        DMatrix::from_fn(rows.len(), rows.len(), |i, j| lower[i.max(j)][i.min(j)])
    }
}

fn median_gamma(reference: &Embeddings) -> f64 {
    let rows = reference.matrix();
    let n = rows.nrows();
    let square = |i: usize, j: usize| -> f64 {
        rows.row(i).iter().zip(rows.row(j)).map(|(a, b)| f64::from(a - b).powi(2)).sum()
    };
    let squares = (0..n).flat_map(|i| (0..i).map(move |j| (i, j))).map(|(i, j)| square(i, j)).collect();
    0.5 / median(squares).max(f64::MIN_POSITIVE)
}

impl Real {
    pub(crate) fn new(embeddings: Embeddings, similarity: Similarity<'_>) -> Self {
        let matrix = embeddings.matrix();
        let rows = DMatrix::from_fn(matrix.nrows(), matrix.ncols(), |i, j| f64::from(matrix[(i, j)]));
        let owned = float_rows(&embeddings);
        let gram = similarity.own_gram(&owned.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let groups = embeddings.group_numbers();
        let members = members(&groups);
        Self { embeddings, rows, groups, members, gram }
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.len()
    }

    /// Mean of k(xᵢ, ·) over the other samples.
    pub(crate) fn similarity_to_others(&self, i: usize) -> f64 {
        (self.gram.row(i).sum() - self.gram[(i, i)]) / (self.len() as f64 - 1.0).max(1.0)
    }

    /// Mean of k over pairs of samples of different groups: E k(x, x′) without bias.
    pub(crate) fn self_similarity(&self) -> f64 {
        let (mut sum, mut pairs) = (0.0, 0.0);
        for i in 0..self.len() {
            for j in 0..i {
                if self.groups[i] != self.groups[j] {
                    sum += self.gram[(i, j)];
                    pairs += 1.0;
                }
            }
        }
        if pairs > 0.0 { sum / pairs } else { 1.0 }
    }
}

pub(crate) fn float_rows(embeddings: &Embeddings) -> Vec<Vec<f32>> {
    embeddings.matrix().rows().into_iter().map(|row| row.iter().copied().collect()).collect()
}

impl Generated {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn matrix(&self) -> DMatrix<f64> {
        let width = self.rows.first().map_or(0, Vec::len);
        DMatrix::from_fn(self.len(), width, |i, j| f64::from(self.rows[i][j]))
    }

    pub(crate) fn slices(&self) -> Vec<&[f32]> {
        self.rows.iter().map(Vec::as_slice).collect()
    }

    pub(crate) fn points(&self, axes: &Axes, space: &ParameterSpace) -> Result<Points> {
        axes.points(space, &self.sets)
    }
}

/// A quarter of the groups kept aside where there are enough samples that are independent.
pub(crate) fn split(
    real: &Embeddings,
    holdout_from: usize,
    seed: Seed,
) -> Result<(Embeddings, Option<Embeddings>)> {
    let groups = real.group_numbers();
    let count = real.group_count();
    if count < holdout_from {
        return Ok((real.clone(), None));
    }
    let mut order: Vec<usize> = (0..count).collect();
    seed.derive("holdout").stream(0).shuffle(&mut order);
    let held: Vec<usize> = order[..count / 4].to_vec();
    let (outside, inside): (Vec<usize>, Vec<usize>) =
        (0..real.len()).partition(|&i| held.contains(&groups[i]));
    Ok((real.select(&inside)?, Some(real.select(&outside)?)))
}

/// The fold of each group.
pub(crate) fn folds(groups: usize, folds: usize, seed: Seed) -> Result<Vec<usize>> {
    if groups < 2 {
        return Err(Error::TooFewSamples {
            what: "a calibration".into(),
            needed: 2,
            got: groups,
            unit: "independent real groups",
        });
    }
    let mut order: Vec<usize> = (0..groups).map(|at| at % folds.min(groups)).collect();
    seed.derive("folds").stream(0).shuffle(&mut order);
    Ok(order)
}
