use std::ops::{Deref, Range};

use ndarray::{Array2, ArrayView2, Axis};
use synth_core::Embeddings;

use super::pair_function::squared_norms;

/// Rows put in an order in which each group is one contiguous stretch.
#[derive(Debug)]
pub(crate) struct GroupedRows<'a> {
    rows: Rows<'a>,
    grouping: Grouping,
}

#[derive(Debug)]
enum Rows<'a> {
    Given(ArrayView2<'a, f32>),
    Sorted(Array2<f32>),
}

impl<'a> GroupedRows<'a> {
    /// Every row its own group.
    pub(crate) fn ungrouped(rows: ArrayView2<'a, f32>) -> Self {
        Self::new(rows, &(0..rows.nrows()).collect::<Vec<_>>())
    }

    /// `groups` numbers the group of each row.
    pub(crate) fn new(rows: ArrayView2<'a, f32>, groups: &[usize]) -> Self {
        let mut order: Vec<usize> = (0..groups.len()).collect();
        order.sort_by_key(|&row| groups[row]);
        let in_order = order.iter().enumerate().all(|(place, &row)| place == row);
        let rows = if in_order { Rows::Given(rows) } else { Rows::Sorted(rows.select(Axis(0), &order)) };
        let mut grouping = Grouping { starts: Vec::new(), group_of: Vec::new(), norms: Vec::new() };
        for (place, &row) in order.iter().enumerate() {
            if place == 0 || groups[order[place - 1]] != groups[row] {
                grouping.starts.push(place);
            }
            grouping.group_of.push(grouping.starts.len() - 1);
        }
        grouping.starts.push(order.len());
        let mut grouped = Self { rows, grouping };
        grouped.grouping.norms = squared_norms(grouped.rows());
        grouped
    }

    pub(crate) fn rows(&self) -> ArrayView2<'_, f32> {
        match &self.rows {
            Rows::Given(rows) => rows.view(),
            Rows::Sorted(rows) => rows.view(),
        }
    }

    /// Length of a row.
    pub(crate) fn dim(&self) -> usize {
        self.rows().ncols()
    }
}

impl Deref for GroupedRows<'_> {
    type Target = Grouping;

    fn deref(&self) -> &Grouping {
        &self.grouping
    }
}

impl<'a> From<&'a Embeddings> for GroupedRows<'a> {
    fn from(embeddings: &'a Embeddings) -> Self {
        Self::new(embeddings.matrix(), &embeddings.group_numbers())
    }
}

/// What [`GroupedRows`] knows of its rows apart from their values.
#[derive(Debug)]
pub(crate) struct Grouping {
    /// Where each group begins, and the number of rows at the end.
    starts: Vec<usize>,
    group_of: Vec<usize>,
    norms: Vec<f64>,
}

impl Grouping {
    pub(crate) fn len(&self) -> usize {
        self.group_of.len()
    }

    /// `|row|²`.
    pub(crate) fn norms(&self) -> &[f64] {
        &self.norms
    }

    pub(crate) fn groups(&self) -> usize {
        self.starts.len() - 1
    }

    /// The rows of a group.
    pub(crate) fn range(&self, group: usize) -> Range<usize> {
        self.starts[group]..self.starts[group + 1]
    }

    /// The rows of each group.
    pub(crate) fn ranges(&self) -> impl ExactSizeIterator<Item = Range<usize>> {
        (0..self.groups()).map(|group| self.range(group))
    }

    /// The group that `row` belongs to.
    pub(crate) fn group_of(&self, row: usize) -> usize {
        self.group_of[row]
    }

    /// Whether no group has two rows.
    pub(crate) fn all_single(&self) -> bool {
        self.groups() == self.len()
    }

    /// Sum of `values`, one per row, over each group.
    pub(crate) fn sums_by_group(&self, values: &[f64]) -> Vec<f64> {
        self.ranges().map(|range| values[range].iter().sum()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn groups_become_contiguous() {
        let rows = array![[0.0_f32], [1.0], [2.0], [3.0]];
        let grouped = GroupedRows::new(rows.view(), &[0, 1, 0, 1]);
        assert_eq!(grouped.rows(), array![[0.0], [2.0], [1.0], [3.0]]);
        assert_eq!((grouped.range(0), grouped.range(grouped.group_of(3))), (0..2, 2..4));
        assert_eq!(grouped.sums_by_group(&[1.0, 2.0, 3.0, 4.0]), [3.0, 7.0]);
        assert!(!grouped.all_single() && GroupedRows::ungrouped(rows.view()).all_single());
        assert_eq!(GroupedRows::new(rows.slice(ndarray::s![..0, ..]), &[]).groups(), 0);
    }
}
