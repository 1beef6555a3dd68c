//! Trials as the strategy sees them: each set once, in the order of its first outcome.

use std::collections::BTreeMap;

use synth_core::{Result, Trial, TrialStatus};

use super::columns::{Columns, Place};
use crate::encoding::SetKey;

/// A set that was tried.
#[derive(Clone, Debug)]
pub(crate) struct Point {
    pub(crate) numbers: Vec<Place>,
    pub(crate) levels: Vec<Option<usize>>,
    /// Mean of its finite values; `None` if it only ever failed.
    pub(crate) value: Option<f64>,
}

/// The sets that have an outcome; replications are joined, pending trials left out.
pub(crate) fn points(history: &[Trial], columns: &Columns) -> Result<Vec<Point>> {
    let mut order: BTreeMap<SetKey, usize> = BTreeMap::new();
    let mut groups: Vec<(&Trial, Vec<f64>)> = Vec::new();
    for trial in history {
        let key = columns.encoding.key(&trial.params)?;
        if trial.status == TrialStatus::Pending {
            continue;
        }
        let at = *order.entry(key).or_insert(groups.len());
        if at == groups.len() {
            groups.push((trial, Vec::new()));
        }
        groups[at].1.extend(trial.finite_value());
    }
    let point = |(trial, values): (&Trial, Vec<f64>)| {
        let (numbers, levels) = columns.locate(&trial.params)?;
        Ok(Point { numbers, levels, value: mean(&values) })
    };
    groups.into_iter().map(point).collect()
}

/// The mean of values whose sum may overflow.
fn mean(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    (!values.is_empty()).then(|| values.iter().map(|v| v / n).sum())
}
