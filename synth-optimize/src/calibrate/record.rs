use serde::{Deserialize, Serialize};

use synth_core::{Estimate, ParameterDistribution, ParameterSet};

/// Why a parameter set is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TrialOrigin {
    /// One of a seed experiment's `close` sets.
    Close,
    /// One of a seed experiment's `far` sets.
    Far,
    /// Given by the user as a starting point.
    Given,
    /// A point of the Sobol sequence.
    Sobol,
    /// Drawn from the calibrated distribution of the iteration before.
    Calibrated,
    /// Where the surrogate is least sure of the calibrated divergence.
    Uncertain,
    /// Proposed by the point optimiser.
    Point,
    /// A set that may have given the real samples, as the surrogate has it (`point` mode).
    Likely,
    /// Drawn from a distribution as it stands, once each, to measure it.
    Finalist,
}

/// A starting parameter set, given by the composer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InitialSet {
    /// Unique name; the group of its samples' embeddings.
    pub param_set_id: String,
    /// The set, inside the space.
    pub params: ParameterSet,
    /// Samples to make from it, ≥ 1.
    pub replications: usize,
    /// Where it comes from.
    pub origin: TrialOrigin,
}

/// A parameter set to generate and embed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PlannedTrial {
    /// Unique name within the run: `iter3_set_005`. The samples' embeddings must carry it as group.
    pub param_set_id: String,
    /// The set, inside the space.
    pub params: ParameterSet,
    /// Samples to make from it, ≥ 1, each its own replication.
    pub replications: usize,
    /// Why it is measured.
    pub origin: TrialOrigin,
}

/// A sample that the generator or the embedder could not make.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedSample {
    /// The planned set it belongs to.
    pub param_set_id: String,
    /// Which replication, from 0.
    pub replication: usize,
    /// What went wrong.
    pub reason: String,
}

/// A measured parameter set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialRecord {
    /// The planned set's name.
    pub param_set_id: String,
    /// The set.
    pub params: ParameterSet,
    /// Why it was measured.
    pub origin: TrialOrigin,
    /// Samples that arrived.
    pub samples: usize,
    /// Samples that failed.
    pub failed: usize,
    /// Divergence of its samples from the real set; `None` with too few samples (the note says so).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub divergence: Option<Estimate>,
}

/// A parameter set with its smoothed divergence: a row of the table of best single sets.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RankedSet {
    /// The measured set's name.
    pub param_set_id: String,
    /// The set.
    pub params: ParameterSet,
    /// Divergence of its output from the real set as the surrogate predicts it from all trials:
    /// three replications alone are too noisy to rank by.
    pub predicted: f64,
    /// Its standard error by the chance of the generated and of the real samples. That the set is among the
    /// best of many by this very figure is not in it: a fresh measurement is likely to be higher.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub predicted_std_error: Option<f64>,
    /// Divergence of its own samples, where there were enough; the mean, where it was measured again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<f64>,
    /// The standard error of a single measurement.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_std_error: Option<f64>,
}

