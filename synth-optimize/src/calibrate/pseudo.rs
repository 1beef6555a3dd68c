//! Pseudo worlds: what training and real samples would look like if the surrogate were the truth.

use nalgebra::{DMatrix, RowDVector};
use synth_core::{Seed, Stream};

use super::axes::Points;
use super::data::Generated;
use super::family::{Member, draw_points};
use super::fit::{Fit, Frame};
use super::linear::square_distances;
use crate::SobolSequence;

/// Generated sets among which a residual is looked for: those nearest in parameters.
const NEIGHBOURS: usize = 12;

/// The surrogate as a generator: the smoothed mean embedding at given parameters, plus the residual of a
/// generated sample of similar parameters that was predicted without its own set.
#[derive(Debug)]
pub(crate) struct Imitation<'a> {
    frame: &'a Frame<'a>,
    fit: &'a Fit,
    rows: DMatrix<f64>,
    residuals: DMatrix<f64>,
    inputs: DMatrix<f64>,
}

/// Pseudo-real groups with the embeddings of their samples, `samples_per_group` rows each.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) rows: DMatrix<f64>,
    pub(crate) samples_per_group: usize,
    pub(crate) groups: usize,
}

impl Pool {
    /// The rows of the first samples of a group.
    pub(crate) fn group(&self, group: usize, samples: usize) -> impl Iterator<Item = usize> + use<> {
        let from = group * self.samples_per_group;
        from..from + samples
    }
}

impl<'a> Imitation<'a> {
    pub(crate) fn new(frame: &'a Frame<'a>, fit: &'a Fit, generated: &Generated) -> Self {
        let rows = generated.matrix();
        let residuals = &rows - fit.surrogate.mean.left_out_weights(&generated.groups) * &rows;
        let inputs = frame.axes.kernel_inputs(&fit.surrogate.points);
        Self { frame, fit, rows, residuals, inputs }
    }

    /// New samples of the measured sets: what the training samples could have been.
    pub(crate) fn training(&self, generated: &Generated, seed: Seed) -> Generated {
        let rows = self.emulate(&self.fit.surrogate.points, seed);
        Generated { rows: float_rows(&rows), ..generated.clone() }
    }

    /// `groups` groups drawn from a member (or the uniform distribution). With the probability of the
    /// real groups' correlation, a sample has its group's parameters, else its own.
    pub(crate) fn pool(
        &self,
        member: Option<&Member>,
        groups: usize,
        samples_per_group: usize,
        seed: Seed,
    ) -> Pool {
        let axes = self.frame.axes;
        let total = groups * samples_per_group;
        let sequence =
            SobolSequence::new((axes.numbers() + axes.levels().len()).max(1), seed.derive("points"));
        let drawn = draw_points(axes, member, &sequence, 0..total as u64);
        let shared = |i: usize, stream: &mut Stream| {
            if stream.unit() < self.fit.correlation { i - i % samples_per_group } else { i }
        };
        let groups_seed = seed.derive("groups");
        let rows: Vec<usize> = (0..total).map(|i| shared(i, &mut groups_seed.stream(i as u64))).collect();
        let rows = self.emulate(&drawn.select(&rows, axes), seed.derive("residuals"));
        Pool { rows, samples_per_group, groups }
    }

    fn emulate(&self, points: &Points, seed: Seed) -> DMatrix<f64> {
        let mut out = self.fit.surrogate.mean.weights_at(self.frame.axes, points) * &self.rows;
        let squares = square_distances(&self.frame.axes.kernel_inputs(points), &self.inputs);
        for i in 0..points.len {
            let mut order: Vec<usize> = (0..self.rows.nrows()).collect();
            let nearest = NEIGHBOURS.min(order.len());
            order.select_nth_unstable_by(nearest - 1, |&a, &b| {
                squares[(i, a)].total_cmp(&squares[(i, b)]).then(a.cmp(&b))
            });
            order.truncate(nearest);
            order.sort_unstable();
            let at = order[seed.stream(i as u64).index(nearest)];
            let row: RowDVector<f64> = out.row(i) + self.residuals.row(at);
            out.set_row(i, &row);
        }
        out
    }
}

pub(crate) fn float_rows(rows: &DMatrix<f64>) -> Vec<Vec<f32>> {
    rows.row_iter().map(|row| row.iter().map(|x| *x as f32).collect()).collect()
}
