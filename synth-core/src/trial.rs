use serde::{Deserialize, Serialize};

use crate::ParameterSet;

/// A parameter set with its outcome: what an optimiser learns from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// The parameter set that was tried.
    pub params: ParameterSet,
    /// The objective, to be minimised; `None` unless the trial is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Standard error of `value`, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std_error: Option<f64>,
    /// Mean embedding of the trial's samples, where the objective is a divergence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean_embedding: Option<Vec<f32>>,
    /// What became of it.
    #[serde(default)]
    pub status: TrialStatus,
}

impl Trial {
    /// A finished trial without a standard error.
    #[must_use]
    pub fn ok(params: ParameterSet, value: f64) -> Self {
        Self { params, value: Some(value), std_error: None, mean_embedding: None, status: TrialStatus::Ok }
    }

    /// A trial that gave no value.
    #[must_use]
    pub fn failed(params: ParameterSet) -> Self {
        Self { params, value: None, std_error: None, mean_embedding: None, status: TrialStatus::Failed }
    }

    /// A trial that is still being evaluated.
    #[must_use]
    pub fn pending(params: ParameterSet) -> Self {
        Self { status: TrialStatus::Pending, ..Self::failed(params) }
    }

    /// The same trial with the standard error of its value.
    #[must_use]
    pub fn with_std_error(mut self, std_error: f64) -> Self {
        self.std_error = Some(std_error);
        self
    }

    /// The value, if the trial is done and the value is a finite number.
    #[must_use]
    pub fn finite_value(&self) -> Option<f64> {
        self.value.filter(|value| self.status == TrialStatus::Ok && value.is_finite())
    }
}

/// What became of a trial.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialStatus {
    /// It has a value.
    #[default]
    Ok,
    /// It was tried and gave none.
    Failed,
    /// It is being tried.
    Pending,
}

/// A parameter set to try next, with what the optimiser expects of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// The set, inside the space.
    pub params: ParameterSet,
    /// Predicted mean of the objective, where the optimiser has a model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Predicted standard deviation of the objective's mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// Value of the acquisition function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquisition: Option<f64>,
}

impl Proposal {
    /// A proposal without a prediction.
    #[must_use]
    pub fn new(params: ParameterSet) -> Self {
        Self { params, mean: None, std: None, acquisition: None }
    }
}

/// An optimiser's answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suggestion {
    /// The sets to try next, all different; fewer than asked for only where `exhausted`.
    pub proposals: Vec<Proposal>,
    /// The space is discrete and holds no further set that was not tried.
    pub exhausted: bool,
}
