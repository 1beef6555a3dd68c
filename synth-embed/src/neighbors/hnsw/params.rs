use serde::{Deserialize, Serialize};
use synth_core::{Error, Result, Seed};

use super::Hnsw;
use crate::Metric;

/// Widest lists a graph may have; beyond it an exact search is faster.
const MOST_LINKS: usize = 512;

/// Parameters of [`Hnsw`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HnswParams {
    /// What "near" means. Default: Euclidean.
    pub metric: Metric,
    /// M: links a row is given on each layer; it may come to hold as many, and twice as many on the
    /// lowest. Range: 2 … 512. Default 16, as in hnswlib and Faiss's examples; the paper's useful
    /// range is 5 … 48.
    pub max_links: usize,
    /// Rows looked at closely for each row that is added. Range: ≥ `max_links`. Default 200, as in
    /// hnswlib.
    pub ef_construction: usize,
    /// Rows kept in view by a search; one for more than this many neighbours keeps as many as it is
    /// asked for. Range: ≥ 1. Default 100: hnswlib's 10 and Faiss's 16 leave recall to the user.
    pub ef_search: usize,
    /// Where the layers of the rows come from: a row's layer depends on this and its id. Default: the
    /// seed of 0.
    pub seed: Seed,
}

impl Default for HnswParams {
    fn default() -> Self {
        Self {
            metric: Metric::Euclidean,
            max_links: 16,
            ef_construction: 200,
            ef_search: 100,
            seed: Seed::from_u64(0),
        }
    }
}

impl HnswParams {
    /// The same parameters with another metric.
    #[must_use]
    pub fn with_metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// The same parameters with another number of links.
    #[must_use]
    pub fn with_max_links(mut self, max_links: usize) -> Self {
        self.max_links = max_links;
        self
    }

    /// The same parameters with another breadth of building.
    #[must_use]
    pub fn with_ef_construction(mut self, ef_construction: usize) -> Self {
        self.ef_construction = ef_construction;
        self
    }

    /// The same parameters with another breadth of searching.
    #[must_use]
    pub fn with_ef_search(mut self, ef_search: usize) -> Self {
        self.ef_search = ef_search;
        self
    }

    /// The same parameters with another seed.
    #[must_use]
    pub fn with_seed(mut self, seed: Seed) -> Self {
        self.seed = seed;
        self
    }

    /// An empty index for rows of length `dim`.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if `dim` is 0 or a parameter lies outside its range.
    pub fn build(self, dim: usize) -> Result<Hnsw> {
        self.check()?;
        if dim == 0 {
            return Err(Error::invalid("dim", "at least 1", 0));
        }
        Ok(Hnsw::empty(self, dim))
    }

    pub(super) fn check(&self) -> Result<()> {
        if !(2..=MOST_LINKS).contains(&self.max_links) {
            return Err(Error::invalid("max_links", format!("within 2 … {MOST_LINKS}"), self.max_links));
        }
        if self.ef_construction < self.max_links {
            let expected = format!("at least `max_links`, {}", self.max_links);
            return Err(Error::invalid("ef_construction", expected, self.ef_construction));
        }
        if self.ef_search == 0 {
            return Err(Error::invalid("ef_search", "at least 1", 0));
        }
        Ok(())
    }
}