/// What one iteration found. Serialised to `scores.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct IterationRecord {
    /// Number of the iteration, from 0.
    pub iteration: usize,
    /// The sets measured in it.
    pub trials: Vec<TrialRecord>,
    /// Cross-validated divergence of the calibrated distribution: each fold of the real groups against
    /// the distribution fitted to the others. Its null is that of a perfect generator.
    pub calibrated: Estimate,
    /// The same for the uniform distribution over the space, which is fitted to nothing.
    pub uniform: Estimate,
    /// The distribution fitted to all real samples.
    pub distribution: ParameterDistribution,
    /// How that was found.
    #[serde(default)]
    pub method: FitMethod,
    /// The iteration that found it: an earlier one where nothing found since is as near.
    #[serde(default)]
    pub found_in: usize,
    /// What the samples of this iteration say of the distribution that they were drawn from, where they
    /// were drawn to measure one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measurement>,
    /// Strength of the pull towards the uniform distribution that cross-validation chose.
    pub regularisation: f64,
    /// Share of each parameter's variance that one real sample reveals, by parameter, as measured on
    /// parameter sets left out of the surrogate; 0 means that the embedding does not see it.
    pub visibility: Vec<ParameterVisibility>,
    /// The best measured single sets, best first, at most five.
    pub best: Vec<RankedSet>,
    /// What a reader must know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// How a distribution was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FitMethod {
    /// By the likelihood of the real samples' summaries: the sharpest fit where the generator can make
    /// such samples at all. It stands unless another is clearly nearer to the real samples.
    #[default]
    Likelihood,
    /// By the least divergence of the surrogate's mean embedding, begun from the best single sets too.
    MeanEmbedding,
    /// Not fitted: nothing found was nearer to the real samples than the uniform distribution.
    Uniform,
}

/// What samples drawn from a distribution say of it: up to then its divergence is the surrogate's
/// opinion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// How the distribution was found.
    pub method: FitMethod,
    /// The iteration that found it.
    pub found_in: usize,
    /// Samples drawn, each of a parameter set of its own.
    pub samples: usize,
    /// Their divergence from the real samples, with the standard error by the chance of both. It is not
    /// cross-validated: the distribution was fitted to these real samples.
    pub divergence: Estimate,
}

/// How much of a parameter shows in an embedding.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ParameterVisibility {
    /// The parameter.
    pub parameter: String,
    /// Cross-validated R² of its prediction from one sample's embedding, in [0, 1].
    pub r2: f64,
}

/// Why a calibration ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// All iterations were made, but for those kept for measuring the result that were not needed.
    IterationLimit,
    /// The divergence no longer fell, and the distribution no longer moved.
    Plateau,
    /// The upper bound of the divergence fell below the threshold.
    Threshold,
    /// The space is discrete and every set was measured.
    Exhausted,
}

/// What the test at the end says. Never "identical".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// The real set differs from the calibrated distribution's output.
    Distinguishable,
    /// No difference was found; [`CalibrationVerdict::smallest_detectable_shift`] says how large one
    /// would have been seen.
    NotDistinguishable,
    /// There are too few independent real samples for a test.
    NotTested,
}

/// The verdict on the calibrated distribution.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationVerdict {
    /// The conclusion at the 5 % level.
    pub conclusion: Conclusion,
    /// The same in words: `not distinguishable at this n (smallest detectable shift 0.34)`.
    pub text: String,
    /// The statistic: divergence of the real set from the calibrated distribution.
    pub statistic: f64,
    /// (1 + replicates at or above the statistic) ÷ (1 + replicates); `None` without a test.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub p_value: Option<f64>,
    /// Quantiles of the statistic over pseudo-real sets drawn from distributions that the real set leaves
    /// possible and refitted, as (level, value).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub null_quantiles: Vec<(f64, f64)>,
    /// The smallest ε at which the test sees (1 − ε)·calibrated + ε·uniform in place of calibrated
    /// with 80 % power at this n; `None` where even ε = 1 is not seen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub smallest_detectable_shift: Option<f64>,
    /// Independent real groups, and real samples.
    pub groups: usize,
    /// Real samples tested.
    pub samples: usize,
    /// Pseudo-real sets.
    pub replicates: usize,
    /// What a reader must know, such as why there is no p-value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// The divergence of the real samples that no fit has seen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HoldoutResult {
    /// Held-out groups.
    pub groups: usize,
    /// Held-out samples.
    pub samples: usize,
    /// Their divergence from the calibrated distribution.
    pub calibrated: Estimate,
    /// Their divergence from the uniform distribution.
    pub uniform: Estimate,
}

