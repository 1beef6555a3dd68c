//! The null by permutation: which rows, which groups change sides, in which blocks.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use synth_core::Seed;

use super::grouped::GroupedRows;

/// Sets with fewer groups get no p-value: there are too few ways to relabel them.
pub(crate) const MIN_GROUPS: usize = 6;
/// Most pooled rows of one block; the block's full matrix of pairs is kept in memory (32 MB).
pub(crate) const MAX_BLOCK_ROWS: usize = 2_000;
/// Pooled rows of a block where there is more than one.
const SPLIT_BLOCK_ROWS: usize = 1_000;
/// Groups that each set must have in every block before the pooled rows are split.
const MIN_GROUPS_PER_BLOCK: usize = 50;

/// A permutation test of the hypothesis that the groups of two sets are exchangeable.
#[derive(Debug)]
pub(crate) struct Design {
    pub(crate) blocks: Vec<Block>,
    /// Relabellings, the observed labels included; those come first.
    pub(crate) labelings: usize,
    pub(crate) notes: Vec<String>,
}

/// Rows that are relabelled among themselves: pooled, groups contiguous, those of x first.
#[derive(Debug)]
pub(crate) struct Block {
    x: Vec<usize>,
    y: Vec<usize>,
    /// Pooled rows of each group.
    groups: Vec<Range<usize>>,
    /// Whether the group counts as x, per relabelling; the first is as observed.
    labelings: Vec<Vec<bool>>,
}

impl Design {
    /// Plans the test, or says why there can be none.
    pub(crate) fn new(
        x: &GroupedRows<'_>,
        y: &GroupedRows<'_>,
        permutations: usize,
        seed: Seed,
    ) -> Result<Self, String> {
        check_groups(x, y, permutations)?;
        let fewest = x.groups().min(y.groups());
        let pooled = x.len() + y.len();
        let count = if pooled <= MAX_BLOCK_ROWS {
            1
        } else {
            pooled.div_ceil(SPLIT_BLOCK_ROWS).min(fewest / MIN_GROUPS_PER_BLOCK).max(1)
        };
        let choices =
            [choose(x, count, y.len(), seed.derive("x")), choose(y, count, x.len(), seed.derive("y"))];
        let [x_choice, y_choice] = choices;
        let blocks: Vec<Block> = x_choice
            .into_iter()
            .zip(y_choice)
            .enumerate()
            .map(|(number, (x, y))| Block::new(x, y, permutations, count == 1, seed, number))
            .collect();
        let notes = describe(&blocks, pooled);
        Ok(Self { labelings: blocks[0].labelings.len(), blocks, notes })
    }
}

impl Block {
    fn new(
        x: Vec<Vec<usize>>,
        y: Vec<Vec<usize>>,
        permutations: usize,
        may_enumerate: bool,
        seed: Seed,
        number: usize,
    ) -> Self {
        let (x_groups, y_groups) = (x.len(), y.len());
        let mut at = 0;
        let groups = x.iter().chain(&y).map(|rows| {
            at += rows.len();
            at - rows.len()..at
        });
        let groups = groups.collect();
        let seed = seed.derive(&format!("labels/{number}"));
        let labelings = labelings(x_groups + y_groups, x_groups, permutations, may_enumerate, seed);
        Self { x: x.concat(), y: y.concat(), groups, labelings }
    }

    /// Rows of x in the block.
    pub(crate) fn x(&self) -> &[usize] {
        &self.x
    }

    /// Rows of y in the block.
    pub(crate) fn y(&self) -> &[usize] {
        &self.y
    }

    pub(crate) fn len(&self) -> usize {
        self.x.len() + self.y.len()
    }

    pub(crate) fn groups(&self) -> &[Range<usize>] {
        &self.groups
    }

    pub(crate) fn labelings(&self) -> &[Vec<bool>] {
        &self.labelings
    }

    /// Whether each pooled row counts as x under relabelling `number`.
    pub(crate) fn row_labels(&self, number: usize) -> Vec<bool> {
        let labels = &self.labelings[number];
        self.groups.iter().zip(labels).flat_map(|(range, &label)| range.clone().map(move |_| label)).collect()
    }

    /// The pooled rows, x first.
    pub(crate) fn pooled(&self, x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>) -> Array2<f32> {
        let (x, y) = (x.select(Axis(0), &self.x), y.select(Axis(0), &self.y));
        concatenate(Axis(0), &[x.view(), y.view()]).expect("invariant: both sets were checked to be as wide")
    }
}

/// Relabellings of all groups at once, for statistics that need no matrix of pairs; whether each
/// group counts as x, those of x first, the observed labels first.
pub(crate) fn group_labelings(
    x: &GroupedRows<'_>,
    y: &GroupedRows<'_>,
    permutations: usize,
    seed: Seed,
) -> Result<Vec<Vec<bool>>, String> {
    check_groups(x, y, permutations)?;
    Ok(labelings(x.groups() + y.groups(), x.groups(), permutations, true, seed.derive("labels/all")))
}

