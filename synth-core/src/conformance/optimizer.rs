//! Laws of [`Optimizer`].

use super::check::{skip, suite};
use crate::{
    Domain, Error, Optimizer, Parameter, ParameterSet, ParameterSpace, ParameterValue, Proposal, Seed,
    Suggestion, Trial, TrialStatus,
};

suite! {
    ($)
    /// One `#[test]` per law of [`Optimizer`](crate::Optimizer).
    ///
    /// Takes a function that makes the optimiser of a space,
    /// `Fn(&ParameterSpace) -> Box<dyn Optimizer>`, and its
    /// [`OptimizerCaps`](crate::conformance::OptimizerCaps).
    optimizer, optimizer_conformance {
        keeps_its_space_and_name,
        gives_as_many_proposals_as_asked,
        proposals_lie_inside_the_space,
        proposals_are_new_and_distinct,
        same_history_gives_same_proposals,
        asking_twice_gives_the_same,
        survives_nan_values,
        survives_failed_trials,
        survives_pending_trials,
        survives_duplicate_trials,
        survives_a_constant_objective,
        exhausted_space_gives_fewer_and_says_so,
        trial_outside_the_space_is_an_error,
        beats_random_on_a_bowl,
    }
}

/// Makes a fresh optimiser of a space.
pub type MakeOptimizer = dyn Fn(&ParameterSpace) -> Box<dyn Optimizer>;

/// What an optimiser claims.
#[derive(Clone, Copy, Debug)]
pub struct OptimizerCaps {
    /// It learns from values, so that it must beat random.
    pub learns: bool,
    /// It takes spaces whose parameters exist under a condition.
    pub conditional: bool,
    /// It takes integers and choices beside real numbers.
    pub mixed: bool,
}

impl Default for OptimizerCaps {
    /// Everything.
    fn default() -> Self {
        Self { learns: true, conditional: true, mixed: true }
    }
}

impl OptimizerCaps {
    /// Everything but learning: for samplers.
    #[must_use]
    pub fn sampler() -> Self {
        Self { learns: false, ..Self::default() }
    }

    /// The richest space that the optimiser takes.
    fn space(self) -> ParameterSpace {
        let mut parameters = vec![
            Parameter::new("size", Domain::float(5.0, 40.0)),
            Parameter::new("rate", Domain::Float { low: 1e-3, high: 1.0, log: true }),
        ];
        if self.mixed {
            parameters.push(Parameter::new("count", Domain::int(3, 20)));
            parameters.push(Parameter::new("shape", Domain::choice(["disc", "ring", "star"])));
        }
        if self.mixed && self.conditional {
            parameters.push(Parameter::new("spikes", Domain::int(3, 12)).when("shape", ["star"]));
        }
        ParameterSpace::new(parameters).expect("the suite's space is valid")
    }
}

/// It is for the space it was made for, and has a name.
pub fn keeps_its_space_and_name(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let optimizer = make(&caps.space());
    assert!(*optimizer.space() == caps.space(), "it keeps its space: {:?}", optimizer.space());
    assert!(!optimizer.name().is_empty(), "it has a name");
}

/// In a space that is not exhausted `n` are asked and `n` come; none where none are asked.
pub fn gives_as_many_proposals_as_asked(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let space = caps.space();
    for (trials, n) in [(0, 0), (0, 1), (0, 5), (7, 0), (7, 1), (7, 5)] {
        let suggestion = suggest(&*make(&space), &history(&space, trials), n);
        let (got, exhausted) = (suggestion.proposals.len(), suggestion.exhausted);
        assert!(got == n && !exhausted, "it gives as many proposals as asked: {got} of {n}, {exhausted}");
    }
}

/// Every proposal is a complete set of the space, with predictions that are numbers.
pub fn proposals_lie_inside_the_space(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let space = caps.space();
    for trials in [0, 1, 7] {
        let suggestion = suggest(&*make(&space), &history(&space, trials), 16);
        assert_inside("proposals lie inside the space", &space, &suggestion);
    }
}

/// No proposal comes twice; where there is no noise none repeats a trial, nor ever one still pending.
pub fn proposals_are_new_and_distinct(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let (space, sets) = small_space(*caps);
    let mut trials: Vec<Trial> = sets.iter().take(6).map(exact).collect();
    trials[5] = Trial::pending(sets[5].clone());
    let suggestion = suggest(&*make(&space), &trials, 5);
    let mut seen: Vec<&ParameterSet> = trials.iter().map(|trial| &trial.params).collect();
    for proposal in &suggestion.proposals {
        assert!(!seen.contains(&&proposal.params), "proposals are new and distinct: {:?}", proposal.params);
        seen.push(&proposal.params);
    }
}

/// Two optimisers made alike, asked the same, answer the same.
pub fn same_history_gives_same_proposals(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let space = caps.space();
    for trials in [0, 7] {
        let history = history(&space, trials);
        let [a, b] = [0, 1].map(|_| suggest(&*make(&space), &history, 4));
        assert!(a == b, "the same history gives the same proposals: {a:?} and {b:?}");
    }
}

