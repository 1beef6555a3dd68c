//! Taking dead nodes out of the graph.

use std::collections::{HashSet, VecDeque};

use rayon::prelude::*;

use super::Hnsw;
use super::graph::Graph;
use super::walk::Visited;

/// The graph is repaired when more than one node in this many is dead.
const DEAD_SHARE: usize = 5;
/// Nodes looked at around the dead neighbours of one node; where all of them are dead, it is linked in
/// like a new one.
const MOST_SEEN: usize = 4096;

impl Hnsw {
    /// Once many nodes are dead, links around them and drops them; their memory is free again.
    ///
    /// A live node that had dead neighbours chooses its links anew among its live ones and the live
    /// ones that lie behind the dead ones (algorithm 4 of Singh et al. 2021, with the selection of
    /// this graph); a node that cannot be reached afterwards, or from which no way leads on, is linked in
    /// like a new one.
    pub(super) fn repair_when_due(&mut self) {
        if self.names.dead() * DEAD_SHARE <= self.graph.len() {
            return;
        }
        let nodes = 0..self.graph.len() as u32;
        let live: Vec<u32> = nodes.filter(|&node| self.names.is_live(node)).collect();
        let links: Vec<Vec<Vec<u32>>> = live
            .par_iter()
            .map(|&node| (0..=self.graph.level(node)).map(|layer| self.around_dead(layer, node)).collect())
            .collect();
        self.graph = renumbered(&self.graph, &live, &links);
        self.vectors.keep(&live);
        self.twins = self.twins.renumbered(&live);
        self.names = self.names.renumbered(&live);
        let cut_off = cut_off(&self.graph);
        self.link(&cut_off);
    }

    /// Links of a live node to live nodes only.
    fn around_dead(&self, layer: u8, node: u32) -> Vec<u32> {
        let links = self.graph.links(layer, node);
        if links.iter().all(|&link| self.names.is_live(link)) {
            return links.to_vec();
        }
        let (mut seen, mut live) = (HashSet::from([node]), Vec::new());
        let mut behind = VecDeque::from_iter(links.iter().copied());
        while let Some(other) = behind.pop_front() {
            if live.len() >= self.params.ef_construction || seen.len() >= MOST_SEEN {
                break;
            }
            if !seen.insert(other) {
                continue;
            }
            if self.names.is_live(other) {
                live.push(other);
            } else {
                behind.extend(self.graph.links(layer, other));
            }
        }
        self.best_links(node, &live, self.graph.capacity(layer))
    }
}

/// The graph of the `live` nodes, with links given in the old numbers, layer by layer.
fn renumbered(graph: &Graph, live: &[u32], links: &[Vec<Vec<u32>>]) -> Graph {
    let mut new_of = vec![u32::MAX; graph.len()];
    for (new, &old) in (0..).zip(live) {
        new_of[old as usize] = new;
    }
    let mut renumbered = Graph::new(graph.capacity(1));
    for (&old, layers) in live.iter().zip(links) {
        let node = renumbered.push(graph.level(old));
        for (layer, links) in (0..).zip(layers) {
            let links: Vec<u32> = links.iter().map(|&link| new_of[link as usize]).collect();
            renumbered.set_links(layer, node, &links);
        }
        let top = renumbered.entry().map(|entry| renumbered.level(entry));
        if top.is_none_or(|top| renumbered.level(node) > top) {
            renumbered.set_entry(Some(node));
        }
    }
    renumbered
}

/// Nodes to which no way leads from the entry on the lowest layer, or from which none leads on: a search
/// that comes down there would end.
fn cut_off(graph: &Graph) -> Vec<u32> {
    let mut seen = Visited::default();
    seen.clear(graph.len());
    let mut open: Vec<u32> = graph.entry().into_iter().filter(|&entry| seen.insert(entry)).collect();
    while let Some(node) = open.pop() {
        open.extend(graph.links(0, node).iter().filter(|&&link| seen.insert(link)));
    }
    let is_end = |node| graph.len() > 1 && graph.links(0, node).is_empty();
    (0..graph.len() as u32).filter(|&node| !seen.contains(node) || is_end(node)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 0 ↔ 1 → 2 and 3 → 0: nothing leads on from 2 or to 3.
    #[test]
    fn ends_and_unreachable_nodes_are_cut_off() {
        let mut graph = Graph::new(2);
        assert_eq!([0; 4].map(|level| graph.push(level)), [0, 1, 2, 3]);
        graph.set_entry(Some(0));
        assert_eq!(cut_off(&graph), [0, 1, 2, 3]);
        for (node, links) in [(0, &[1][..]), (1, &[0, 2]), (3, &[0])] {
            graph.set_links(0, node, links);
        }
        assert_eq!(cut_off(&graph), [2, 3]);
        let mut alone = Graph::new(2);
        let node = alone.push(0);
        alone.set_entry(Some(node));
        assert_eq!(cut_off(&alone), [0; 0]);
    }
}