/// The calibrated distribution of one parameter, for plots, with 90 % bands of what the chance of the real
/// and of the generated samples leaves open, and of the pull of the hyperprior.
///
/// A bias of the surrogate is not in the bands. Where parameters make up for one another, as size and
/// spread of size do in the void simulator, they cover less than nine tenths of the true density: over
/// twenty calibrations to 48 images 0.62 to 0.85 of its mass, by parameter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum MarginalCurve {
    /// A number: densities per unit of the parameter at the points of a grid.
    Numeric {
        /// The parameter.
        parameter: String,
        /// Mean of the distribution, inside its bounds; that of its parent may lie outside.
        #[serde(default)]
        mean: f64,
        /// Standard deviation of the distribution, inside its bounds.
        #[serde(default)]
        std: f64,
        /// Grid over the parameter's range; every whole number for a small integer domain.
        grid: Vec<f64>,
        /// Calibrated density.
        density: Vec<f64>,
        /// Lower end of the 90 % band.
        lower: Vec<f64>,
        /// Upper end of the 90 % band.
        upper: Vec<f64>,
        /// Density of the uniform distribution.
        uniform: Vec<f64>,
    },
    /// A choice: a probability for each.
    Categorical {
        /// The parameter.
        parameter: String,
        /// The choices, in the domain's order.
        choices: Vec<String>,
        /// Calibrated probability.
        probability: Vec<f64>,
        /// Lower end of the 90 % band.
        lower: Vec<f64>,
        /// Upper end of the 90 % band.
        upper: Vec<f64>,
    },
}

/// In which direction the calibrated distribution misses the real set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Miss {
    /// Sentences for a report.
    pub text: Vec<String>,
    /// Parts of the embedding by their share in the miss, largest first; empty where the embedding's
    /// columns have no names.
    pub blocks: Vec<MissBlock>,
    /// Real samples that the calibrated distribution explains least, worst first.
    pub unlike_real_ids: Vec<String>,
    /// Of all samples generated near the calibrated distribution, those most unlike the real set.
    pub unlike_synthetic_ids: Vec<String>,
}

/// One named part of the embedding within a [`Miss`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct MissBlock {
    /// Name of the part.
    pub name: String,
    /// Its share of the squared standardised difference of means, in [0, 1].
    pub share: f64,
    /// Mean over its columns of (real − calibrated) ÷ standard deviation: > 0 means that the real
    /// samples have more of it.
    pub shift: f64,
}

/// What a calibration found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CalibrationResult {
    /// The calibrated distribution: input of `synth generate`.
    pub distribution: ParameterDistribution,
    /// What the test says of it.
    pub verdict: CalibrationVerdict,
    /// Cross-validated divergence of the calibrated distribution.
    pub calibrated: Estimate,
    /// Divergence of the uniform distribution on the same folds.
    pub uniform: Estimate,
    /// `calibrated` ÷ `uniform`; `None` where the uniform distribution's divergence is not above 0 by
    /// two standard errors, so that the ratio means nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ratio: Option<f64>,
    /// Divergence of the samples kept aside, where there were enough to keep aside.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdout: Option<HoldoutResult>,
    /// The best measured single sets, best first, at most five.
    pub best: Vec<RankedSet>,
    /// One curve per parameter, in the order of the space.
    pub marginals: Vec<MarginalCurve>,
    /// In which direction the distribution still misses.
    pub miss: Miss,
    /// How the distribution was found, and in which iteration.
    #[serde(default)]
    pub method: FitMethod,
    /// The iteration that found it.
    #[serde(default)]
    pub found_in: usize,
    /// What samples drawn from the distribution say of it; `None` where there was no iteration left to
    /// draw any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured: Option<Measurement>,
    /// The surrogate takes another distribution for better, and there was no iteration left to measure
    /// that.
    #[serde(default)]
    pub contested: bool,
    /// Why the calibration ended.
    pub stop: StopReason,
    /// Iterations made, the initial one included.
    pub iterations: usize,
    /// What a reader must know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}
