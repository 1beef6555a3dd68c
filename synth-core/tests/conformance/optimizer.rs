use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use synth_core::conformance::OptimizerCaps;
use synth_core::{
    Domain, Optimizer, ParameterSet, ParameterSpace, Proposal, Result, Seed, Suggestion, Trial, TrialStatus,
    optimizer_conformance,
};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Flaw {
    None,
    HasNoName,
    GivesOneMore,
    LeavesTheSpace,
    RepeatsTrials,
    HasEntropy,
    RemembersCalls,
    PredictsNan,
    FailsOnFailed,
    FailsOnPending,
    FailsOnDuplicates,
    DividesByTheSpread,
    NeverExhausted,
    AcceptsAnyTrial,
    LearnsNothing,
}

/// Draws around the best trial, closer the more trials there are; every fourth draw is uniform.
#[derive(Debug)]
struct Toy {
    space: ParameterSpace,
    calls: AtomicU64,
    flaw: Flaw,
}

/// Calls of all toys: another number for each.
static ALL_CALLS: AtomicU64 = AtomicU64::new(0);

impl Toy {
    fn best<'a>(&self, history: &'a [Trial]) -> Option<&'a ParameterSet> {
        let done = history.iter().filter_map(|trial| Some((trial.finite_value()?, &trial.params)));
        let best = done.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, params)| params);
        best.filter(|_| self.flaw != Flaw::LearnsNothing)
    }

    /// One candidate: a uniform draw, pulled to the best set in each real parameter.
    fn candidate(&self, best: Option<&ParameterSet>, pull: f64, seed: Seed, at: u64) -> ParameterSet {
        let mut set = self.space.draw(&mut seed.stream(at));
        let Some(best) = best.filter(|_| !at.is_multiple_of(4)) else { return set };
        for parameter in self.space.parameters() {
            let (Domain::Float { .. }, Ok(from), Ok(to)) =
                (&parameter.domain, set.float(&parameter.name), best.float(&parameter.name))
            else {
                continue;
            };
            set.insert(&parameter.name, from + (to - from) * pull);
        }
        set
    }

    fn check(&self, history: &[Trial]) -> Result<()> {
        for trial in history.iter().filter(|_| self.flaw != Flaw::AcceptsAnyTrial) {
            self.space.resolve(&trial.params)?;
        }
        let names: BTreeSet<String> = history.iter().map(|trial| trial.params.fingerprint()).collect();
        let has = |status| history.iter().any(|trial| trial.status == status);
        let trips = match self.flaw {
            Flaw::FailsOnFailed => has(TrialStatus::Failed),
            Flaw::FailsOnPending => has(TrialStatus::Pending),
            Flaw::FailsOnDuplicates => names.len() < history.len(),
            _ => false,
        };
        if trips { Err(synth_core::Error::component("toy", "an odd trial")) } else { Ok(()) }
    }

    /// Mean and spread of the values; broken toys let NaN through or divide by the spread.
    fn prediction(&self, history: &[Trial]) -> Option<f64> {
        let raw = |trial: &Trial| trial.value.filter(|_| trial.status == TrialStatus::Ok);
        let values: Vec<f64> = match self.flaw {
            Flaw::PredictsNan => history.iter().filter_map(raw).collect(),
            _ => history.iter().filter_map(Trial::finite_value).collect(),
        };
        let n = values.len() as f64;
        let mean = values.iter().sum::<f64>() / n;
        let spread = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / n;
        match self.flaw {
            Flaw::DividesByTheSpread => Some(mean / spread),
            _ => Some(mean).filter(|_| !values.is_empty()),
        }
    }

    fn seed(&self, seed: Seed) -> Seed {
        match self.flaw {
            Flaw::HasEntropy => seed.derive(&ALL_CALLS.fetch_add(1, Ordering::Relaxed).to_string()),
            Flaw::RemembersCalls => seed.derive(&self.calls.fetch_add(1, Ordering::Relaxed).to_string()),
            _ => seed,
        }
    }
}

impl Optimizer for Toy {
    fn name(&self) -> &str {
        if self.flaw == Flaw::HasNoName { "" } else { "toy" }
    }

    fn space(&self) -> &ParameterSpace {
        &self.space
    }

    fn suggest(&self, history: &[Trial], n: usize, seed: Seed) -> Result<Suggestion> {
        self.check(history)?;
        let (seed, best) = (self.seed(seed), self.best(history));
        let pull = 1.0 - 2.0 / (2.0 + history.len() as f64);
        let mut seen: BTreeSet<String> = history.iter().map(|trial| trial.params.fingerprint()).collect();
        if self.flaw == Flaw::RepeatsTrials {
            seen.clear();
        }
        let candidates = (0..200 + n as u64).map(|at| self.candidate(best, pull, seed, at));
        let fresh = candidates.filter(|set| seen.insert(set.fingerprint()));
        let wanted = n + usize::from(self.flaw == Flaw::GivesOneMore);
        let mean = self.prediction(history);
        let mut proposals: Vec<_> =
            fresh.take(wanted).map(|params| Proposal { mean, ..Proposal::new(params) }).collect();
        if let (Flaw::LeavesTheSpace, Some(first)) = (self.flaw, proposals.first_mut()) {
            first.params.insert("size", 99.0);
        }
        let exhausted = proposals.len() < n && self.flaw != Flaw::NeverExhausted;
        Ok(Suggestion { proposals, exhausted })
    }
}

fn make(flaw: Flaw) -> impl Fn(&ParameterSpace) -> Box<dyn Optimizer> {
    move |space| Box::new(Toy { space: space.clone(), calls: AtomicU64::new(0), flaw })
}

mod sound {
    use super::*;
    optimizer_conformance!(
        |space: &ParameterSpace| {
            let (space, calls) = (space.clone(), AtomicU64::new(0));
            Box::new(Toy { space, calls, flaw: Flaw::None })
        },
        OptimizerCaps::default()
    );
}

mod sound_on_real_numbers_only {
    use super::*;
    optimizer_conformance!(
        make(Flaw::LearnsNothing),
        OptimizerCaps { mixed: false, ..OptimizerCaps::sampler() }
    );
}

broken! { optimizer, |_| OptimizerCaps::default();
    keeps_its_space_and_name: HasNoName => "it has a name",
    gives_as_many_proposals_as_asked: GivesOneMore => "it gives as many proposals as asked: 1 of 0",
    proposals_lie_inside_the_space: LeavesTheSpace => "proposals lie inside the space",
    proposals_are_new_and_distinct: RepeatsTrials => "proposals are new and distinct",
    same_history_gives_same_proposals: HasEntropy => "the same history gives the same proposals",
    asking_twice_gives_the_same: RemembersCalls => "asking twice gives the same",
    survives_nan_values: PredictsNan => "it survives NaN values: the prediction is no number",
    survives_failed_trials: FailsOnFailed => "it survives failed trials: toy failed",
    survives_pending_trials: FailsOnPending => "it survives pending trials: toy failed",
    survives_duplicate_trials: FailsOnDuplicates => "it survives duplicate trials: toy failed",
    survives_a_constant_objective: DividesByTheSpread => "it survives a constant objective: the prediction",
    exhausted_space_gives_fewer_and_says_so: NeverExhausted => "it does not say so",
    trial_outside_the_space_is_an_error: AcceptsAnyTrial => "a trial outside the space is an error: size = 41",
    beats_random_on_a_bowl: LearnsNothing => "it beats random on a bowl",
}
