//! Which tiles may run at once: in each round every block occurs at most once.

/// Rounds of all unordered pairs of `blocks` different blocks, by the circle method of round-robin
/// tournaments: one block stays, the others turn around it.
pub(super) fn within(blocks: usize) -> Vec<Vec<(usize, usize)>> {
    let seats = blocks + blocks % 2;
    (0..seats.saturating_sub(1))
        .map(|round| {
            let turning = seats - 1;
            let fixed = std::iter::once((turning, round));
            let others = (1..seats / 2).map(|i| ((round + i) % turning, (round + turning - i) % turning));
            fixed
                .chain(others)
                .map(|(a, b)| (a.min(b), a.max(b)))
                .filter(|&(_, larger)| larger < blocks)
                .collect()
        })
        .collect()
}

/// Rounds of all pairs of one of `left` and one of `right` blocks: diagonals of a Latin rectangle.
pub(super) fn between(left: usize, right: usize) -> Vec<Vec<(usize, usize)>> {
    if left == 0 || right == 0 {
        return Vec::new();
    }
    let (few, many) = (left.min(right), left.max(right));
    (0..many)
        .map(|round| {
            (0..few)
                .map(|i| (i, (i + round) % many))
                .map(|(a, b)| if left <= right { (a, b) } else { (b, a) })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_pair_once_and_no_block_twice_in_a_round() {
        for blocks in 0..12 {
            let rounds = within(blocks);
            let all: BTreeSet<_> = rounds.iter().flatten().copied().collect();
            assert_eq!(all.len(), blocks * blocks.saturating_sub(1) / 2);
            assert_eq!(rounds.iter().map(Vec::len).sum::<usize>(), all.len());
            assert!(all.iter().all(|&(a, b)| a < b && b < blocks));
            for round in &rounds {
                let seen: BTreeSet<_> = round.iter().flat_map(|&(a, b)| [a, b]).collect();
                assert_eq!(seen.len(), 2 * round.len());
            }
        }
    }

    #[test]
    fn rectangle_is_covered_once_without_collisions() {
        for (left, right) in [(0, 3), (1, 1), (3, 5), (5, 3), (4, 4)] {
            let rounds = between(left, right);
            let all: BTreeSet<_> = rounds.iter().flatten().copied().collect();
            assert_eq!(all.len(), left * right);
            assert_eq!(rounds.iter().map(Vec::len).sum::<usize>(), left * right);
            for round in &rounds {
                let lefts: BTreeSet<_> = round.iter().map(|pair| pair.0).collect();
                let rights: BTreeSet<_> = round.iter().map(|pair| pair.1).collect();
                assert_eq!((lefts.len(), rights.len()), (round.len(), round.len()));
            }
        }
    }
}
