//! What to measure again where values are noisy.

use synth_core::ParameterSet;

use super::model::Model;
use super::outcome::{Measured, Outcomes};
use crate::gp::{GaussianProcess, Noise};

/// How far above the least mean, in standard deviations of one value's noise, a point must be for its value to be
/// good luck.
const LUCK: f64 = 0.2;

/// The very sets to measure again, those of the least values first; none where there is no noise, as told or, where
/// that is not known, as the values show.
pub(super) fn sets_to_repeat(models: &[Model], outcomes: &Outcomes, noise: Noise) -> Vec<ParameterSet> {
    let is_noisy = match noise {
        Noise::None => false,
        Noise::Unknown => outcomes.measured.iter().any(Measured::shows_noise),
        Noise::Present => true,
    };
    if !is_noisy {
        return Vec::new();
    }
    // A warp that widens wells takes good luck for one.
    let sober = models.iter().find(|model| !model.warp.widens_wells()).or(models.first());
    let lucky = sober.map_or_else(Vec::new, |model| lucky(&model.process, outcomes));
    lucky.into_iter().map(|measured| measured.params.clone()).collect()
}

/// The points with the least values, for as long as the process, which has `outcomes` for its observations,
/// thinks that they owe them to luck.
///
/// Of many noisy values the least is mostly the luckiest. Whoever takes the set that looks best takes that
/// one, so before that it should be measured again until it is what it looks like, as racing does
/// with its incumbents (Hutter et al. 2011, "Sequential model-based optimization for general algorithm
/// configuration", §3.1). For the process a replication is nearly as good as a point nearby.
fn lucky<'a>(process: &GaussianProcess, outcomes: &'a Outcomes) -> Vec<&'a Measured> {
    let measured = &outcomes.measured;
    let means = process.means_at_inputs();
    let best = means.iter().copied().fold(f64::INFINITY, f64::min);
    let owes_to_luck = |i: usize| {
        let noise = process.noise_at_input(i) * measured[i].values.len() as f64;
        means[i] - best > LUCK * libm::sqrt(noise)
    };
    let mut order: Vec<usize> = (0..measured.len()).filter(|i| measured[*i].may_repeat).collect();
    order.sort_by(|a, b| measured[*a].value.total_cmp(&measured[*b].value).then(a.cmp(b)));
    order.into_iter().take_while(|i| owes_to_luck(*i)).map(|i| &measured[i]).collect()
}

#[cfg(test)]
mod tests {
    use synth_core::{Domain, Parameter, ParameterSet, ParameterSpace, Trial};

    use super::*;
    use crate::bayes::ModelSpace;
    use crate::bayes::model::Model;

    /// A bowl about 0.3 at 21 even points with a noise of ±0.05, and −0.6 at 0.9, where the bowl is at 0.36.
    fn trials() -> Vec<Trial> {
        (0..21)
            .map(|i| {
                let x = f64::from(i) / 20.0;
                let noise = if i % 2 == 0 { 0.05 } else { -0.05 };
                let value = if i == 18 { -0.6 } else { (x - 0.3) * (x - 0.3) + noise };
                Trial::ok(ParameterSet::new().with("x", x), value)
            })
            .collect()
    }

    fn measured_again(trials: &[Trial]) -> Vec<f64> {
        let space = ParameterSpace::new(vec![Parameter::new("x", Domain::float(0.0, 1.0))]).expect("valid");
        let space = ModelSpace::new(&space);
        let outcomes = Outcomes::of(trials, &space).expect("fits");
        let models = Model::ensemble(&space, &outcomes, Noise::Present, 0).expect("fits");
        let sets = sets_to_repeat(&models, &outcomes, Noise::Present);
        sets.iter().map(|set| set.float("x").expect("a float")).collect()
    }

    #[test]
    fn a_value_that_its_neighbours_do_not_support_is_measured_again() {
        let mut trials = trials();
        assert_eq!(measured_again(&trials).first(), Some(&0.9));
        let lucky = trials[18].params.clone();
        trials.push(Trial::pending(lucky.clone()));
        assert!(!measured_again(&trials).contains(&0.9), "it is being measured");
        trials[21] = Trial::failed(lucky.clone());
        assert!(!measured_again(&trials).contains(&0.9), "it failed");
        trials.pop();
        trials.extend((0..9).map(|_| Trial::ok(lucky.clone(), 0.4)));
        assert!(!measured_again(&trials).contains(&0.9), "ten values make 0.3 of it");
    }
}
