//! Searching: by the graph where that is cheaper, else by comparing with every row that passes.

use ndarray::{Array2, ArrayView2, Axis};
use rayon::prelude::*;
use synth_core::{Error, Neighbor, Result};

use super::Hnsw;
use super::vectors::{Probe, canonical};
use super::walk::{Reach, Scratch, Visited, Walk, distance_of, node_of};

/// Nodes on which a filter is tried to learn what share it lets through.
const SAMPLE: usize = 1024;
/// Rows gathered at a time when all that pass are compared.
const BLOCK_ROWS: usize = 4096;

type Filter<'a> = &'a (dyn Fn(&str) -> bool + Sync);

/// Nodes with their exact distances.
type Found = Vec<(u32, f64)>;

impl Hnsw {
    /// The nearest of each query; the rows are checked, and `k` is at least 1 and at most their number.
    pub(super) fn nearest(
        &self,
        queries: ArrayView2<'_, f32>,
        k: usize,
        filter: Filter<'_>,
    ) -> Result<Vec<Vec<Neighbor>>> {
        let (reach, passing) = (self.params.ef_search.max(k), self.estimate_passing(filter));
        // A walk meets about `max_links` new nodes per node it keeps, and walks past those that do
        // not pass; comparing all costs as many distances as rows pass.
        let walk = reach.saturating_mul(self.params.max_links);
        let nodes = self.graph.len();
        let mut found: Vec<Option<Vec<Neighbor>>> = vec![None; queries.nrows()];
        if passing * passing > walk.saturating_mul(nodes) {
            let reach = Reach { ef: reach, most_distances: passing.max(walk) };
            found = queries
                .axis_iter(Axis(0))
                .into_par_iter()
                .map_init(Scratch::default, |scratch, query| {
                    self.by_graph(&query.to_vec(), (k, reach), filter, scratch)
                })
                .collect::<Result<_>>()?;
        }
        let left: Vec<usize> = (0..found.len()).filter(|&query| found[query].is_none()).collect();
        let compared = self.by_comparing(queries.select(Axis(0), &left).view(), k, filter)?;
        for (query, neighbors) in left.into_iter().zip(compared) {
            found[query] = Some(neighbors);
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// About how many nodes pass; there is one at least.
    fn estimate_passing(&self, filter: Filter<'_>) -> usize {
        let nodes = self.graph.len();
        let sample = nodes.min(SAMPLE);
        let passing = (0..sample).filter(|i| self.passes((i * nodes / sample) as u32, filter)).count();
        (passing * nodes).div_ceil(sample)
    }

    fn passes(&self, node: u32, filter: Filter<'_>) -> bool {
        self.names.of(node).any(|id| filter(id))
    }

    /// `None` if the walk gave up or met fewer than `k`.
    fn by_graph(
        &self,
        query: &[f32],
        (k, reach): (usize, Reach),
        filter: Filter<'_>,
        scratch: &mut Scratch,
    ) -> Result<Option<Vec<Neighbor>>> {
        let row = canonical(self.params.metric, query);
        let probe = Probe::new(self.params.metric, &row);
        let walk = Walk { graph: &self.graph, vectors: &self.vectors };
        let starts: Vec<u64> = walk.approach(probe, 0).into_iter().collect();
        let accept = |node| self.passes(node, filter);
        let Some(keys) = walk.beam(probe, (0, &starts), reach, accept, scratch) else {
            return Ok(None);
        };
        let farthest = keys.get(k - 1).map(|&key| self.vectors.with_rounding(distance_of(key)));
        let near = keys.partition_point(|&key| farthest.is_none_or(|farthest| distance_of(key) <= farthest));
        // Where distances leave float32 there is no order to cut by.
        let near = if near < k { keys.len() } else { near };
        let nodes: Vec<u32> = keys[..near].iter().copied().map(node_of).collect();
        let query = ArrayView2::from_shape((1, query.len()), query).expect("invariant: one row");
        let found = self.exact(query, &nodes, nodes.len())?.swap_remove(0);
        let neighbors = self.named(found, k, filter);
        Ok((neighbors.len() == k).then_some(neighbors))
    }

    /// The `k` nearest of all that pass, exactly.
    fn by_comparing(
        &self,
        queries: ArrayView2<'_, f32>,
        k: usize,
        filter: Filter<'_>,
    ) -> Result<Vec<Vec<Neighbor>>> {
        if queries.nrows() == 0 {
            return Ok(Vec::new());
        }
        let mut seen = Visited::default();
        seen.clear(self.graph.len());
        // In the order of ids, so that of equal distances those with the smaller ids stay.
        let passing = self.names.iter().filter(|(id, _)| filter(id)).map(|(_, node)| node);
        let nodes: Vec<u32> = passing.filter(|&node| seen.insert(node)).collect();
        let mut best: Vec<Found> = vec![Vec::new(); queries.nrows()];
        for block in nodes.chunks(BLOCK_ROWS) {
            for (best, found) in best.iter_mut().zip(self.exact(queries, block, k.min(block.len()))?) {
                best.extend(found);
                // Stable, so that of equal distances the earlier stay.
                best.sort_by(|a, b| a.1.total_cmp(&b.1));
                best.truncate(k);
            }
        }
        Ok(best.into_iter().map(|found| self.named(found, k, filter)).collect())
    }

    /// The `k` nearest of `nodes` with the distances of the exact index.
    fn exact(&self, queries: ArrayView2<'_, f32>, nodes: &[u32], k: usize) -> Result<Vec<Found>> {
        let values = nodes.iter().flat_map(|&node| self.vectors.row(node)).copied().collect();
        let rows = Array2::from_shape_vec((nodes.len(), self.dim()), values)
            .expect("invariant: every node has a row of the index's length");
        if let Some(origin) = self.vectors.origin() {
            self.params.metric.check("rows of the index", rows.view(), self.dim()).map_err(|error| {
                let problem = format!("{error}; build the index again or restore a copy");
                Error::Corrupt { path: origin.display().to_string(), problem }
            })?;
        }
        let found = self.params.metric.nearest(queries, rows.view(), k)?;
        let by_node = |(at, distance): (usize, f64)| (nodes[at], distance);
        Ok(found.into_iter().map(|row| row.into_iter().map(by_node).collect()).collect())
    }

    /// The first `k` of the ids of nodes, by distance, then by id.
    fn named(&self, found: Found, k: usize, filter: Filter<'_>) -> Vec<Neighbor> {
        let ids = found.into_iter().flat_map(|(node, distance)| {
            let passing = self.names.of(node).filter(|id| filter(id));
            passing.map(move |id| Neighbor { id: id.to_string(), distance })
        });
        let mut neighbors: Vec<Neighbor> = ids.collect();
        neighbors.sort_by(|a, b| a.distance.total_cmp(&b.distance).then_with(|| a.id.cmp(&b.id)));
        neighbors.truncate(k);
        neighbors
    }
}
