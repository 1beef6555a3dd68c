//! Finding copies of a row.

use std::collections::HashMap;

use super::vectors::Vectors;

/// Nodes by a hash of their row, so that copies of a row share one node.
#[derive(Clone, Debug, Default)]
pub(super) struct Twins {
    hashes: Vec<u64>,
    nodes: HashMap<u64, u32>,
}

impl Twins {
    /// Takes in the hashes of nodes 0, 1, 2, …
    pub(super) fn new(hashes: Vec<u64>) -> Self {
        let mut twins = Self::default();
        hashes.into_iter().for_each(|hash| twins.push(hash));
        twins
    }

    /// Takes in the next node.
    pub(super) fn push(&mut self, hash: u64) {
        self.nodes.entry(hash).or_insert(self.hashes.len() as u32);
        self.hashes.push(hash);
    }

    /// The node that holds this row.
    pub(super) fn find(&self, hash: u64, row: &[f32], vectors: &Vectors) -> Option<u32> {
        let node = *self.nodes.get(&hash)?;
        (vectors.row(node) == row).then_some(node)
    }

    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// The same for renumbered nodes: `nodes[new]` was the number of `new`.
    pub(super) fn renumbered(&self, nodes: &[u32]) -> Self {
        Self::new(nodes.iter().map(|&node| self.hashes[node as usize]).collect())
    }
}

/// The first eight bytes of the row's BLAKE3.
pub(super) fn hash_of(row: &[f32]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for block in row.chunks(256) {
        let mut bytes = [0; 1024];
        let used = &mut bytes[..4 * block.len()];
        for (four, value) in used.as_chunks_mut::<4>().0.iter_mut().zip(block) {
            *four = value.to_le_bytes();
        }
        hasher.update(used);
    }
    let hash = hasher.finalize();
    u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("invariant: a hash has 32 bytes"))
}
