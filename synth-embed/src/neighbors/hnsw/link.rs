//! Linking nodes into the graph.

use rayon::prelude::*;

use super::Hnsw;
use super::select::select;
use super::walk::{Reach, Scratch, Walk, node_of};

/// Nodes linked at a time. They search the graph as it was before the batch, each looks at the
/// earlier ones of its batch directly, and only then links are written: the graph does not depend on
/// the number of threads, but it does on this number.
const BATCH: usize = 256;

/// A link to be made: layer, from, to.
type Link = (u8, u32, u32);

impl Hnsw {
    /// Links nodes to the graph and the graph to them, in their order.
    pub(super) fn link(&mut self, nodes: &[u32]) {
        nodes.chunks(BATCH).for_each(|batch| self.link_batch(batch));
    }

    fn link_batch(&mut self, batch: &[u32]) {
        let places = batch.par_iter().enumerate();
        let plans: Vec<Vec<Vec<u32>>> = places
            .map_init(Scratch::default, |scratch, (at, &node)| self.plan(node, &batch[..at], scratch))
            .collect();
        let mut back: Vec<Link> = Vec::new();
        for (&node, plan) in batch.iter().zip(&plans) {
            for (layer, links) in (0..).zip(plan) {
                self.graph.set_links(layer, node, links);
                back.extend(links.iter().map(|&to| (layer, to, node)));
            }
        }
        back.sort_unstable();
        let groups: Vec<&[Link]> = back.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)).collect();
        let lists: Vec<Vec<u32>> = groups.par_iter().map(|group| self.with_back_links(group)).collect();
        for (group, list) in groups.into_iter().zip(&lists) {
            self.graph.set_links(group[0].0, group[0].1, list);
        }
        for &node in batch {
            let top = self.graph.entry().map(|entry| self.graph.level(entry));
            if top.is_none_or(|top| self.graph.level(node) > top) {
                self.graph.set_entry(Some(node));
            }
        }
    }

    fn walk(&self) -> Walk<'_> {
        Walk { graph: &self.graph, vectors: &self.vectors }
    }

    /// The paper's algorithm 1 up to the choice of links: those of `node`, layer by layer from the
    /// lowest. `mates` are the earlier nodes of its batch, not linked yet.
    fn plan(&self, node: u32, mates: &[u32], scratch: &mut Scratch) -> Vec<Vec<u32>> {
        let (walk, probe, level) = (self.walk(), self.vectors.probe(node), self.graph.level(node));
        let mates: Vec<u64> = mates.iter().map(|&mate| walk.key(probe, mate)).collect();
        let reach = Reach { ef: self.params.ef_construction, most_distances: usize::MAX };
        let mut starts: Vec<u64> = walk.approach(probe, level).into_iter().collect();
        let top = self.graph.entry().map_or(0, |entry| self.graph.level(entry));
        let mut plan = Vec::with_capacity(usize::from(level) + 1);
        for layer in (0..=level).rev() {
            let mut candidates: Vec<u64> = Vec::new();
            if layer <= top {
                let accept = |other| other != node && self.names.is_live(other);
                let found = walk.beam(probe, (layer, &starts), reach, accept, scratch).unwrap_or_default();
                if !found.is_empty() {
                    starts.clone_from(&found);
                }
                candidates = found;
            }
            candidates.extend(mates.iter().filter(|&&mate| self.graph.level(node_of(mate)) >= layer));
            candidates.extend(self.graph.links(layer, node).iter().map(|&other| walk.key(probe, other)));
            candidates.sort_unstable();
            candidates.dedup();
            plan.push(select(&self.vectors, &candidates, self.params.max_links));
        }
        plan.reverse();
        plan
    }

    /// The links of a node with those back to the nodes that link to it, the best if there are too
    /// many.
    fn with_back_links(&self, group: &[Link]) -> Vec<u32> {
        let (layer, node, _) = group[0];
        let mut links = self.graph.links(layer, node).to_vec();
        links.extend(group.iter().map(|&(_, _, from)| from));
        links.sort_unstable();
        links.dedup();
        let capacity = self.graph.capacity(layer);
        if links.len() <= capacity {
            return links;
        }
        self.best_links(node, &links, capacity)
    }

    /// At most `most` of `others` as links of `node`.
    pub(super) fn best_links(&self, node: u32, others: &[u32], most: usize) -> Vec<u32> {
        let probe = self.vectors.probe(node);
        let mut keys: Vec<u64> = others.iter().map(|&other| self.walk().key(probe, other)).collect();
        keys.sort_unstable();
        select(&self.vectors, &keys, most)
    }
}
