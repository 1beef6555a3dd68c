use serde::{Deserialize, Serialize};
use synth_core::{Error, Result, Seed};

use super::Metric;
use crate::fidelity::Bandwidth;

/// What a comparison computes and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CompareParams {
    /// Figures wanted; an error if one cannot be had. Empty: all that can be had, the others with
    /// the reason in [`Comparison::skipped`](super::Comparison::skipped). Default empty.
    pub metrics: Vec<Metric>,
    /// Kernel width of `mmd2_rbf_unbiased`; the median is over the pooled rows. Default `median`.
    pub bandwidth: Bandwidth,
    /// Relabellings behind each p-value; 0 for none. Costly figures use at most 199. Default 999.
    pub permutations: usize,
    /// Neighbours that the balls of `prdc` reach to. Range: ≥ 1. Default 5, as published.
    pub neighbors: usize,
    /// Directions of the sliced distances. Range: ≥ 1. Default 256.
    pub directions: usize,
    /// Subsets of `kid`. Range: ≥ 1. Default 20.
    pub kid_subsets: usize,
    /// Root of everything random. Default: the seed 0.
    pub seed: Seed,
}

impl Default for CompareParams {
    fn default() -> Self {
        Self {
            metrics: Vec::new(),
            bandwidth: Bandwidth::Median,
            permutations: 999,
            neighbors: 5,
            directions: 256,
            kid_subsets: 20,
            seed: Seed::from_u64(0),
        }
    }
}

impl CompareParams {
    /// With these figures only.
    #[must_use]
    pub fn with_metrics(mut self, metrics: impl IntoIterator<Item = Metric>) -> Self {
        self.metrics = metrics.into_iter().collect();
        self
    }

    /// With another kernel width.
    #[must_use]
    pub fn with_bandwidth(mut self, bandwidth: Bandwidth) -> Self {
        self.bandwidth = bandwidth;
        self
    }

    /// With another number of relabellings.
    #[must_use]
    pub fn with_permutations(mut self, permutations: usize) -> Self {
        self.permutations = permutations;
        self
    }

    /// With another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    pub(super) fn wants(&self, metric: Metric) -> bool {
        self.metrics.is_empty() || self.metrics.contains(&metric)
    }

    pub(super) fn check(&self) -> Result<()> {
        self.bandwidth.check()?;
        let counts = [
            ("neighbors", self.neighbors),
            ("directions", self.directions),
            ("kid_subsets", self.kid_subsets),
        ];
        match counts.into_iter().find(|&(_, count)| count == 0) {
            Some((name, count)) => Err(Error::invalid(name, "at least 1", count)),
            None => Ok(()),
        }
    }
}
