//! Uncertainty of figures that must be computed anew for every relabelling.

use ndarray::{ArrayView2, Axis};
use synth_core::{Cancel, Estimate, Result, Seed};

use crate::fidelity::design::Design;
use crate::fidelity::grouped::GroupedRows;
use crate::fidelity::jackknife::{delete_a_group, student_interval};
use crate::fidelity::null::BlockMean;
use crate::fidelity::sliced::Side;

/// Relabellings that a costly figure is computed for, at most.
pub(super) const COSTLY_PERMUTATIONS: usize = 199;
/// Parts that each set is cut into for the standard error of a costly figure, at most.
const FOLDS: usize = 20;

/// Two sets, the ways to leave parts of them out, and the ways to relabel them.
#[derive(Debug)]
pub(super) struct Resampling<'r, 'a> {
    x: &'r GroupedRows<'a>,
    y: &'r GroupedRows<'a>,
    design: Result<Design, String>,
}

impl<'r, 'a> Resampling<'r, 'a> {
    pub(super) fn new(
        x: &'r GroupedRows<'a>,
        y: &'r GroupedRows<'a>,
        permutations: usize,
        seed: Seed,
    ) -> Self {
        Self { x, y, design: Design::new(x, y, permutations.min(COSTLY_PERMUTATIONS), seed) }
    }

    /// The values that `figures` gives for the sets, with standard errors by leaving out folds of
    /// groups and p-values by relabelling groups. `figures` gets two sets and labels of their pooled
    /// rows and returns the values of each labelling.
    pub(super) fn estimates<const N: usize>(
        &self,
        cancel: &Cancel,
        figures: impl Fn(ArrayView2<'_, f32>, ArrayView2<'_, f32>, &[Vec<Side>]) -> Result<Vec<[f64; N]>>,
    ) -> Result<[Estimate; N]> {
        let (x_folds, y_folds) = (folds(self.x), folds(self.y));
        let (n, m) = (self.x.len(), self.y.len());
        let left_out = (0..x_folds.len()).map(|fold| self.labels_without(&x_folds[fold], 0));
        let left_out = left_out.chain((0..y_folds.len()).map(|fold| self.labels_without(&y_folds[fold], n)));
        let labelings: Vec<Vec<Side>> = std::iter::once(observed(n, m)).chain(left_out).collect();
        cancel.check()?;
        let values = figures(self.x.rows(), self.y.rows(), &labelings)?;
        let (x_values, y_values) = values[1..].split_at(x_folds.len());
        let mut nulls: Vec<BlockMean> = (0..N).map(|_| BlockMean::default()).collect();
        if let Ok(design) = &self.design {
            for block in &design.blocks {
                cancel.check()?;
                let (x, y) =
                    (self.x.rows().select(Axis(0), block.x()), self.y.rows().select(Axis(0), block.y()));
                let labelings: Vec<Vec<Side>> =
                    (0..design.labelings).map(|number| sides(&block.row_labels(number))).collect();
                let statistics = figures(x.view(), y.view(), &labelings)?;
                for (which, null) in nulls.iter_mut().enumerate() {
                    null.add(&statistics.iter().map(|values| values[which]).collect::<Vec<_>>());
                }
            }
        }
        Ok(std::array::from_fn(|which| {
            let column = |values: &[[f64; N]]| values.iter().map(|v| v[which]).collect::<Vec<_>>();
            let variance = jackknife(values[0][which], &x_folds, &column(x_values)).zip(jackknife(
                values[0][which],
                &y_folds,
                &column(y_values),
            ));
            self.estimate(values[0][which], variance.map(|(x, y)| (x + y).sqrt()), &nulls[which])
        }))
    }

    fn estimate(&self, value: f64, std_error: Option<f64>, null: &BlockMean) -> Estimate {
        let degrees = self.x.groups().min(self.y.groups()).min(FOLDS).saturating_sub(1);
        let ci95 = std_error.map(|error| student_interval(value, error, degrees));
        let mut estimate = Estimate { value, std_error, ci95, ..Estimate::default() };
        match &self.design {
            Ok(design) => {
                let null = null.null();
                estimate.p_value = Some(null.p_value);
                estimate.null_quantiles = null.quantiles;
                estimate.notes.extend(design.notes.iter().cloned());
            }
            Err(reason) => estimate.notes.push(reason.clone()),
        }
        if std_error.is_none() {
            estimate.notes.push("no standard error: both sets need three groups".into());
        }
        estimate
    }

    fn labels_without(&self, rows: &[usize], first: usize) -> Vec<Side> {
        let mut labels = observed(self.x.len(), self.y.len());
        for row in rows {
            labels[first + row] = Side::LeftOut;
        }
        labels
    }
}

fn observed(n: usize, m: usize) -> Vec<Side> {
    std::iter::repeat_n(Side::X, n).chain(std::iter::repeat_n(Side::Y, m)).collect()
}

fn sides(labels: &[bool]) -> Vec<Side> {
    labels.iter().map(|&x| if x { Side::X } else { Side::Y }).collect()
}

/// The rows of each fold of whole groups; none below three groups.
fn folds(rows: &GroupedRows<'_>) -> Vec<Vec<usize>> {
    if rows.groups() < 3 {
        return Vec::new();
    }
    let count = rows.groups().min(FOLDS);
    let mut folds = vec![Vec::new(); count];
    for (group, range) in rows.ranges().enumerate() {
        folds[group * count / rows.groups()].extend(range);
    }
    folds
}

fn jackknife(value: f64, folds: &[Vec<usize>], values: &[f64]) -> Option<f64> {
    delete_a_group(value, folds.iter().zip(values).map(|(fold, &without)| (fold.len() as f64, Some(without))))
}

/// The pooled rows labelled `side`.
pub(super) fn rows_of(labels: &[Side], side: Side) -> Vec<usize> {
    (0..labels.len()).filter(|&row| labels[row] == side).collect()
}