fn check_groups(x: &GroupedRows<'_>, y: &GroupedRows<'_>, permutations: usize) -> Result<(), String> {
    let fewest = x.groups().min(y.groups());
    if permutations == 0 {
        return Err("no p-value: permutations are switched off".into());
    }
    if fewest < MIN_GROUPS {
        return Err(format!(
            "no p-value: a set has {fewest} independent groups, a permutation test needs {MIN_GROUPS}"
        ));
    }
    Ok(())
}

fn labelings(n: usize, ones: usize, permutations: usize, may_enumerate: bool, seed: Seed) -> Vec<Vec<bool>> {
    match combinations(n, ones) {
        Some(count) if may_enumerate && count <= permutations + 1 => all_labelings(n, ones),
        _ => random_labelings(n, ones, permutations, seed),
    }
}

/// What a permutation test found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Null {
    pub(crate) p_value: f64,
    /// (level, value), levels ascending.
    pub(crate) quantiles: Vec<(f64, f64)>,
}

impl Null {
    /// From the statistic under every relabelling, the observed one first: the p-value is the share
    /// at or above it, itself included, so its size is never above the level (Phipson and Smyth).
    pub(crate) fn from_statistics(statistics: &[f64]) -> Self {
        let mut sorted = statistics.to_vec();
        sorted.sort_by(f64::total_cmp);
        // Relabellings that only rename equal groups must tie although their sums round differently.
        let spread = sorted[sorted.len() - 1].abs().max(sorted[0].abs());
        let bar = statistics[0] - 1e-11 * spread;
        let at_or_above = statistics.iter().filter(|&&value| value >= bar).count();
        let quantiles = [0.05, 0.5, 0.9, 0.95, 0.99].map(|level| (level, upper_quantile(&sorted, level)));
        Self { p_value: at_or_above as f64 / statistics.len() as f64, quantiles: quantiles.to_vec() }
    }
}

/// The smallest value that at least `level` of the sorted values do not exceed.
pub(crate) fn upper_quantile(sorted: &[f64], level: f64) -> f64 {
    let rank = (level * sorted.len() as f64 - 1e-9).ceil().max(1.0) as usize;
    sorted[rank.min(sorted.len()) - 1]
}

/// Deals the groups of a set, shuffled, to `count` blocks; each block gets the rows of its groups.
fn choose(rows: &GroupedRows<'_>, count: usize, others: usize, seed: Seed) -> Vec<Vec<Vec<usize>>> {
    let mut order: Vec<usize> = (0..rows.groups()).collect();
    if rows.len() + others > MAX_BLOCK_ROWS {
        seed.stream(0).shuffle(&mut order);
    }
    let limit = row_limit(rows.len() / count, others / count);
    (0..count)
        .map(|block| {
            let groups: Vec<usize> = order.iter().copied().skip(block).step_by(count).collect();
            let all: usize = groups.iter().map(|&group| rows.range(group).len()).sum();
            if all <= limit {
                return groups.into_iter().map(|group| rows.range(group).collect()).collect();
            }
            let kept = groups.len().min(limit);
            let per_group = limit / kept;
            groups[..kept].iter().map(|&group| some_of(rows.range(group), per_group, seed, group)).collect()
        })
        .collect()
}

/// How many rows a set may put into a block when it would like `own` and the other set `others`.
fn row_limit(own: usize, others: usize) -> usize {
    if own + others <= MAX_BLOCK_ROWS {
        return usize::MAX;
    }
    let half = MAX_BLOCK_ROWS / 2;
    if others < half { MAX_BLOCK_ROWS - others } else { half }
}

fn some_of(range: Range<usize>, count: usize, seed: Seed, group: usize) -> Vec<usize> {
    let mut rows: Vec<usize> = range.collect();
    if rows.len() > count {
        seed.stream(1 + group as u64).shuffle(&mut rows);
        rows.truncate(count);
        rows.sort_unstable();
    }
    rows
}

fn describe(blocks: &[Block], pooled: usize) -> Vec<String> {
    let used: usize = blocks.iter().map(Block::len).sum();
    let labelings = blocks[0].labelings.len();
    let groups: usize = blocks.iter().map(|block| block.groups.len()).sum();
    let mut notes = vec![format!("p-value from {labelings} relabellings of {groups} groups")];
    if blocks.len() > 1 {
        notes.push(format!(
            "block-wise test: mean of {} blocks of about {} rows, relabelled within blocks",
            blocks.len(),
            used / blocks.len()
        ));
    }
    if used < pooled {
        notes.push(format!("p-value from a seeded subsample of {used} of {pooled} rows"));
    }
    notes
}

/// `n choose k`, or `None` beyond a million.
fn combinations(n: usize, k: usize) -> Option<usize> {
    (0..k.min(n - k)).try_fold(1_usize, |product, i| {
        let next = product * (n - i) / (i + 1);
        (next <= 1_000_000).then_some(next)
    })
}

