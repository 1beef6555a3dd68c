//! Who is linked to whom, on which layer.

use std::ops::Range;

/// The highest layer that the smallest uniform draw, 2⁻⁵³, can put a node on.
pub(super) fn top_layer(max_links: usize) -> u8 {
    level_of(2.0_f64.powi(-53), max_links)
}

/// ⌊−ln u / ln M⌋: the highest layer of a node for a uniform draw from (0, 1].
pub(super) fn level_of(unit: f64, max_links: usize) -> u8 {
    (-libm::log(unit) / libm::log(max_links as f64)) as u8
}

/// Layers of directed links between nodes 0, 1, 2, …
///
/// Each list has a fixed place, its length first, so a graph is four flat arrays. Every node is on
/// the lowest layer; the lists of its upper layers lie one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Graph {
    max_links: usize,
    levels: Vec<u8>,
    base: Vec<u32>,
    /// Where the upper lists of a node begin in `upper`.
    upper_at: Vec<usize>,
    upper: Vec<u32>,
    entry: Option<u32>,
}

impl Graph {
    pub(super) fn new(max_links: usize) -> Self {
        let (levels, base, upper_at, upper) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        Self { max_links, levels, base, upper_at, upper, entry: None }
    }

    /// A new node without links.
    pub(super) fn push(&mut self, level: u8) -> u32 {
        let node = self.levels.len() as u32;
        self.levels.push(level);
        self.base.resize(self.base.len() + 1 + self.capacity(0), 0);
        self.upper_at.push(self.upper.len());
        self.upper.resize(self.upper.len() + usize::from(level) * (1 + self.max_links), 0);
        node
    }

    pub(super) fn len(&self) -> usize {
        self.levels.len()
    }

    /// The highest layer of a node.
    pub(super) fn level(&self, node: u32) -> u8 {
        self.levels[node as usize]
    }

    /// Where searches begin: a node of the highest layer.
    pub(super) fn entry(&self) -> Option<u32> {
        self.entry
    }

    pub(super) fn set_entry(&mut self, entry: Option<u32>) {
        self.entry = entry;
    }

    /// Links a node may hold on a layer.
    pub(super) fn capacity(&self, layer: u8) -> usize {
        if layer == 0 { 2 * self.max_links } else { self.max_links }
    }

    /// Links of a node on a layer that it reaches.
    pub(super) fn links(&self, layer: u8, node: u32) -> &[u32] {
        let place = self.place(layer, node);
        let list = if layer == 0 { &self.base[place] } else { &self.upper[place] };
        &list[1..=list[0] as usize]
    }

    /// Replaces the links of a node; there are at most [`capacity`](Self::capacity).
    pub(super) fn set_links(&mut self, layer: u8, node: u32, links: &[u32]) {
        let place = self.place(layer, node);
        let list = if layer == 0 { &mut self.base[place] } else { &mut self.upper[place] };
        list[0] = links.len() as u32;
        list[1..=links.len()].copy_from_slice(links);
    }

    fn place(&self, layer: u8, node: u32) -> Range<usize> {
        let width = 1 + self.capacity(layer);
        let start = match layer {
            0 => node as usize * width,
            _ => self.upper_at[node as usize] + usize::from(layer - 1) * width,
        };
        start..start + width
    }
}
