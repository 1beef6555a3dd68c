//! Figures that are computed anew for every relabelling: transport, sliced and exact, and Fréchet.

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use synth_core::{Estimate, Result};

use super::Metric;
use super::report::MetricReport;
use super::resample::{Resampling, rows_of};
use super::run::Run;
use crate::fidelity::frechet::frechet_distance;
use crate::fidelity::sliced::{Side, random_directions, sliced_distances};
use crate::fidelity::wasserstein::{Order, check_exact_rows, cross_matrix, exact_of_costs};

/// Pooled rows up to which exact transport is repeated for its uncertainty.
const EXACT_RESAMPLED_ROWS: usize = 200;
/// Dimensions up to which the Fréchet distance is repeated for its uncertainty.
const FRECHET_RESAMPLED_DIM: usize = 256;

impl<'r, 'a> Run<'r, 'a> {
    fn resampling(&self) -> Resampling<'r, 'a> {
        let seed = self.params.seed.derive("permutations");
        Resampling::new(self.x, self.y, self.params.permutations, seed)
    }

    pub(super) fn sliced(&mut self) -> Result<()> {
        let wanted = [Metric::SlicedW1, Metric::SlicedW2];
        if !wanted.into_iter().any(|metric| self.params.wants(metric)) {
            return Ok(());
        }
        self.progress.start("sliced distances", None);
        let count = self.params.directions;
        let directions = random_directions(self.x.dim(), count, self.params.seed.derive("directions"))?;
        let estimates = self.resampling().estimates(self.cancel, |x, y, labelings| {
            Ok(sliced_distances(x, y, directions.view(), labelings))
        })?;
        self.progress.finish();
        for (metric, estimate) in wanted.into_iter().zip(estimates) {
            if self.params.wants(metric) {
                self.report(metric, MetricReport::new(estimate).with_part("directions", count as f64));
            }
        }
        Ok(())
    }

    pub(super) fn exact(&mut self) -> Result<()> {
        for (metric, order) in [(Metric::ExactW1, Order::One), (Metric::ExactW2, Order::Two)] {
            if !self.params.wants(metric) {
                continue;
            }
            let possible = check_exact_rows(self.x.len().max(self.y.len()));
            if self.if_possible(metric, possible)?.is_some() {
                self.progress.start(metric.name(), None);
                let estimate = self.exact_of(order)?;
                self.progress.finish();
                self.report(metric, MetricReport::new(estimate));
            }
        }
        Ok(())
    }

    fn exact_of(&self, order: Order) -> Result<Estimate> {
        self.cancel.check()?;
        if self.x.len() + self.y.len() > EXACT_RESAMPLED_ROWS {
            let value = exact_of_costs(&cross_matrix(self.x.rows(), self.y.rows())?, order);
            let note = format!(
                "no uncertainty: exact transport is not repeated above {EXACT_RESAMPLED_ROWS} pooled rows; the sliced distances have it"
            );
            return Ok(Estimate { value, notes: vec![note], ..Estimate::default() });
        }
        let [estimate] = self.resampling().estimates(self.cancel, |x, y, labelings| {
            let pooled = pooled(x, y);
            let squared = cross_matrix(pooled.view(), pooled.view())?;
            let of = |labels: &Vec<Side>| {
                let rows = squared.select(Axis(0), &rows_of(labels, Side::X));
                [exact_of_costs(&rows.select(Axis(1), &rows_of(labels, Side::Y)), order)]
            };
            Ok(labelings.iter().map(of).collect())
        })?;
        Ok(estimate)
    }

    pub(super) fn frechet(&mut self) -> Result<()> {
        if !self.params.wants(Metric::Frechet) {
            return Ok(());
        }
        self.cancel.check()?;
        self.progress.start("frechet", None);
        let found = frechet_distance(self.x.rows(), self.y.rows());
        if let Some(found) = self.if_possible(Metric::Frechet, found)? {
            let dim = self.x.dim();
            let estimate = if found.rank_deficient {
                let note =
                    "rank_deficient: a set has no more rows than dimensions; not to be used for a verdict";
                Estimate { value: found.value, notes: vec![note.into()], ..Estimate::default() }
            } else if dim > FRECHET_RESAMPLED_DIM {
                let note = format!("no uncertainty: not repeated above {FRECHET_RESAMPLED_DIM} dimensions");
                Estimate { value: found.value, notes: vec![note], ..Estimate::default() }
            } else {
                self.frechet_resampled()?
            };
            let report = MetricReport::new(estimate);
            let rank = f64::from(u8::from(found.rank_deficient));
            self.report(Metric::Frechet, report.with_part("rank_deficient", rank));
        }
        self.progress.finish();
        Ok(())
    }

    fn frechet_resampled(&self) -> Result<Estimate> {
        let [mut estimate] = self.resampling().estimates(self.cancel, |x, y, labelings| {
            let pooled = pooled(x, y);
            let of = |labels: &Vec<Side>| {
                let rows = |side| pooled.select(Axis(0), &rows_of(labels, side));
                Ok([frechet_distance(rows(Side::X).view(), rows(Side::Y).view())?.value])
            };
            labelings.iter().map(of).collect()
        })?;
        estimate
            .notes
            .push("biased upwards at small n: compare with the null's quantiles, not with 0".into());
        Ok(estimate)
    }
}

fn pooled(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>) -> Array2<f32> {
    concatenate(Axis(0), &[x, y]).expect("invariant: embeddings of one embedder are equally wide")
}
