//! Pseudo-real samples: what the real set would look like if it came from a given distribution.

use nalgebra::{DMatrix, RowDVector};
use synth_core::{Seed, Stream};

use super::axes::Points;
use super::data::{Generated, Real};
use super::family::{Member, draw_points};
use super::fit::{Fit, Frame};
use super::linear::square_distances;
use crate::SobolSequence;

/// Generated sets among which a residual is looked for: those nearest in parameters.
const NEIGHBOURS: usize = 12;

/// Pseudo-real groups with the embeddings of their samples, `samples_per_group` rows each.
#[derive(Debug)]
pub(crate) struct Pool {
    pub(crate) rows: DMatrix<f64>,
    pub(crate) samples_per_group: usize,
    pub(crate) groups: usize,
}

impl Pool {
    /// `groups` groups drawn from a member (or the uniform distribution). A sample is the surrogate's
    /// mean embedding at its parameters plus the residual of a generated sample of similar parameters,
    /// which was predicted without its own set. With the probability of the real groups' correlation,
    /// a sample has its group's parameters, else its own.
    pub(crate) fn draw(
        frame: &Frame<'_>,
        fit: &Fit,
        generated: &Generated,
        member: Option<&Member>,
        groups: usize,
        samples_per_group: usize,
        seed: Seed,
    ) -> Self {
        let width = (frame.axes.numbers() + frame.axes.levels().len()).max(1);
        let total = groups * samples_per_group;
        let sequence = SobolSequence::new(width, seed.derive("points"));
        let drawn = draw_points(frame.axes, member, &sequence, 0..total as u64);
        let shared = |i: usize, stream: &mut Stream| {
            let first = i - i % samples_per_group;
            if stream.unit() < fit.correlation { first } else { i }
        };
        let seed = seed.derive("groups");
        let rows: Vec<usize> = (0..total).map(|i| shared(i, &mut seed.stream(i as u64))).collect();
        let points = drawn.select(&rows, frame.axes);
        let rows = emulate(frame, fit, generated, &points, seed.derive("residuals"));
        Self { rows, samples_per_group, groups }
    }

    /// The rows of the first samples of a group.
    pub(crate) fn group(&self, group: usize, samples: usize) -> impl Iterator<Item = usize> + use<> {
        let from = group * self.samples_per_group;
        from..from + samples
    }
}

fn emulate(frame: &Frame<'_>, fit: &Fit, generated: &Generated, points: &Points, seed: Seed) -> DMatrix<f64> {
    let rows = generated.matrix();
    let surrogate = &fit.surrogate;
    let means = surrogate.mean.weights_at(frame.axes, points) * &rows;
    let residuals = &rows - surrogate.mean.left_out_weights(&generated.groups) * &rows;
    let inputs = frame.axes.kernel_inputs(&surrogate.points);
    let squares = square_distances(&frame.axes.kernel_inputs(points), &inputs);
    let mut out = means;
    for i in 0..points.len {
        let mut order: Vec<usize> = (0..rows.nrows()).collect();
        let nearest = NEIGHBOURS.min(order.len());
        order.select_nth_unstable_by(nearest - 1, |&a, &b| {
            squares[(i, a)].total_cmp(&squares[(i, b)]).then(a.cmp(&b))
        });
        order.truncate(nearest);
        order.sort_unstable();
        let at = order[seed.stream(i as u64).index(nearest)];
        let row: RowDVector<f64> = out.row(i) + residuals.row(at);
        out.set_row(i, &row);
    }
    out
}

/// Sizes of the real groups, for sets with the same structure.
pub(crate) fn group_sizes(real: &Real) -> Vec<usize> {
    real.members.iter().map(Vec::len).collect()
}
