//! The statistics of one block under all its relabellings.

use std::ops::Range;

use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;
use synth_core::Result;
use synth_core::distance::{Pairwise, Tile, Within};

use super::design::{Block, Design, Null};
use super::grouped::GroupedRows;
use super::pair_function::squared_norms;
use super::quadratic::{Quadratic, Totals};

/// A block's pooled rows with all their squared distances.
#[derive(Debug)]
pub(crate) struct BlockPairs {
    pub(crate) rows: Array2<f32>,
    pub(crate) squared: Array2<f64>,
    norms: Vec<f64>,
}

impl BlockPairs {
    pub(crate) fn new(
        block: &Block,
        x: ArrayView2<'_, f32>,
        y: ArrayView2<'_, f32>,
        pass: &Pairwise<'_>,
    ) -> Result<Self> {
        let rows = block.pooled(x, y);
        let squared = squared_matrix(rows.view(), pass)?;
        let norms = squared_norms(rows.view());
        Ok(Self { rows, squared, norms })
    }

    /// The statistic under each relabelling of the block.
    pub(crate) fn statistics(&self, block: &Block, form: &Quadratic) -> Vec<f64> {
        let between_groups = self.between_groups(block, form);
        let selfs: Vec<f64> = self.norms.iter().map(|&norm| form.function.of_itself(norm)).collect();
        let group_selfs: Vec<f64> =
            block.groups().iter().map(|range| selfs[range.clone()].iter().sum()).collect();
        let sizes: Vec<f64> = block.groups().iter().map(|range| range.len() as f64).collect();
        let from_all: Vec<f64> = between_groups.rows().into_iter().map(|row| row.sum()).collect();
        let whole =
            Whole { pairs: from_all.iter().sum(), selfs: selfs.iter().sum(), rows: block.len() as f64 };
        // Fixed chunks of relabellings: one matrix product each.
        block
            .labelings()
            .par_chunks(64)
            .flat_map_iter(|labelings| {
                let indicator = indicator(labelings);
                let within = between_groups.dot(&indicator) * &indicator;
                let columns = labelings.iter().zip(within.sum_axis(Axis(0)));
                columns
                    .map(|(labels, xx)| {
                        let masked = |values: &[f64]| masked_sum(labels, values);
                        let totals = whole.split(xx, masked(&from_all), masked(&group_selfs), masked(&sizes));
                        form.of(&totals)
                    })
                    .collect::<Vec<_>>()
            })
            .collect()
    }

    /// `A[g, h] = Σ f(i, j)` over rows i of group g and j of group h, i ≠ j.
    fn between_groups(&self, block: &Block, form: &Quadratic) -> Array2<f64> {
        let groups = block.groups();
        let sums: Vec<Vec<f64>> = groups
            .par_iter()
            .map(|range| {
                let mut sums = vec![0.0; groups.len()];
                for row in range.clone() {
                    let mut values = self.squared.row(row).to_vec();
                    form.function.apply(&mut values, self.norms[row], &self.norms);
                    values[row] = 0.0;
                    for (sum, range) in sums.iter_mut().zip(groups) {
                        *sum += values[range.clone()].iter().sum::<f64>();
                    }
                }
                sums
            })
            .collect();
        Array2::from_shape_vec((groups.len(), groups.len()), sums.concat())
            .expect("invariant: a square of sums")
    }
}

/// Sums that no relabelling changes.
struct Whole {
    pairs: f64,
    selfs: f64,
    rows: f64,
}

impl Whole {
    /// The totals when x has `rows` rows, `xx` over its own pairs and `from_x` over pairs with all.
    fn split(&self, xx: f64, from_x: f64, x_self: f64, rows: f64) -> Totals {
        let xy = from_x - xx;
        Totals {
            n: rows,
            m: self.rows - rows,
            xx,
            yy: self.pairs - xx - 2.0 * xy,
            xy,
            x_self,
            y_self: self.selfs - x_self,
        }
    }
}

fn indicator(labelings: &[Vec<bool>]) -> Array2<f64> {
    let groups = labelings.first().map_or(0, Vec::len);
    Array2::from_shape_fn((groups, labelings.len()), |(group, number)| {
        f64::from(u8::from(labelings[number][group]))
    })
}

fn masked_sum(labels: &[bool], values: &[f64]) -> f64 {
    labels.iter().zip(values).map(|(&label, &value)| if label { value } else { 0.0 }).sum()
}

/// The null of one form over all blocks: per relabelling the mean of the blocks' statistics.
pub(crate) fn null_of(
    design: &Design,
    form: &Quadratic,
    x: &GroupedRows<'_>,
    y: &GroupedRows<'_>,
    pass: &Pairwise<'_>,
) -> Result<Null> {
    let mut mean = BlockMean::default();
    for block in &design.blocks {
        let pairs = BlockPairs::new(block, x.rows(), y.rows(), pass)?;
        mean.add(&pairs.statistics(block, form));
    }
    Ok(mean.null())
}

/// Mean over blocks of the statistics under each relabelling.
#[derive(Debug, Default)]
pub(crate) struct BlockMean {
    sums: Vec<f64>,
    blocks: usize,
}

impl BlockMean {
    pub(crate) fn add(&mut self, statistics: &[f64]) {
        self.sums.resize(statistics.len(), 0.0);
        for (sum, value) in self.sums.iter_mut().zip(statistics) {
            *sum += value;
        }
        self.blocks += 1;
    }

    pub(crate) fn null(&self) -> Null {
        let mean: Vec<f64> = self.sums.iter().map(|sum| sum / self.blocks as f64).collect();
        Null::from_statistics(&mean)
    }
}

/// All squared distances of a few rows.
pub(crate) fn squared_matrix(rows: ArrayView2<'_, f32>, pass: &Pairwise<'_>) -> Result<Array2<f64>> {
    let n = rows.nrows();
    let strips = pass.within(rows, &Strips { n })?;
    let mut matrix = Array2::zeros((n, n));
    let mut at = 0;
    for strip in strips {
        let height = strip.values.nrows();
        matrix.slice_mut(s![at..at + height, ..]).assign(&strip.values);
        at += height;
    }
    Ok(matrix)
}

struct Strips {
    n: usize,
}

struct Strip {
    values: Array2<f64>,
}

impl Within for Strips {
    type Rows = Strip;

    fn rows(&self, range: Range<usize>) -> Strip {
        Strip { values: Array2::zeros((range.len(), self.n)) }
    }

    fn tile(&self, tile: &Tile<'_>, left: &mut Strip, right: &mut Strip) {
        left.values.slice_mut(s![.., tile.right()]).assign(tile.squared());
        right.values.slice_mut(s![.., tile.left()]).assign(&tile.squared().t());
    }

    fn diagonal(&self, tile: &Tile<'_>, rows: &mut Strip) {
        rows.values.slice_mut(s![.., tile.right()]).assign(tile.squared());
    }
}
