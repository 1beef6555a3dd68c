use serde::{Deserialize, Serialize};

use synth_core::{Error, Result};

/// What a calibration looks for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMode {
    /// The distribution over the parameters whose output is like the real set. The default: a real
    /// set is a mixture, which no single parameter set can match.
    #[default]
    Distribution,
    /// The single parameter set of least divergence. Up to half of each batch are sets that may have given all
    /// the real samples, as the surrogate of the embeddings has it; the rest, and with the policy `sobol`
    /// all, are the given optimiser's. The distribution is still fitted and reported.
    Point,
}

/// How the parameter sets of a batch are chosen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BatchPolicy {
    /// Part where the calibrated distribution has its mass, part where the surrogate is least sure of
    /// the calibrated divergence.
    #[default]
    Active,
    /// A Sobol sequence over the whole space, whatever was measured before.
    Sobol,
}

/// How a calibration runs. The defaults are those of the design: 16 starting sets, then at most ten
/// batches of eight sets, each replicated three times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CalibrationParams {
    /// What is looked for. Default `distribution`.
    pub mode: CalibrationMode,
    /// How batches are chosen. Default `active`.
    pub policy: BatchPolicy,
    /// Starting parameter sets, drawn as a Sobol sequence, where none are given. Range: 4 to 4096.
    /// Default 16.
    pub initial_sets: usize,
    /// Parameter sets per iteration. Range: 1 to 1024. Default 8.
    pub iteration_batch_size: usize,
    /// Samples per parameter set. Range: 1 to 1024. Default 3.
    pub replications: usize,
    /// Iterations after the initial one, at most. Of two or more the last measures the result on samples
    /// of its own; of eight or more the last two, where the result shows more than a perfect generator
    /// may. Range: 0 to 10 000. Default 10.
    pub max_iterations: usize,
    /// Stop after this many iterations, and at least three, in which the cross-validated divergence
    /// of the calibrated distribution did not fall by more than one standard error, nor the distribution
    /// move by a squared distance above a twentieth of what a perfect generator may show. Range: ≥ 1.
    /// Default 3.
    pub early_stop_patience: usize,
    /// Stop once the upper 95 % bound of the cross-validated divergence of the calibrated
    /// distribution lies below this, after three iterations at least. Default none: a small real set
    /// rarely supports such a claim.
    pub convergence_threshold: Option<f64>,
    /// Sets of each batch that the given optimiser proposes as the best single set (`distribution`
    /// mode only; in `point` mode it is what the surrogate leaves of the batch). Range: 0 to `iteration_batch_size`. Default 0.
    pub point_sets: usize,
    /// Pseudo-real sets of the verdict's parametric bootstrap. Range: 19 to 9999. Default 199.
    pub bootstrap_replicates: usize,
    /// Folds of the group-wise cross-validation. Range: 2 to 20. Default 5.
    pub folds: usize,
    /// Independent real samples from which on a quarter is held out until the end. Range: ≥ 8.
    /// Default 64.
    pub holdout_from: usize,
}

impl Default for CalibrationParams {
    fn default() -> Self {
        Self {
            mode: CalibrationMode::default(),
            policy: BatchPolicy::default(),
            initial_sets: 16,
            iteration_batch_size: 8,
            replications: 3,
            max_iterations: 10,
            early_stop_patience: 3,
            convergence_threshold: None,
            point_sets: 0,
            bootstrap_replicates: 199,
            folds: 5,
            holdout_from: 64,
        }
    }
}

impl CalibrationParams {
    /// Checks every field.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] naming the first field outside its range.
    pub fn check(&self) -> Result<()> {
        let ranges = [
            ("initial_sets", self.initial_sets, 4, 4096),
            ("iteration_batch_size", self.iteration_batch_size, 1, 1024),
            ("replications", self.replications, 1, 1024),
            ("max_iterations", self.max_iterations, 0, 10_000),
            ("early_stop_patience", self.early_stop_patience, 1, usize::MAX),
            ("point_sets", self.point_sets, 0, self.iteration_batch_size),
            ("bootstrap_replicates", self.bootstrap_replicates, 19, 9999),
            ("folds", self.folds, 2, 20),
            ("holdout_from", self.holdout_from, 8, usize::MAX),
        ];
        for (name, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                let expected = if most == usize::MAX {
                    format!("a whole number from {least} on")
                } else {
                    format!("a whole number in [{least}, {most}]")
                };
                return Err(Error::invalid(name, expected, value));
            }
        }
        match self.convergence_threshold {
            Some(threshold) if !(threshold.is_finite() && threshold > 0.0) => {
                Err(Error::invalid("convergence_threshold", "a positive number", threshold))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_each_range_is_guarded() {
        let good = CalibrationParams::default;
        good().check().expect("defaults");
        let bad = [
            CalibrationParams { initial_sets: 3, ..good() },
            CalibrationParams { iteration_batch_size: 0, ..good() },
            CalibrationParams { replications: 0, ..good() },
            CalibrationParams { max_iterations: 10_001, ..good() },
            CalibrationParams { early_stop_patience: 0, ..good() },
            CalibrationParams { point_sets: 9, ..good() },
            CalibrationParams { bootstrap_replicates: 18, ..good() },
            CalibrationParams { folds: 1, ..good() },
            CalibrationParams { holdout_from: 7, ..good() },
            CalibrationParams { convergence_threshold: Some(0.0), ..good() },
            CalibrationParams { convergence_threshold: Some(f64::NAN), ..good() },
        ];
        for params in bad {
            assert!(params.check().is_err(), "{params:?}");
        }
    }

    #[test]
    fn a_misspelt_key_is_an_error() {
        assert!(serde_json::from_str::<CalibrationParams>(r#"{"max_iteration": 3}"#).is_err());
        let read: CalibrationParams = serde_json::from_str(r#"{"policy": "sobol"}"#).expect("reads");
        assert_eq!(read.policy, BatchPolicy::Sobol);
    }
}