/// Every choice of `ones` of `n`, in descending order of the bits: the first ones first.
fn all_labelings(n: usize, ones: usize) -> Vec<Vec<bool>> {
    let mut labels: Vec<bool> = (0..n).map(|i| i < ones).collect();
    let mut all = vec![labels.clone()];
    // The next lower arrangement: the last `true` with a `false` after it moves one place on, and
    // every `true` behind it returns to just behind that place.
    while let Some(at) = (0..n - 1).rev().find(|&i| labels[i] && !labels[i + 1]) {
        let behind = labels[at + 1..].iter().filter(|&&label| label).count();
        labels[at] = false;
        for (i, label) in labels[at + 1..].iter_mut().enumerate() {
            *label = i <= behind;
        }
        all.push(labels.clone());
    }
    all
}

fn random_labelings(n: usize, ones: usize, permutations: usize, seed: Seed) -> Vec<Vec<bool>> {
    let observed: Vec<bool> = (0..n).map(|i| i < ones).collect();
    let shuffled = (0..permutations).map(|number| {
        let mut labels = observed.clone();
        seed.stream(number as u64).shuffle(&mut labels);
        labels
    });
    std::iter::once(observed.clone()).chain(shuffled).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn rows(n: usize) -> Array2<f32> {
        Array2::from_shape_fn((n, 1), |(i, _)| i as f32)
    }

    #[test]
    fn all_labelings_are_every_choice_once_observed_first() {
        for (n, ones) in [(4, 2), (7, 3), (6, 1), (5, 5)] {
            let all = all_labelings(n, ones);
            let distinct: BTreeSet<_> = all.iter().cloned().collect();
            assert_eq!(Some(distinct.len()), combinations(n, ones));
            assert_eq!(all.len(), distinct.len());
            assert!(all[0][..ones].iter().all(|&label| label));
            assert!(all.iter().all(|labels| labels.iter().filter(|&&label| label).count() == ones));
        }
    }

    #[test]
    fn few_choices_are_enumerated_and_few_groups_refused() {
        let (x, y) = (rows(6), rows(6));
        let (x, y) = (GroupedRows::ungrouped(x.view()), GroupedRows::ungrouped(y.view()));
        let seed = Seed::from_u64(0);
        assert_eq!(Design::new(&x, &y, 999, seed).expect("12 groups").labelings, 924);
        assert_eq!(Design::new(&x, &y, 99, seed).expect("12 groups").labelings, 100);
        let five = rows(15);
        let groups: Vec<usize> = (0..15).map(|row| row / 3).collect();
        let five = GroupedRows::new(five.view(), &groups);
        let reason = Design::new(&five, &y, 99, seed).expect_err("five groups");
        assert!(reason.contains("5 independent groups"), "{reason}");
    }

    #[test]
    fn groups_move_whole() {
        let (x, y) = (rows(12), rows(24));
        let (x_groups, y_groups): (Vec<_>, Vec<_>) =
            ((0..12).map(|i| i / 2).collect(), (0..24).map(|i| i / 3).collect());
        let (x, y) = (GroupedRows::new(x.view(), &x_groups), GroupedRows::new(y.view(), &y_groups));
        let design = Design::new(&x, &y, 50, Seed::from_u64(1)).expect("enough groups");
        let block = &design.blocks[0];
        for number in 0..design.labelings {
            let labels = block.row_labels(number);
            assert!(block.groups().iter().all(|g| labels[g.clone()].iter().all(|&l| l == labels[g.start])));
        }
        assert_eq!(block.row_labels(0).iter().filter(|&&label| label).count(), 12);
    }

    #[test]
    fn large_sets_are_split_or_thinned_and_it_is_said() {
        let (many, few) = (rows(9_000), rows(40));
        let (many, few) = (GroupedRows::ungrouped(many.view()), GroupedRows::ungrouped(few.view()));
        let split = Design::new(&many, &many, 9, Seed::from_u64(2)).expect("enough groups");
        assert_eq!(split.blocks.len(), 18);
        let used: BTreeSet<usize> = split.blocks.iter().flat_map(|block| block.x().to_vec()).collect();
        assert_eq!(used.len(), 9_000);
        let thinned = Design::new(&few, &many, 9, Seed::from_u64(2)).expect("enough groups");
        assert_eq!((thinned.blocks.len(), thinned.blocks[0].len()), (1, 2_000));
        assert!(thinned.notes.iter().any(|note| note.contains("2000 of 9040 rows")), "{:?}", thinned.notes);
        let groups: Vec<usize> = (0..9_000).map(|row| row / 900).collect();
        let large_groups = GroupedRows::new(many.rows(), &groups);
        let design = Design::new(&large_groups, &large_groups, 9, Seed::from_u64(2)).expect("ten groups");
        assert_eq!((design.blocks[0].len(), design.blocks[0].groups().len()), (2_000, 20));
    }

    #[test]
    fn p_value_counts_ties_and_itself() {
        let null = Null::from_statistics(&[2.0, 1.0, 3.0, 2.0]);
        assert!((null.p_value - 0.75).abs() < 1e-12);
        assert_eq!(null.quantiles[1], (0.5, 2.0));
    }
}
