//! Everything that distances are needed for, in one pass over all pairs.

use std::ops::Range;

use synth_core::Result;
use synth_core::distance::{Between, Pairwise, Smallest, Tile, Within};

use super::grouped::GroupedRows;
use super::pair_function::PairFunction;
use super::quadratic::AllSums;
use super::sums::{BlockSums, RowSums, SumBetween, SumWithin};

/// What the pass found.
#[derive(Debug)]
pub(crate) struct Pass {
    /// Row sums of the functions asked for.
    pub(crate) sums: AllSums,
    pub(crate) neighbors: Neighbors,
}

/// Nearest rows and the counts made with their radii; distances squared.
#[derive(Debug)]
pub(crate) struct Neighbors {
    /// How many neighbours the radii reach; 0 if none were asked for.
    pub(crate) k: usize,
    /// Per row of x its nearest other row of x, and of y its nearest other row of y.
    pub(crate) x_own: Vec<Near>,
    pub(crate) y_own: Vec<Near>,
    /// Per row of x its k-th nearest other row of x.
    pub(crate) x_radius: Vec<f64>,
    /// Per row of x its nearest row of y, and the reverse.
    pub(crate) x_cross: Vec<Near>,
    pub(crate) y_cross: Vec<Near>,
    /// Whether a row of x lies within the radius of some row of y.
    pub(crate) x_reached: Vec<bool>,
    /// Within how many radii of x a row of y lies.
    pub(crate) y_reached: Vec<u32>,
}

/// A nearest row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Near {
    pub(crate) squared: f64,
    pub(crate) index: usize,
}

impl Pass {
    /// Sums `functions` over all pairs and, with `k` > 0, finds neighbours; both sets then need
    /// more than `k` rows.
    pub(crate) fn run(
        x: &GroupedRows<'_>,
        y: &GroupedRows<'_>,
        functions: &[PairFunction],
        k: usize,
        pass: &Pairwise<'_>,
    ) -> Result<Self> {
        let inside = |rows: &GroupedRows<'_>| {
            pass.within(rows.rows(), &Inside { sums: SumWithin { rows, functions }, k })
        };
        let (x_blocks, y_blocks) = (inside(x)?, inside(y)?);
        let (x_radius, y_radius) = (radii(&x_blocks, k), radii(&y_blocks, k));
        let sums = SumBetween { left: x, right: y, functions };
        let tally = Across { sums, x_radius: &x_radius, y_radius: &y_radius };
        let (left, right) = pass.between(x.rows(), y.rows(), &tally)?;
        let count = functions.len();
        let sums = AllSums {
            xx: RowSums::joined(count, x_blocks.iter().map(|block| &block.sums)),
            yy: RowSums::joined(count, y_blocks.iter().map(|block| &block.sums)),
            xy: RowSums::joined(count, left.iter().map(|block| &block.sums)).all,
            yx: RowSums::joined(count, right.iter().map(|block| &block.sums)).all,
        };
        let neighbors = Neighbors {
            k,
            x_own: nearest(x_blocks.iter().map(|block| &block.nearest)),
            y_own: nearest(y_blocks.iter().map(|block| &block.nearest)),
            x_cross: nearest(left.iter().map(|block| &block.nearest)),
            y_cross: nearest(right.iter().map(|block| &block.nearest)),
            x_reached: left.into_iter().flat_map(|block| block.reached).collect(),
            y_reached: right.into_iter().flat_map(|block| block.reached).collect(),
            x_radius,
        };
        Ok(Self { sums, neighbors })
    }
}

fn radii(blocks: &[InsideRows], k: usize) -> Vec<f64> {
    let Some(last) = k.checked_sub(1) else { return Vec::new() };
    let rows = blocks.iter().flat_map(|block| block.nearest.range().map(move |row| (block, row)));
    rows.map(|(block, row)| block.nearest.values(row)[last]).collect()
}

fn nearest<'b>(blocks: impl Iterator<Item = &'b Smallest>) -> Vec<Near> {
    let rows = blocks.flat_map(|block| block.range().map(move |row| (block, row)));
    let first = rows.filter_map(|(block, row)| block.values(row).first().zip(block.indices(row).first()));
    first.map(|(&squared, &index)| Near { squared, index }).collect()
}

struct Inside<'a> {
    sums: SumWithin<'a>,
    k: usize,
}

struct InsideRows {
    sums: BlockSums,
    nearest: Smallest,
}

impl Within for Inside<'_> {
    type Rows = InsideRows;

    fn rows(&self, range: Range<usize>) -> InsideRows {
        InsideRows { sums: self.sums.rows(range.clone()), nearest: Smallest::new(range, self.k) }
    }

    fn tile(&self, tile: &Tile<'_>, left: &mut InsideRows, right: &mut InsideRows) {
        self.sums.tile(tile, &mut left.sums, &mut right.sums);
        for (row, squared) in tile.rows() {
            left.nearest.see_row(row, tile.right().start, squared);
            right.nearest.see_column(tile.right().start, row, squared);
        }
    }

    fn diagonal(&self, tile: &Tile<'_>, rows: &mut InsideRows) {
        self.sums.diagonal(tile, &mut rows.sums);
        for (row, squared) in tile.rows() {
            rows.nearest.see_others(row, tile.right().start, squared);
        }
    }
}

/// The radii are empty where no neighbours were asked for.
struct Across<'a> {
    sums: SumBetween<'a>,
    x_radius: &'a [f64],
    y_radius: &'a [f64],
}

struct AcrossRows<R> {
    sums: BlockSums,
    nearest: Smallest,
    reached: Vec<R>,
}

impl<R: Clone + Default> AcrossRows<R> {
    fn new(sums: BlockSums, range: Range<usize>, radii: &[f64]) -> Self {
        let wanted = usize::from(!radii.is_empty());
        let reached = vec![R::default(); wanted * range.len()];
        Self { sums, nearest: Smallest::new(range, wanted), reached }
    }
}

impl Between for Across<'_> {
    type Left = AcrossRows<bool>;
    type Right = AcrossRows<u32>;

    fn left(&self, range: Range<usize>) -> AcrossRows<bool> {
        AcrossRows::new(self.sums.left(range.clone()), range, self.x_radius)
    }

    fn right(&self, range: Range<usize>) -> AcrossRows<u32> {
        AcrossRows::new(self.sums.right(range.clone()), range, self.x_radius)
    }

    fn tile(&self, tile: &Tile<'_>, left: &mut AcrossRows<bool>, right: &mut AcrossRows<u32>) {
        self.sums.tile(tile, &mut left.sums, &mut right.sums);
        if self.x_radius.is_empty() {
            return;
        }
        let y_radius = &self.y_radius[tile.right()];
        for (row, squared) in tile.rows() {
            left.nearest.see_row(row, tile.right().start, squared);
            right.nearest.see_column(tile.right().start, row, squared);
            count_inside(squared, self.x_radius[row], &mut right.reached);
            left.reached[row - tile.left().start] |= any_inside(squared, y_radius);
        }
    }
}

fn count_inside(squared: &[f64], radius: f64, counts: &mut [u32]) {
    for (count, value) in counts.iter_mut().zip(squared) {
        *count += u32::from(*value < radius);
    }
}

/// Without an early exit, so that it vectorises.
fn any_inside(squared: &[f64], radii: &[f64]) -> bool {
    squared.iter().zip(radii).fold(false, |any, (value, radius)| any | (value < radius))
}
