//! The files of `synth ask`: a space with an objective, trials in, parameter sets out.

use serde::{Deserialize, Serialize};
use synth_core::{
    Error, Parameter, ParameterSet, ParameterSpace, Proposal, Result, Suggestion, Trial, TrialStatus,
};

use crate::Noise;

/// `SPACE.yaml`: the parameters and what is wanted of the objective.
///
/// # Examples
/// ```
/// use synth_optimize::{Noise, SpaceFile};
/// let file: SpaceFile = serde_json::from_str(
///     r#"{"parameters": [{"name": "size", "type": "float", "low": 5, "high": 40},
///                        {"name": "shape", "type": "choice", "choices": ["circle", "ellipse"]}],
///         "objective": {"direction": "maximize", "noisy": false}}"#,
/// )?;
/// assert_eq!(file.space()?.len(), 2);
/// assert_eq!(file.objective.noise(), Noise::None);
/// let typo = r#"{"parameters": [], "objektive": {}}"#;
/// assert!(serde_json::from_str::<SpaceFile>(typo).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpaceFile {
    /// The parameters; a conditional one stands after its parent.
    pub parameters: Vec<Parameter>,
    /// The objective; by default minimised, with noise to be found out.
    #[serde(default)]
    pub objective: Objective,
}

/// What is wanted of the objective.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Objective {
    /// Which way is better.
    pub direction: Direction,
    /// Whether the same set may give different values; unknown if left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noisy: Option<bool>,
}

/// Which way is better.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Less is better.
    #[default]
    #[serde(alias = "minimise", alias = "min")]
    Minimize,
    /// More is better.
    #[serde(alias = "maximise", alias = "max")]
    Maximize,
}

impl SpaceFile {
    /// The checked space.
    ///
    /// # Errors
    /// [`synth_core::Error::InvalidParam`] as [`ParameterSpace::new`].
    pub fn space(&self) -> Result<ParameterSpace> {
        ParameterSpace::new(self.parameters.clone())
    }
}

impl Objective {
    /// What the objective says about noise.
    #[must_use]
    pub fn noise(&self) -> Noise {
        match self.noisy {
            None => Noise::Unknown,
            Some(false) => Noise::None,
            Some(true) => Noise::Present,
        }
    }

    /// The trial that an optimiser is told of: values are negated where more is better.
    #[must_use]
    pub fn trial(&self, record: TrialRecord) -> Trial {
        let TrialRecord { params, value, std_error, status } = record;
        let value = value.map(|value| self.turned(value));
        let status = status.unwrap_or(if value.is_some() { TrialStatus::Ok } else { TrialStatus::Pending });
        Trial { params, value, std_error, mean_embedding: None, status }
    }

    /// The lines that answer a suggestion; with `explain`, with what the optimiser expects, in the
    /// objective's own direction.
    #[must_use]
    pub fn answers(&self, suggestion: Suggestion, explain: bool) -> Vec<AskRecord> {
        let answer = |proposal: Proposal| AskRecord {
            params: proposal.params,
            mean: proposal.mean.filter(|_| explain).map(|mean| self.turned(mean)),
            std: proposal.std.filter(|_| explain),
            acquisition: proposal.acquisition.filter(|_| explain),
        };
        suggestion.proposals.into_iter().map(answer).collect()
    }

    fn turned(&self, value: f64) -> f64 {
        match self.direction {
            Direction::Minimize => value,
            Direction::Maximize => -value,
        }
    }
}

/// One line of `TRIALS.jsonl`. Replications are lines with the same parameters.
///
/// A line without a status is `ok` if it has a value, else `pending`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialRecord {
    /// The parameter set that was tried.
    pub params: ParameterSet,
    /// The objective's value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<f64>,
    /// Standard error of the value, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std_error: Option<f64>,
    /// What became of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<TrialStatus>,
}

