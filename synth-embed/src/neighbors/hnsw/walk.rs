//! Walking the graph towards a row.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::graph::Graph;
use super::vectors::{Probe, Vectors};

/// A node at a distance; ascending keys are ascending distances, equal ones by node.
///
/// Bits of floats that are not negative have the order of the floats.
pub(super) fn key(distance: f32, node: u32) -> u64 {
    u64::from(distance.to_bits()) << 32 | u64::from(node)
}

pub(super) fn node_of(key: u64) -> u32 {
    key as u32
}

pub(super) fn distance_of(key: u64) -> f32 {
    f32::from_bits((key >> 32) as u32)
}

/// The graph as it stands, with the rows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    pub(super) graph: &'a Graph,
    pub(super) vectors: &'a Vectors,
}

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reach {
    /// Nodes kept in view.
    pub(super) ef: usize,
    /// Distances after which it gives up.
    pub(super) most_distances: usize,
}

/// Buffers of one thread, reused from walk to walk.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    visited: Visited,
    frontier: BinaryHeap<Reverse<u64>>,
    found: BinaryHeap<u64>,
    fresh: Vec<u32>,
}

impl Walk<'_> {
    pub(super) fn key(&self, probe: Probe<'_>, node: u32) -> u64 {
        key(self.vectors.distance(probe, node), node)
    }

    /// The nearest node that greedy steps find from the entry down to the layer above `layer`.
    pub(super) fn approach(&self, probe: Probe<'_>, layer: u8) -> Option<u64> {
        let entry = self.graph.entry()?;
        let mut nearest = self.key(probe, entry);
        for layer in (layer + 1..=self.graph.level(entry)).rev() {
            nearest = self.greedy(probe, nearest, layer);
        }
        Some(nearest)
    }

    fn greedy(&self, probe: Probe<'_>, start: u64, layer: u8) -> u64 {
        let mut nearest = start;
        loop {
            let links = self.graph.links(layer, node_of(nearest));
            let best = links.iter().map(|&node| self.key(probe, node)).min();
            match best {
                Some(best) if best >> 32 < nearest >> 32 => nearest = best,
                _ => return nearest,
            }
        }
    }

    /// The paper's algorithm 2: up to `reach.ef` nodes near the probe that `accept` lets through,
    /// nearest first. Others are walked over but not kept. `None` if it gave up.
    pub(super) fn beam(
        &self,
        probe: Probe<'_>,
        (layer, starts): (u8, &[u64]),
        reach: Reach,
        accept: impl Fn(u32) -> bool,
        scratch: &mut Scratch,
    ) -> Option<Vec<u64>> {
        let Scratch { visited, frontier, found, fresh } = scratch;
        visited.clear(self.graph.len());
        frontier.clear();
        found.clear();
        for &start in starts {
            visited.insert(node_of(start));
            frontier.push(Reverse(start));
            if accept(node_of(start)) {
                found.push(start);
            }
        }
        let mut distances = 0;
        while let Some(Reverse(nearest)) = frontier.pop() {
            if found.len() >= reach.ef && found.peek().is_some_and(|&farthest| nearest > farthest) {
                break;
            }
            if distances > reach.most_distances {
                return None;
            }
            fresh.clear();
            fresh.extend(
                self.graph.links(layer, node_of(nearest)).iter().filter(|&&node| visited.insert(node)),
            );
            distances += fresh.len();
            for &node in &*fresh {
                let key = self.key(probe, node);
                if found.len() >= reach.ef && found.peek().is_some_and(|&farthest| key > farthest) {
                    continue;
                }
                frontier.push(Reverse(key));
                if accept(node) {
                    found.push(key);
                    if found.len() > reach.ef {
                        found.pop();
                    }
                }
            }
        }
        let mut nearest_first: Vec<u64> = found.drain().collect();
        nearest_first.sort_unstable();
        Some(nearest_first)
    }
}

/// A set of nodes as one bit each.
#[derive(Debug, Default)]
pub(super) struct Visited {
    words: Vec<u64>,
}

impl Visited {
    /// Empties it for nodes below `nodes`.
    pub(super) fn clear(&mut self, nodes: usize) {
        self.words.clear();
        self.words.resize(nodes.div_ceil(64), 0);
    }

    /// Whether it was not there.
    pub(super) fn insert(&mut self, node: u32) -> bool {
        let (word, bit) = (&mut self.words[node as usize / 64], 1 << (node % 64));
        let fresh = *word & bit == 0;
        *word |= bit;
        fresh
    }

    pub(super) fn contains(&self, node: u32) -> bool {
        self.words[node as usize / 64] >> (node % 64) & 1 == 1
    }
}
