use synth_core::{ParameterSpace, Request, Result, Seed};
use synth_export::DatasetType;
use synth_optimize::calibrate::{InitialSet, PlannedTrial, TrialOrigin};

use crate::config::{Experiment, SetSize};

/// A sample to make: its order and what its record says.
#[derive(Clone, Debug)]
pub(crate) struct PlannedSample {
    pub(crate) sample_id: String,
    pub(crate) dataset_type: DatasetType,
    /// Also its group: parameter sets are what is independent.
    pub(crate) param_set_id: String,
    pub(crate) replication: usize,
    pub(crate) request: Request,
}

/// The samples of the hidden real set.
pub(crate) fn real_samples(
    experiment: &Experiment,
    size: &SetSize,
    space: &ParameterSpace,
    seed: Seed,
) -> Result<Vec<PlannedSample>> {
    let sets = initial_sets(experiment, "real", Some(size), TrialOrigin::Given, space, seed)?;
    let trials: Vec<PlannedTrial> = sets.into_iter().map(planned).collect();
    Ok(number(0, DatasetType::Real, &trials, |trial, replication| {
        Request::new(trial.params.clone(), sample_seed(seed, trial), replication as u64)
    }))
}

/// The close and far sets, where the experiment has them: what the calibration starts from.
pub(crate) fn starting_sets(
    experiment: &Experiment,
    space: &ParameterSpace,
    seed: Seed,
) -> Result<Vec<InitialSet>> {
    let close =
        initial_sets(experiment, "close", experiment.close.as_ref(), TrialOrigin::Close, space, seed)?;
    let far = initial_sets(experiment, "far", experiment.far.as_ref(), TrialOrigin::Far, space, seed)?;
    Ok(close.into_iter().chain(far).collect())
}

/// The samples of an iteration's trials, numbered within their part of the experiment.
pub(crate) fn trial_samples(iteration: usize, trials: &[PlannedTrial], seed: Seed) -> Vec<PlannedSample> {
    let of_type = |dataset_type: DatasetType| {
        let trials: Vec<PlannedTrial> =
            trials.iter().filter(|trial| dataset_type_of(trial.origin) == dataset_type).cloned().collect();
        number(iteration, dataset_type, &trials, |trial, replication| {
            Request::new(trial.params.clone(), sample_seed(seed, trial), replication as u64)
        })
    };
    [DatasetType::Close, DatasetType::Far, DatasetType::Synthetic].into_iter().flat_map(of_type).collect()
}

/// The id of sample `at` of `count`: numbers padded to the largest, three digits at least.
pub(crate) fn sample_id(iteration: usize, dataset_type: DatasetType, at: usize, count: usize) -> String {
    let width = count.saturating_sub(1).to_string().len().max(3);
    format!("iter{iteration}_{}_{at:0width$}", type_name(dataset_type))
}

/// The name of a part of an experiment in ids.
pub(crate) fn type_name(dataset_type: DatasetType) -> &'static str {
    match dataset_type {
        DatasetType::Real => "real",
        DatasetType::Close => "close",
        DatasetType::Far => "far",
        DatasetType::Synthetic => "synthetic",
    }
}

fn number(
    iteration: usize,
    dataset_type: DatasetType,
    trials: &[PlannedTrial],
    request: impl Fn(&PlannedTrial, usize) -> Request,
) -> Vec<PlannedSample> {
    let count = trials.iter().map(|trial| trial.replications).sum();
    let replications = trials.iter().flat_map(|trial| (0..trial.replications).map(move |r| (trial, r)));
    replications
        .enumerate()
        .map(|(at, (trial, replication))| PlannedSample {
            sample_id: sample_id(iteration, dataset_type, at, count),
            dataset_type,
            param_set_id: trial.param_set_id.clone(),
            replication,
            request: request(trial, replication),
        })
        .collect()
}

/// The series of a parameter set: its samples depend on the run's seed, its name and the replication.
fn sample_seed(seed: Seed, trial: &PlannedTrial) -> Seed {
    seed.derive(&format!("generate/{}", trial.param_set_id))
}

fn dataset_type_of(origin: TrialOrigin) -> DatasetType {
    match origin {
        TrialOrigin::Close => DatasetType::Close,
        TrialOrigin::Far => DatasetType::Far,
        _ => DatasetType::Synthetic,
    }
}

fn planned(set: InitialSet) -> PlannedTrial {
    let InitialSet { param_set_id, params, replications, origin } = set;
    PlannedTrial { param_set_id, params, replications, origin }
}

fn initial_sets(
    experiment: &Experiment,
    name: &str,
    size: Option<&SetSize>,
    origin: TrialOrigin,
    space: &ParameterSpace,
    seed: Seed,
) -> Result<Vec<InitialSet>> {
    let (Some(size), Some(distribution)) = (size, experiment.distribution(name)) else {
        return Ok(Vec::new());
    };
    let seed = seed.derive(&format!("parameters/{name}"));
    let replications = size.replications_by_set();
    let width = size.param_sets.saturating_sub(1).to_string().len().max(3);
    let set = |(at, replications): (usize, usize)| {
        let params = distribution.draw(space, &mut seed.stream(at as u64))?;
        Ok(InitialSet {
            param_set_id: format!("iter0_{name}_set_{at:0width$}"),
            params,
            replications,
            origin,
        })
    };
    replications.into_iter().enumerate().map(set).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_padded_to_the_largest_number() {
        assert_eq!(sample_id(0, DatasetType::Real, 7, 16), "iter0_real_007");
        assert_eq!(sample_id(3, DatasetType::Synthetic, 7, 2000), "iter3_synthetic_0007");
        assert_eq!(sample_id(3, DatasetType::Synthetic, 999, 1000), "iter3_synthetic_999");
    }
}
