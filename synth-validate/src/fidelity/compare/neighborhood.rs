//! Reports of the figures made of nearest neighbours.

use rayon::prelude::*;
use synth_core::{Estimate, Seed};

use super::report::MetricReport;
use crate::fidelity::design::{Null, group_labelings};
use crate::fidelity::grouped::GroupedRows;
use crate::fidelity::jackknife::{clustered_std_error, student_interval, wilson_interval};
use crate::fidelity::neighbors::{NearestReal, Prdc};
use crate::fidelity::pass::Neighbors;

pub(super) fn prdc_report(found: &Neighbors, x: &GroupedRows<'_>, y: &GroupedRows<'_>) -> MetricReport {
    let Prdc { precision, recall, density, coverage } = found.prdc();
    let rows = found.prdc_by_row();
    let mut report = MetricReport::default()
        .with_part("k", found.k as f64)
        .with_estimate("precision", share(precision, &rows.precision, y))
        .with_estimate("recall", share(recall, &rows.recall, x))
        .with_estimate("density", mean(density, &rows.density, y))
        .with_estimate("coverage", share(coverage, &rows.coverage, x));
    for estimate in report.uncertainty.values_mut() {
        estimate
            .notes
            .push("error of the counted rows only; the other set's balls are taken as given".into());
    }
    report
}

pub(super) fn test_report(
    found: &Neighbors,
    x: &GroupedRows<'_>,
    y: &GroupedRows<'_>,
    permutations: usize,
    seed: Seed,
) -> MetricReport {
    let test = found.test();
    let (real, synthetic) = found.stays();
    let all = [real.as_slice(), &synthetic].concat();
    let n = x.len();
    let groups: Vec<_> = x.ranges().chain(y.ranges().map(|range| range.start + n..range.end + n)).collect();
    let count = groups.len();
    let std_error = clustered_std_error(&all, groups.into_iter());
    let mut estimate = Estimate { value: test.accuracy, std_error, ..Estimate::default() };
    estimate.ci95 = std_error.map(|error| wilson_interval(test.accuracy, error, count));
    match nearest_null(found, x, y, permutations, seed) {
        Ok(null) => {
            estimate.p_value = Some(null.p_value);
            estimate.null_quantiles = null.quantiles;
            estimate.notes.push("p-value by relabelling groups on the fixed graph of nearest rows".into());
        }
        Err(reason) => estimate.notes.push(reason),
    }
    MetricReport::new(estimate)
        .with_part("accuracy", test.accuracy)
        .with_part("real", test.real)
        .with_part("synth", test.synthetic)
}

/// The accuracy under each relabelling: the graph of nearest rows does not change with the labels.
fn nearest_null(
    found: &Neighbors,
    x: &GroupedRows<'_>,
    y: &GroupedRows<'_>,
    permutations: usize,
    seed: Seed,
) -> Result<Null, String> {
    let labelings = group_labelings(x, y, permutations, seed)?;
    let nearest = found.pooled_nearest();
    let n = x.len();
    let group = |row: usize| if row < n { x.group_of(row) } else { x.groups() + y.group_of(row - n) };
    let edges: Vec<(usize, usize)> =
        nearest.iter().enumerate().map(|(row, &nearest)| (group(row), group(nearest))).collect();
    let statistics: Vec<f64> = labelings
        .par_iter()
        .map(|labels| {
            let stays = edges.iter().filter(|&&(from, to)| labels[from] == labels[to]).count();
            stays as f64 / edges.len() as f64
        })
        .collect();
    Ok(Null::from_statistics(&statistics))
}

pub(super) fn nearest_real_report(
    found: &Neighbors,
    mean_all_pairs: f64,
    y: &GroupedRows<'_>,
) -> MetricReport {
    let NearestReal { mean: value, min, q25, median, q75, max, epsilon, share_within_epsilon } =
        found.nearest_real();
    let distances = found.to_real();
    let within: Vec<f64> = distances.iter().map(|&d| f64::from(u8::from(d <= epsilon))).collect();
    let of_mean = mean(value, &distances, y);
    MetricReport::new(of_mean)
        .with_part("mean", value)
        .with_part("min", min)
        .with_part("q25", q25)
        .with_part("median", median)
        .with_part("q75", q75)
        .with_part("max", max)
        .with_part("epsilon", epsilon)
        .with_part("mean_all_pairs", mean_all_pairs)
        .with_estimate("share_within_epsilon", share(share_within_epsilon, &within, y))
}

fn share(value: f64, rows: &[f64], groups: &GroupedRows<'_>) -> Estimate {
    let std_error = clustered_std_error(rows, groups.ranges());
    let ci95 = std_error.map(|error| wilson_interval(value, error, groups.groups()));
    Estimate { value, std_error, ci95, ..Estimate::default() }
}

fn mean(value: f64, rows: &[f64], groups: &GroupedRows<'_>) -> Estimate {
    let std_error = clustered_std_error(rows, groups.ranges());
    let ci95 = std_error.map(|error| student_interval(value, error, groups.groups() - 1));
    Estimate { value, std_error, ci95, ..Estimate::default() }
}
