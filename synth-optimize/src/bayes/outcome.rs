//! Trials as training data: replications joined, failures and pending points set apart.

use std::collections::BTreeMap;

use synth_core::{ParameterSet, Result, Trial, TrialStatus};

use super::space::{Located, ModelSpace};
use crate::encoding::SetKey;

/// What is known of one point of the space.
#[derive(Clone, Debug)]
struct Group {
    /// As the first trial has it.
    params: ParameterSet,
    at: Located,
    values: Vec<f64>,
    /// Known noise variances of the values that came with a standard error.
    variances: Vec<f64>,
    failed: usize,
    pending: bool,
}

/// A history, sorted by what can be learned from it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outcomes {
    /// Points with at least one finite value.
    pub(crate) measured: Vec<Measured>,
    /// Points that failed (or gave no finite value) and never succeeded.
    pub(crate) failed: Vec<Located>,
    /// Points that are being tried and have no value yet.
    pub(crate) pending: Vec<Located>,
}

/// One point with the mean of its values.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) params: ParameterSet,
    pub(crate) at: Located,
    pub(crate) value: f64,
    /// The values that the mean is of.
    pub(crate) values: Vec<f64>,
    /// Noise variance of the mean, where every value came with a standard error; else 0.
    pub(crate) known_noise: f64,
    /// Whether it may be measured again: it is not being measured, and never failed.
    pub(crate) may_repeat: bool,
}

impl Outcomes {
    pub(crate) fn of(history: &[Trial], space: &ModelSpace) -> Result<Self> {
        let mut order: BTreeMap<SetKey, usize> = BTreeMap::new();
        let mut groups: Vec<Group> = Vec::new();
        for trial in history {
            let at = *order.entry(space.encoding.key(&trial.params)?).or_insert(groups.len());
            if at == groups.len() {
                let at = space.locate(space.encoding.encode(&trial.params)?);
                let (params, values, variances) = (trial.params.clone(), vec![], vec![]);
                groups.push(Group { params, at, values, variances, failed: 0, pending: false });
            }
            groups[at].add(trial);
        }
        let mut outcomes = Self::default();
        for group in groups {
            if let Some(value) = mean(&group.values) {
                outcomes.measured.push(group.measured(value));
            } else if group.pending {
                outcomes.pending.push(group.at);
            } else {
                outcomes.failed.push(group.at);
            }
        }
        Ok(outcomes)
    }
}

impl Measured {
    /// Whether it was told to be uncertain, or replications differ.
    pub(crate) fn shows_noise(&self) -> bool {
        self.known_noise > 0.0 || self.values.iter().any(|value| *value != self.values[0])
    }
}

impl Group {
    fn add(&mut self, trial: &Trial) {
        match (trial.status, trial.finite_value()) {
            (TrialStatus::Pending, _) => self.pending = true,
            (_, Some(value)) => {
                self.values.push(value);
                let known = trial.std_error.filter(|s| s.is_finite() && *s > 0.0);
                self.variances.extend(known.map(|s| (s * s).clamp(f64::MIN_POSITIVE, f64::MAX)));
            }
            (_, None) => self.failed += 1,
        }
    }

    fn measured(self, value: f64) -> Measured {
        let n = self.values.len();
        let all_known = self.variances.len() == n;
        let known_noise = if all_known { mean(&self.variances).unwrap_or(0.0) / n as f64 } else { 0.0 };
        Measured {
            params: self.params,
            at: self.at,
            value,
            values: self.values,
            known_noise,
            may_repeat: !self.pending && self.failed == 0,
        }
    }
}

/// The mean of values whose sum may overflow.
fn mean(values: &[f64]) -> Option<f64> {
    let n = values.len() as f64;
    (!values.is_empty()).then(|| values.iter().map(|v| v / n).sum())
}
