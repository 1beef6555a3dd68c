use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// Probably not wanted.
    Warning,
    /// The sample or set must not be used as it is.
    Error,
}

/// One thing that a validator says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// Name of the check.
    pub check: String,
    /// How bad it is.
    pub severity: Severity,
    /// The sample concerned; `None` where it is the whole set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<String>,
    /// What was seen, with the figures.
    pub evidence: String,
}

/// Whether a check ran. A check that could not run has not passed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// It ran.
    Ran {
        /// Over this many samples.
        n: u64,
    },
    /// It did not run.
    Skipped {
        /// Why.
        reason: String,
    },
}

/// What a validator's pass ends with.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Everything found, in the order of sample and check.
    pub findings: Vec<Finding>,
    /// For each of the validator's checks, whether it ran.
    pub checks: BTreeMap<String, CheckOutcome>,
}
