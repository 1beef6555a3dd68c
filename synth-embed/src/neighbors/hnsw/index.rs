use std::collections::BTreeSet;
use std::fmt;

use ndarray::ArrayView2;
use synth_core::{Error, Neighbor, NeighborIndex, Result};

use super::HnswParams;
use super::graph::{Graph, level_of};
use super::names::Names;
use super::twins::{Twins, hash_of};
use super::vectors::{Vectors, canonical};

/// Approximate nearest neighbours by a hierarchical navigable small world graph.
///
/// Rows are nodes of a layered graph with links to diverse near rows; a search walks greedily down the
/// layers and looks around on the lowest. What it finds it ranks by the distances of
/// [`ExactNeighbors`](crate::ExactNeighbors), equal to the bit; what it may do is overlook a row. Rows that
/// differ but hardly can hide one another, so verdicts on duplicates ask the exact index. Exact copies
/// share one node and are found together.
///
/// - **Same graph every time.** It follows from the parameters, the rows and the calls that were made,
///   also in how they were cut: not from the number of threads. Rows are linked in batches of 256 that
///   search the graph as it was before the batch.
/// - **Filters** are asked while walking. Where few rows pass, or the graph yields fewer than `k`, all
///   that pass are compared instead: as many as asked come if there are as many, and then exactly. A
///   filter should depend on the id alone.
/// - **Removing** leaves the row as a step on the way; when more than a fifth are such, links are
///   closed around them and their memory is freed, which that one call takes the time for.
/// - Euclidean distances between entries beyond 1e18, or with differences that are all below 1e-19, do
///   not fit float32 when squared; such rows keep exact distances but may be overlooked.
///
/// Memory: the rows, 4 · (2 M + 1) bytes of links a row and about 150 bytes for its id. At most 2³² − 2
/// rows.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_core::NeighborIndex;
/// use synth_embed::{Hnsw, HnswParams};
///
/// let mut index = HnswParams::default().build(2)?;
/// let ids = ["far", "near", "middle"].map(String::from);
/// index.add(&ids, array![[9.0_f32, 0.0], [1.0, 0.0], [4.0, 0.0]].view())?;
/// let found = index.search(array![[0.0_f32, 0.0]].view(), 2, &|id| id != "middle")?;
/// assert_eq!((found[0][0].id.as_str(), found[0][1].distance), ("near", 9.0));
/// assert!(HnswParams::default().with_max_links(1).build(2).is_err());
///
/// let directory = tempfile::tempdir()?;
/// let path = directory.path().join("rows.hnsw");
/// index.save(&path)?;
/// assert_eq!(Hnsw::open(&path)?.search(array![[0.0_f32, 0.0]].view(), 2, &|id| id != "middle")?, found);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # References
/// Malkov and Yashunin 2018, <https://arxiv.org/abs/1603.09320>, algorithms 1, 2, 4 and 5; Singh et al.
/// 2021, <https://arxiv.org/abs/2105.09613>, for the repair after removals.
#[derive(Clone)]
pub struct Hnsw {
    pub(super) params: HnswParams,
    pub(super) dim: usize,
    pub(super) vectors: Vectors,
    pub(super) graph: Graph,
    pub(super) names: Names,
    pub(super) twins: Twins,
}

impl fmt::Debug for Hnsw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { params, dim, .. } = self;
        f.debug_struct("Hnsw")
            .field("params", params)
            .field("dim", dim)
            .field("len", &self.len())
            .finish_non_exhaustive()
    }
}

impl Hnsw {
    pub(super) fn empty(params: HnswParams, dim: usize) -> Self {
        let (graph, vectors) = (Graph::new(params.max_links), Vectors::new(params.metric, dim));
        Self { params, dim, vectors, graph, names: Names::default(), twins: Twins::default() }
    }

    /// The checked parameters.
    #[must_use]
    pub fn params(&self) -> &HnswParams {
        &self.params
    }

    /// Length of a row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The same index with another breadth of searching: wider finds more and takes longer.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if it is 0.
    pub fn with_ef_search(mut self, ef_search: usize) -> Result<Self> {
        self.params.ef_search = ef_search;
        self.params.check()?;
        Ok(self)
    }

    fn check_ids(&self, ids: &[String]) -> Result<()> {
        let mut seen = BTreeSet::new();
        if let Some(id) = ids.iter().find(|id| !seen.insert(*id) || self.names.contains(id)) {
            return Err(Error::AlreadyExists { what: "row", name: id.clone() });
        }
        if self.graph.len() + ids.len() >= u32::MAX as usize {
            let reason = "its nodes are numbered by 32 bits; split it".into();
            return Err(Error::Unsupported { what: "an index of more than 2³² − 2 rows".into(), reason });
        }
        Ok(())
    }

    /// Stores a row; its node, if it is a new one.
    fn store(&mut self, id: &str, row: &[f32]) -> Option<u32> {
        let row = canonical(self.params.metric, row);
        let hash = hash_of(&row);
        if let Some(node) = self.twins.find(hash, &row, &self.vectors) {
            self.names.add(id, node);
            return None;
        }
        let unit = 1.0 - self.params.seed.derive(id).stream(0).unit();
        let node = self.graph.push(level_of(unit, self.params.max_links));
        self.vectors.push(&row);
        self.twins.push(hash);
        self.names.push();
        self.names.add(id, node);
        Some(node)
    }
}

impl NeighborIndex for Hnsw {
    fn add(&mut self, ids: &[String], rows: ArrayView2<'_, f32>) -> Result<()> {
        if ids.len() != rows.nrows() {
            return Err(Error::Shape { what: "ids", expected: vec![rows.nrows()], got: vec![ids.len()] });
        }
        self.params.metric.check("rows to add", rows, self.dim)?;
        self.check_ids(ids)?;
        let pairs = ids.iter().zip(rows.outer_iter());
        let new: Vec<u32> = pairs.filter_map(|(id, row)| self.store(id, &row.to_vec())).collect();
        self.link(&new);
        Ok(())
    }

    fn remove(&mut self, id: &str) -> bool {
        let removed = self.names.remove(id);
        self.repair_when_due();
        removed
    }

    fn search(
        &self,
        queries: ArrayView2<'_, f32>,
        k: usize,
        filter: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Vec<Vec<Neighbor>>> {
        self.params.metric.check("queries", queries, self.dim)?;
        let k = k.min(self.len());
        if k == 0 {
            return Ok(vec![Vec::new(); queries.nrows()]);
        }
        self.nearest(queries, k, filter)
    }
}
