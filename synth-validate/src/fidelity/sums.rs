//! Sums of pair functions, row by row: what every quadratic divergence is made of.

use std::ops::Range;

use synth_core::Result;
use synth_core::distance::{Between, Pairwise, Tile, Within};

use super::grouped::{GroupedRows, Grouping};
use super::pair_function::{PairFunction, sum};

/// Row sums of several functions, for one block of rows.
#[derive(Debug)]
pub(crate) struct BlockSums {
    start: usize,
    /// Per function, per row: the sum over all other rows.
    all: Vec<Vec<f64>>,
    /// The same over the row's own group; empty where groups are single rows.
    own: Vec<Vec<f64>>,
    buffer: Vec<f64>,
}

impl BlockSums {
    pub(crate) fn new(functions: usize, range: Range<usize>, with_groups: bool) -> Self {
        let zeros = || vec![vec![0.0; range.len()]; functions];
        Self {
            start: range.start,
            all: zeros(),
            own: if with_groups { zeros() } else { Vec::new() },
            buffer: Vec::new(),
        }
    }
}

/// The per-row sums of one set, the blocks put together: `[function][row]`.
#[derive(Clone, Debug, Default)]
pub(crate) struct RowSums {
    pub(crate) all: Vec<Vec<f64>>,
    pub(crate) own: Vec<Vec<f64>>,
}

impl RowSums {
    /// One pass over the pairs of a set with itself.
    pub(crate) fn of(
        rows: &GroupedRows<'_>,
        functions: &[PairFunction],
        pass: &Pairwise<'_>,
    ) -> Result<Self> {
        let blocks = pass.within(rows.rows(), &SumWithin { rows, functions })?;
        Ok(Self::joined(functions.len(), blocks.iter()))
    }

    pub(crate) fn joined<'b>(functions: usize, blocks: impl Iterator<Item = &'b BlockSums>) -> Self {
        let mut joined = Self { all: vec![Vec::new(); functions], own: vec![Vec::new(); functions] };
        for block in blocks {
            for (to, from) in joined.all.iter_mut().zip(&block.all) {
                to.extend(from);
            }
            for (to, from) in joined.own.iter_mut().zip(&block.own) {
                to.extend(from);
            }
        }
        joined
    }
}

/// Keeps the row sums of functions of a set with itself.
#[derive(Debug)]
pub(crate) struct SumWithin<'a> {
    pub(crate) rows: &'a Grouping,
    pub(crate) functions: &'a [PairFunction],
}

impl Within for SumWithin<'_> {
    type Rows = BlockSums;

    fn rows(&self, range: Range<usize>) -> BlockSums {
        BlockSums::new(self.functions.len(), range, !self.rows.all_single())
    }

    fn tile(&self, tile: &Tile<'_>, left: &mut BlockSums, right: &mut BlockSums) {
        let norms = self.rows.norms();
        let partners = tile.right();
        let mut buffer = std::mem::take(&mut left.buffer);
        for (row, squared) in tile.rows() {
            let own = intersection(self.rows.range(self.rows.group_of(row)), &partners);
            for (f, function) in self.functions.iter().enumerate() {
                buffer.clear();
                buffer.extend_from_slice(squared);
                function.apply(&mut buffer, norms[row], &norms[partners.clone()]);
                left.all[f][row - left.start] += sum(&buffer);
                add(&mut right.all[f], &buffer);
                if !left.own.is_empty() && !own.is_empty() {
                    left.own[f][row - left.start] += sum(&buffer[own.clone()]);
                    add(&mut right.own[f][own.clone()], &buffer[own.clone()]);
                }
            }
        }
        left.buffer = buffer;
    }

    fn diagonal(&self, tile: &Tile<'_>, rows: &mut BlockSums) {
        let norms = self.rows.norms();
        let partners = tile.right();
        let mut buffer = std::mem::take(&mut rows.buffer);
        for (row, squared) in tile.rows() {
            let own = intersection(self.rows.range(self.rows.group_of(row)), &partners);
            for (f, function) in self.functions.iter().enumerate() {
                buffer.clear();
                buffer.extend_from_slice(squared);
                function.apply(&mut buffer, norms[row], &norms[partners.clone()]);
                buffer[row - partners.start] = 0.0;
                rows.all[f][row - rows.start] += sum(&buffer);
                if !rows.own.is_empty() {
                    rows.own[f][row - rows.start] += sum(&buffer[own.clone()]);
                }
            }
        }
        rows.buffer = buffer;
    }
}

/// Keeps the row sums of functions between two sets, for the rows of both.
#[derive(Debug)]
pub(crate) struct SumBetween<'a> {
    pub(crate) left: &'a Grouping,
    pub(crate) right: &'a Grouping,
    pub(crate) functions: &'a [PairFunction],
}

impl Between for SumBetween<'_> {
    type Left = BlockSums;
    type Right = BlockSums;

    fn left(&self, range: Range<usize>) -> BlockSums {
        BlockSums::new(self.functions.len(), range, false)
    }

    fn right(&self, range: Range<usize>) -> BlockSums {
        BlockSums::new(self.functions.len(), range, false)
    }

    fn tile(&self, tile: &Tile<'_>, left: &mut BlockSums, right: &mut BlockSums) {
        let partners = &self.right.norms()[tile.right()];
        let mut buffer = std::mem::take(&mut left.buffer);
        for (row, squared) in tile.rows() {
            for (f, function) in self.functions.iter().enumerate() {
                buffer.clear();
                buffer.extend_from_slice(squared);
                function.apply(&mut buffer, self.left.norms()[row], partners);
                left.all[f][row - left.start] += sum(&buffer);
                add(&mut right.all[f], &buffer);
            }
        }
        left.buffer = buffer;
    }
}

/// The part of `range` inside `block`, counted from the block's start.
fn intersection(range: Range<usize>, block: &Range<usize>) -> Range<usize> {
    let clip = |at: usize| at.clamp(block.start, block.end) - block.start;
    clip(range.start)..clip(range.end)
}

fn add(to: &mut [f64], values: &[f64]) {
    for (sum, value) in to.iter_mut().zip(values) {
        *sum += value;
    }
}
