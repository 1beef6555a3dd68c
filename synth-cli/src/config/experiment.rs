use std::collections::BTreeMap;

use serde::{Serialize, Serializer};
use synth_core::{Domain, Marginal, ParameterDistribution, ParameterSpace};
use synth_optimize::Acquisition;

/// A checked experiment with every default spelled out. Written as `config.yaml`, read back equal;
/// the hash of that text is the run's identity, so nothing that cannot change a result is in here:
/// no thread count, batch size or output path.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct Experiment {
    pub(crate) experiment_name: String,
    pub(crate) seed: i64,
    pub(crate) mode: Mode,
    pub(crate) generator: GeneratorChoice,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) base_image_dir: Option<String>,
    /// Side of the built-in chips, px; absent where `base_image_dir` gives the images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_size: Option<u32>,
    pub(crate) embedder: String,
    /// File or folder of a neural embedder's weights.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) weights: Option<String>,
    pub(crate) pca_components: usize,
    pub(crate) real: RealSource,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) close: Option<SetSize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) far: Option<SetSize>,
    pub(crate) iteration_batch_size: usize,
    pub(crate) replications_per_iteration: usize,
    pub(crate) max_iterations: usize,
    #[serde(serialize_with = "bounds")]
    pub(crate) param_bounds: ParameterSpace,
    #[serde(serialize_with = "distributions", skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) param_distributions: BTreeMap<String, ParameterDistribution>,
    /// Sets measured first where there are neither close nor far sets.
    pub(crate) initial_sets: usize,
    pub(crate) convergence_threshold: Option<f64>,
    pub(crate) early_stop_patience: usize,
    pub(crate) batch_policy: BatchPolicy,
    pub(crate) optimizer: String,
    /// What the `gp` optimiser maximises when it chooses single sets.
    pub(crate) acquisition_function: Acquisition,
    /// Sets of each batch that the optimiser proposes as the best single set.
    pub(crate) point_sets: usize,
    pub(crate) folds: usize,
    pub(crate) bootstrap_replicates: usize,
    /// Independent real samples from which on a quarter is held out until the end.
    pub(crate) holdout_from: usize,
}

/// What is searched for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Mode {
    /// The distribution over parameters that the real set was drawn from.
    Distribution,
    /// The single parameter set nearest to the real set.
    Point,
}

/// How the parameter sets of a batch are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BatchPolicy {
    /// Where the calibrated distribution has its mass, and where the surrogate is least sure.
    Active,
    /// A Sobol sequence over the whole space.
    Sobol,
}

/// The generator with its options.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub(crate) struct GeneratorChoice {
    pub(crate) name: String,
    /// Standard deviation of the edge's Gaussian, px.
    pub(crate) edge_blur: f64,
    /// Whether `position_spread` is about the image's centre rather than its corner.
    pub(crate) centred: bool,
    /// How far the drawn edge lies outside the nominal outline, px.
    pub(crate) outline: f64,
}

/// Where the real set comes from.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(crate) enum RealSource {
    /// The user's images.
    Folder {
        dir: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        groups: Option<String>,
    },
    /// Drawn from `param_distributions.real`, which the calibration does not see.
    Drawn(SetSize),
}

/// How many samples a drawn set has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct SetSize {
    /// Parameter sets; each is a group.
    pub(crate) param_sets: usize,
    /// Replications of each.
    pub(crate) replications: usize,
    /// Samples in all: the first sets get one more replication each until it is reached.
    pub(crate) total_size: usize,
}

impl SetSize {
    /// How many replications each parameter set has.
    pub(crate) fn replications_by_set(&self) -> Vec<usize> {
        let extra = self.total_size.saturating_sub(self.param_sets * self.replications);
        let (rounds, rest) = (extra / self.param_sets, extra % self.param_sets);
        (0..self.param_sets).map(|set| self.replications + rounds + usize::from(set < rest)).collect()
    }
}

impl Experiment {
    /// The text of `config.yaml`.
    pub(crate) fn to_yaml(&self) -> synth_core::Result<String> {
        serde_saphyr::to_string(self).map_err(|source| synth_core::Error::component("configuration", source))
    }

    /// The distribution of a drawn set.
    pub(crate) fn distribution(&self, set: &str) -> Option<&ParameterDistribution> {
        self.param_distributions.get(set)
    }
}

/// Bounds as blocks that read back equal.
pub(super) fn bounds<S: Serializer>(space: &ParameterSpace, serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Bounds<'a> {
        Choices {
            choices: &'a [String],
            #[serde(skip_serializing_if = "Option::is_none")]
            default: &'a Option<synth_core::ParameterValue>,
        },
        Range {
            low: f64,
            high: f64,
            #[serde(skip_serializing_if = "Option::is_none")]
            default: &'a Option<synth_core::ParameterValue>,
        },
        WholeRange {
            low: i64,
            high: i64,
            #[serde(skip_serializing_if = "Option::is_none")]
            default: &'a Option<synth_core::ParameterValue>,
        },
    }
    serializer.collect_map(space.parameters().iter().filter_map(|parameter| {
        let default = &parameter.default;
        let bounds = match &parameter.domain {
            Domain::Choice { choices } => Bounds::Choices { choices, default },
            Domain::Float { low, high, .. } => Bounds::Range { low: *low, high: *high, default },
            Domain::Int { low, high, .. } => Bounds::WholeRange { low: *low, high: *high, default },
            _ => return None,
        };
        Some((&parameter.name, bounds))
    }))
}

/// Independent distributions as users write them; others with their tag.
fn distributions<S: Serializer>(
    sets: &BTreeMap<String, ParameterDistribution>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Written<'a> {
        Marginals(&'a BTreeMap<String, Marginal>),
        Tagged(&'a ParameterDistribution),
    }
    serializer.collect_map(sets.iter().map(|(name, distribution)| {
        let written = match distribution {
            ParameterDistribution::Independent { marginals } => Written::Marginals(marginals),
            tagged => Written::Tagged(tagged),
        };
        (name, written)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_total_size_is_reached_with_more_replications() {
        let by_set =
            |total_size| SetSize { param_sets: 5, replications: 3, total_size }.replications_by_set();
        assert_eq!(by_set(15), [3, 3, 3, 3, 3]);
        assert_eq!(by_set(16), [4, 3, 3, 3, 3], "one more replication of the first set");
        assert_eq!(by_set(22), [5, 5, 4, 4, 4]);
    }
}