impl TrialRecord {
    /// Checks what the types leave open.
    ///
    /// # Errors
    /// [`synth_core::Error::InvalidParam`] for a value or standard error that is not finite, a negative
    /// standard error, and a trial that is `ok` without a value.
    ///
    /// # Examples
    /// ```
    /// use synth_optimize::TrialRecord;
    /// let record: TrialRecord = serde_json::from_str(r#"{"params": {}, "status": "ok"}"#)?;
    /// let error = record.check().unwrap_err().to_string();
    /// assert_eq!(error, "`value` must be a number where `status` is `ok`, got nothing");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn check(&self) -> Result<()> {
        if let Some(value) = self.value.filter(|value| !value.is_finite()) {
            return Err(Error::invalid("value", "finite", value));
        }
        if let Some(error) = self.std_error.filter(|error| !(error.is_finite() && *error >= 0.0)) {
            return Err(Error::invalid("std_error", "finite and not negative", error));
        }
        if self.status == Some(TrialStatus::Ok) && self.value.is_none() {
            return Err(Error::invalid("value", "a number where `status` is `ok`", "nothing"));
        }
        Ok(())
    }
}

/// One line of the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskRecord {
    /// The set to try next.
    pub params: ParameterSet,
    /// Predicted mean of the objective.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<f64>,
    /// Predicted standard deviation of that mean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<f64>,
    /// Value of the acquisition function.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acquisition: Option<f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"params": {"x": 0.5}, "value": 0.12, "std_error": 0.01, "status": "ok"}"#;

    #[test]
    fn values_are_negated_where_more_is_better() {
        let record: TrialRecord = serde_json::from_str(LINE).expect("reads");
        let less = Objective::default();
        let more = Objective { direction: Direction::Maximize, noisy: None };
        assert_eq!(less.trial(record.clone()).value, Some(0.12));
        assert_eq!(more.trial(record).value, Some(-0.12));
        let proposal = Proposal { mean: Some(-3.0), std: Some(0.5), ..Proposal::new(ParameterSet::new()) };
        let suggestion = Suggestion { proposals: vec![proposal], exhausted: false };
        let explained = more.answers(suggestion.clone(), true);
        assert_eq!((explained[0].mean, explained[0].std), (Some(3.0), Some(0.5)));
        assert_eq!(
            serde_json::to_string(&more.answers(suggestion, false)[0]).expect("writes"),
            r#"{"params":{}}"#
        );
    }

    #[test]
    fn a_line_without_status_is_judged_by_its_value() {
        let status =
            |line: &str| Objective::default().trial(serde_json::from_str(line).expect("reads")).status;
        assert_eq!(status(r#"{"params": {}, "value": 1}"#), TrialStatus::Ok);
        assert_eq!(status(r#"{"params": {}}"#), TrialStatus::Pending);
        assert_eq!(status(r#"{"params": {}, "status": "failed"}"#), TrialStatus::Failed);
        assert!(serde_json::from_str::<TrialRecord>(r#"{"params": {}, "values": 1}"#).is_err());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let check = |line: &str| serde_json::from_str::<TrialRecord>(line).expect("reads").check();
        assert!(check(LINE).is_ok() && check(r#"{"params": {}, "status": "failed"}"#).is_ok());
        for line in [r#"{"params": {}, "value": 1, "std_error": -1}"#, r#"{"params": {}, "status": "ok"}"#] {
            assert!(check(line).is_err(), "{line}");
        }
    }

    #[test]
    fn the_file_reads_with_and_without_an_objective() {
        let bare = r#"{"parameters": [{"name": "n", "type": "int", "low": 1, "high": 9, "log": true}]}"#;
        let file: SpaceFile = serde_json::from_str(bare).expect("reads");
        assert_eq!(file.objective, Objective::default());
        assert!(file.space().is_ok());
        let crossed = r#"{"parameters": [{"name": "n", "type": "int", "low": 9, "high": 1}]}"#;
        assert!(serde_json::from_str::<SpaceFile>(crossed).expect("reads").space().is_err());
    }
}
