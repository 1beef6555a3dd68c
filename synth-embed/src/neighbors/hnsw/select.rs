use super::vectors::Vectors;
use super::walk::{distance_of, node_of};

/// The paper's algorithm 4 without its two options: of `candidates`, nearest first, those that are
/// nearer to the node than to any that was already taken, up to `most`.
///
/// Several at exactly the same distance from the node stand for one another, so of near-copies one is
/// taken and not a whole list of them, from which no way would lead on.
pub(super) fn select(vectors: &Vectors, candidates: &[u64], most: usize) -> Vec<u32> {
    let mut taken: Vec<u64> = Vec::with_capacity(most);
    for &candidate in candidates {
        if taken.len() == most {
            break;
        }
        let (distance, probe) = (distance_of(candidate), vectors.probe(node_of(candidate)));
        let covered = taken.iter().any(|&other| {
            let between = vectors.distance(probe, node_of(other));
            between < distance || (between == distance && distance_of(other) == distance)
        });
        if !covered {
            taken.push(candidate);
        }
    }
    taken.into_iter().map(node_of).collect()
}