/// One optimiser answers the same question the same, whatever it was asked in between.
pub fn asking_twice_gives_the_same(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let space = caps.space();
    let (optimizer, trials) = (make(&space), history(&space, 7));
    let first = suggest(&*optimizer, &trials, 4);
    assert!(first == suggest(&*optimizer, &trials, 4), "asking twice gives the same");
    suggest(&*optimizer, &trials[..3], 2);
    assert!(
        first == suggest(&*optimizer, &trials, 4),
        "asking twice gives the same, with a question between"
    );
}

/// Values that are NaN, infinite or missing do not break it.
pub fn survives_nan_values(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let odd = [Some(f64::NAN), Some(f64::INFINITY), Some(f64::NEG_INFINITY), None];
    let spoil = |at: usize, trial: Trial| Trial { value: odd[at % 4], ..trial };
    assert_survives("it survives NaN values", make, caps, spoil);
}

/// Failed trials do not break it.
pub fn survives_failed_trials(make: &MakeOptimizer, caps: &OptimizerCaps) {
    assert_survives("it survives failed trials", make, caps, |_, trial| Trial::failed(trial.params));
}

/// Pending trials do not break it.
pub fn survives_pending_trials(make: &MakeOptimizer, caps: &OptimizerCaps) {
    assert_survives("it survives pending trials", make, caps, |_, trial| Trial::pending(trial.params));
}

/// The same set measured several times, with other values, does not break it.
pub fn survives_duplicate_trials(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let params = history(&caps.space(), 1).remove(0).params;
    let spoil = |at: usize, _| Trial::ok(params.clone(), 1.0 + at as f64 * 0.1).with_std_error(0.0);
    assert_survives("it survives duplicate trials", make, caps, spoil);
}

/// An objective without any variation does not break it.
pub fn survives_a_constant_objective(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let space = caps.space();
    let trials: Vec<Trial> = history(&space, 8).into_iter().map(|t| Trial::ok(t.params, 1.0)).collect();
    assert_works("it survives a constant objective", make, &space, &trials);
}

/// Where 2 untried sets are left and 5 are asked, those 2 come, and `exhausted` is set; where none
/// is left, none.
pub fn exhausted_space_gives_fewer_and_says_so(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let (space, sets) = small_space(*caps);
    if sets.len() > 12 {
        return skip("exhausted_space_gives_fewer_and_says_so", "caps.mixed is false");
    }
    for left in [2, 0] {
        let trials: Vec<Trial> = sets[left..].iter().map(exact).collect();
        let suggestion = suggest(&*make(&space), &trials, 5);
        let (got, exhausted) = (suggestion.proposals.len(), suggestion.exhausted);
        let law = "an exhausted space gives fewer and says so";
        assert!(got == left, "{law}: {got} proposals where {left} sets are left");
        assert!(exhausted, "{law}: it does not say so");
        let mut rest = suggestion.proposals.iter().map(|proposal| &proposal.params);
        assert!(rest.all(|params| sets[..left].contains(params)), "{law}: a proposal was tried before");
    }
}

/// A trial outside the space is [`Error::InvalidParam`].
pub fn trial_outside_the_space_is_an_error(make: &MakeOptimizer, caps: &OptimizerCaps) {
    let space = caps.space();
    let inside = history(&space, 4);
    let outside = [("size", 41.0), ("size", f64::NAN), ("no such parameter", 1.0)];
    for (name, value) in outside {
        let mut trials = inside.clone();
        trials[1].params.insert(name, value);
        let answer = make(&space).suggest(&trials, 2, seed());
        let invalid = matches!(answer, Err(Error::InvalidParam { .. }));
        assert!(invalid, "a trial outside the space is an error: {name} = {value} gave {answer:?}");
    }
}

/// On (x − 0.3)² + (y − 0.7)² in the unit square, after 8 random trials and 6 batches of 4, the
/// median of the best value over five seeds is at most half of random's at the same budget.
pub fn beats_random_on_a_bowl(make: &MakeOptimizer, caps: &OptimizerCaps) {
    if !caps.learns {
        return skip("beats_random_on_a_bowl", "caps.learns is false");
    }
    let axis = |name| Parameter::new(name, Domain::float(0.0, 1.0));
    let space = ParameterSpace::new(vec![axis("x"), axis("y")]).expect("the suite's space is valid");
    let optimizer = make(&space);
    let by_random = median_best(|seed| draws(&space, seed, 32).map(bowl_trial).collect());
    let by_optimizer = median_best(|seed| {
        let mut trials: Vec<Trial> = draws(&space, seed, 8).map(bowl_trial).collect();
        for batch in 0..6 {
            let suggestion = optimizer.suggest(&trials, 4, seed.derive(&format!("batch {batch}")));
            let proposals = suggestion.expect("a bowl is not too much to ask").proposals;
            trials.extend(proposals.into_iter().map(|proposal| bowl_trial(proposal.params)));
        }
        trials
    });
    assert!(
        by_optimizer <= 0.5 * by_random,
        "it beats random on a bowl: median best {by_optimizer:.3e}, random {by_random:.3e}"
    );
}

