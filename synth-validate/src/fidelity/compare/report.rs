use std::collections::BTreeMap;

use serde::Serialize;
use synth_core::Estimate;

/// What [`compare`](super::compare()) found; serialises to the JSON of `synth compare --json`.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// Real rows.
    pub n_real: usize,
    /// Synthetic rows.
    pub n_synthetic: usize,
    /// Independent groups of real rows.
    pub groups_real: usize,
    /// Independent groups of synthetic rows.
    pub groups_synthetic: usize,
    /// Length of a row.
    pub dim: usize,
    /// The figures, by their names.
    pub metrics: BTreeMap<String, MetricReport>,
    /// Figures that could not be had, with the reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<String, String>,
    /// What may be concluded.
    pub verdict: ComparisonVerdict,
}

/// One figure, or several that belong together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MetricReport {
    /// The headline figure with its uncertainty; `prdc` has none, its four figures stand side by
    /// side.
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub estimate: Option<Estimate>,
    /// Named parts and settings: `precision`, `sigma`, `subset_mean`, …
    #[serde(flatten)]
    pub parts: BTreeMap<String, f64>,
    /// The uncertainty of parts that have one.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub uncertainty: BTreeMap<String, Estimate>,
}

impl MetricReport {
    pub(super) fn new(estimate: Estimate) -> Self {
        Self { estimate: Some(estimate), ..Self::default() }
    }

    pub(super) fn with_part(mut self, name: &str, value: f64) -> Self {
        self.parts.insert(name.to_owned(), value);
        self
    }

    /// A part with its uncertainty.
    pub(super) fn with_estimate(mut self, name: &str, estimate: Estimate) -> Self {
        self.parts.insert(name.to_owned(), estimate.value);
        self.uncertainty.insert(name.to_owned(), estimate);
        self
    }
}

/// What the data allow to say about a difference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ComparisonVerdict {
    /// The conclusion in words: `distinguishable`, `not distinguishable at this n (…)` or why there
    /// is none.
    pub words: String,
    /// Whether the sets were told apart at the 5 % level; `None` if no test could be made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distinguishable: Option<bool>,
    /// The one test it rests on, chosen before looking at any p-value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test: Option<String>,
    /// Its p-value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// The smallest mean shift along the first principal component of the real rows, in standard
    /// deviations along it, that this test detects in 80 % of cases at this n.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smallest_detectable_shift: Option<f64>,
}

impl ComparisonVerdict {
    pub(super) fn none(reason: &str) -> Self {
        let words = format!("no verdict: {reason}");
        Self { words, distinguishable: None, test: None, p_value: None, smallest_detectable_shift: None }
    }

    pub(super) fn new(test: &str, p_value: f64, level: f64, shift: Option<f64>) -> Self {
        let distinguishable = p_value <= level;
        let words = match (distinguishable, shift) {
            (true, _) => "distinguishable".to_owned(),
            (false, Some(shift)) => format!(
                "not distinguishable at this n (smallest detectable shift {shift:.2} standard deviations along the first principal component)"
            ),
            (false, None) => "not distinguishable at this n (smallest detectable shift unknown)".to_owned(),
        };
        Self {
            words,
            distinguishable: Some(distinguishable),
            test: Some(test.to_owned()),
            p_value: Some(p_value),
            smallest_detectable_shift: shift,
        }
    }
}
