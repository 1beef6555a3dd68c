//! The ids of the nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Ids by node and nodes by id. Copies of one row share a node, so a node has any number of ids;
/// without one it is dead: still a step on the way, never an answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    nodes: BTreeMap<Arc<str>, u32>,
    /// An id of each node.
    first: Vec<Option<Arc<str>>>,
    /// The others, of the few that have more.
    more: BTreeMap<u32, BTreeSet<Arc<str>>>,
    dead: usize,
}

impl Names {
    /// A node without an id.
    pub(super) fn push(&mut self) {
        self.first.push(None);
        self.dead += 1;
    }

    pub(super) fn add(&mut self, id: &str, node: u32) {
        let id: Arc<str> = id.into();
        self.nodes.insert(id.clone(), node);
        let first = &mut self.first[node as usize];
        if first.is_none() {
            *first = Some(id);
            self.dead -= 1;
        } else {
            self.more.entry(node).or_default().insert(id);
        }
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, id: &str) -> bool {
        let Some(node) = self.nodes.remove(id) else {
            return false;
        };
        let first = &mut self.first[node as usize];
        let is_first = first.as_deref() == Some(id);
        let mut rest = self.more.get_mut(&node);
        if is_first {
            *first = rest.as_mut().and_then(|rest| rest.pop_first());
            self.dead += usize::from(first.is_none());
        } else if let Some(rest) = &mut rest {
            rest.remove(id);
        }
        if rest.is_some_and(|rest| rest.is_empty()) {
            self.more.remove(&node);
        }
        true
    }

    /// Number of ids.
    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn contains(&self, id: &str) -> bool {
        self.nodes.contains_key(id)
    }

    /// Number of nodes without an id.
    pub(super) fn dead(&self) -> usize {
        self.dead
    }

    pub(super) fn is_live(&self, node: u32) -> bool {
        self.first[node as usize].is_some()
    }

    pub(super) fn of(&self, node: u32) -> impl Iterator<Item = &Arc<str>> {
        self.first[node as usize].iter().chain(self.more.get(&node).into_iter().flatten())
    }

    /// Ids with their nodes, in the order of the ids.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        self.nodes.iter().map(|(id, &node)| (id, node))
    }

    /// The same ids for renumbered nodes: `nodes[new]` was the number of `new`.
    pub(super) fn renumbered(&self, nodes: &[u32]) -> Self {
        let mut renumbered = Self::default();
        for (new, &old) in nodes.iter().enumerate() {
            renumbered.push();
            for id in self.of(old) {
                renumbered.add(id, new as u32);
            }
        }
        renumbered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_lives_until_its_last_id_goes() {
        let mut names = Names::default();
        names.push();
        assert!(!names.is_live(0));
        for id in ["b", "a", "c"] {
            names.add(id, 0);
        }
        for (id, left) in [("b", 2), ("a", 1), ("c", 0)] {
            assert!(names.remove(id) && !names.remove(id) && !names.contains(id));
            assert_eq!(names.of(0).count(), left);
            assert_eq!((names.is_live(0), names.dead()), (left > 0, usize::from(left == 0)));
        }
    }
}