fn seed() -> Seed {
    Seed::from_u64(1).derive("conformance/optimizer")
}

fn draws(space: &ParameterSpace, seed: Seed, n: u64) -> impl Iterator<Item = ParameterSet> {
    (0..n).map(move |index| space.draw(&mut seed.derive("history").stream(index)))
}

/// Trials at uniform draws, all different, with the values of a smooth function.
fn history(space: &ParameterSpace, n: u64) -> Vec<Trial> {
    draws(space, seed(), n).map(|params| measured(&params)).collect()
}

fn measured(params: &ParameterSet) -> Trial {
    let term = |value: &ParameterValue| match value {
        ParameterValue::Float(value) => (value - 0.3) * (value - 0.3),
        ParameterValue::Int(value) => 0.1 * *value as f64,
        other => 0.1 * other.to_string().len() as f64,
    };
    Trial::ok(params.clone(), params.iter().map(|(_, value)| term(value)).sum()).with_std_error(0.01)
}

/// The same without noise.
fn exact(params: &ParameterSet) -> Trial {
    Trial { std_error: None, ..measured(params) }
}

fn bowl_trial(params: ParameterSet) -> Trial {
    let at = |name| params.float(name).expect("proposals are sets of the space");
    let (x, y) = (at("x") - 0.3, at("y") - 0.7);
    Trial::ok(params, x * x + y * y)
}

fn median_best(run: impl Fn(Seed) -> Vec<Trial>) -> f64 {
    let best =
        |trials: Vec<Trial>| trials.iter().filter_map(Trial::finite_value).fold(f64::INFINITY, f64::min);
    let mut bests: Vec<f64> = (0..5).map(|i| best(run(Seed::from_u64(i)))).collect();
    bests.sort_by(f64::total_cmp);
    bests[2]
}

/// A space of twelve sets, and all of them; for an optimiser of real numbers only, its usual space
/// with twenty draws.
fn small_space(caps: OptimizerCaps) -> (ParameterSpace, Vec<ParameterSet>) {
    if !caps.mixed {
        let space = caps.space();
        let sets = draws(&space, seed(), 20).collect();
        return (space, sets);
    }
    let shapes = ["disc", "ring", "star"];
    let space = ParameterSpace::new(vec![
        Parameter::new("shape", Domain::choice(shapes)),
        Parameter::new("count", Domain::int(1, 4)),
    ])
    .expect("the suite's space is valid");
    let set = |shape, count| ParameterSet::new().with("shape", shape).with("count", count);
    let sets = (1..5_i64).flat_map(|count| shapes.map(|shape| set(shape, count)));
    (space, sets.collect())
}

fn suggest(optimizer: &dyn Optimizer, history: &[Trial], n: usize) -> Suggestion {
    optimizer.suggest(history, n, seed()).expect("a valid history must be accepted")
}

fn assert_inside(law: &str, space: &ParameterSpace, suggestion: &Suggestion) {
    for Proposal { params, mean, std, acquisition } in &suggestion.proposals {
        let resolved = space.resolve(params);
        let complete = resolved.as_ref().is_ok_and(|resolved| resolved == params);
        assert!(complete, "{law}: {params:?} resolves to {resolved:?}");
        let predicted = [mean, std].into_iter().flatten().all(|value| value.is_finite());
        let numbers = predicted && !acquisition.is_some_and(f64::is_nan);
        assert!(numbers, "{law}: the prediction is no number, {mean:?} ± {std:?}, {acquisition:?}");
    }
}

/// Every second trial of a usual history is spoilt, then all of them.
fn assert_survives(
    law: &str,
    make: &MakeOptimizer,
    caps: &OptimizerCaps,
    spoil: impl Fn(usize, Trial) -> Trial,
) {
    let space = caps.space();
    for step in [2, 1] {
        let mut trials = history(&space, 9);
        for at in (0..9).step_by(step) {
            trials[at] = spoil(at / step, trials[at].clone());
        }
        assert_works(law, make, &space, &trials);
    }
}

fn assert_works(law: &str, make: &MakeOptimizer, space: &ParameterSpace, trials: &[Trial]) {
    match make(space).suggest(trials, 3, seed()) {
        Ok(suggestion) => {
            assert!(suggestion.proposals.len() == 3, "{law}: {} of 3 proposals", suggestion.proposals.len());
            assert_inside(law, space, &suggestion);
        }
        Err(error) => {
            let usable = trials.iter().filter(|trial| trial.status == TrialStatus::Ok).count();
            panic!("{law}: {error} ({usable} trials of {} done)", trials.len());
        }
    }
}
