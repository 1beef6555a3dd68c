//! CMA-ES: how fast it converges beside pycma, and what it does where that is hard.

use std::collections::BTreeMap;

use serde::Deserialize;
use synth_core::{Domain, Optimizer, Parameter, ParameterSet, ParameterSpace, Seed, Trial};
use synth_optimize::{CmaEs, CmaEsParams, RandomParams};

/// What is minimised.
type Objective<'a> = &'a dyn Fn(&ParameterSet) -> f64;

fn cube(dim: usize) -> ParameterSpace {
    let axis = |i: usize| Parameter::new(format!("x{i}"), Domain::float(0.0, 1.0));
    ParameterSpace::new((0..dim).map(axis).collect()).expect("valid")
}

fn numbers(set: &ParameterSet) -> Vec<f64> {
    (0..set.len()).map(|i| set.float(&format!("x{i}")).expect("there")).collect()
}

fn cmaes(space: &ParameterSpace) -> CmaEs {
    CmaEsParams::default().build(space.clone()).expect("valid")
}

/// Extends `trials` by batches until a value is below `goal`; how many trials that took.
fn trials_until(
    (goal, most): (f64, usize),
    batch: usize,
    (optimizer, seed): (&dyn Optimizer, u64),
    trials: &mut Vec<Trial>,
    f: Objective<'_>,
) -> usize {
    while trials.len() < most {
        let proposals = optimizer.suggest(trials, batch, Seed::from_u64(seed)).expect("suggests").proposals;
        trials.extend(proposals.into_iter().map(|p| Trial::ok(p.params.clone(), f(&p.params))));
        if best(trials) < goal {
            break;
        }
    }
    trials.len()
}

fn best(trials: &[Trial]) -> f64 {
    trials.iter().filter_map(Trial::finite_value).fold(f64::INFINITY, f64::min)
}

fn median(mut values: Vec<usize>) -> usize {
    values.sort_unstable();
    values[values.len() / 2]
}

fn sphere(set: &ParameterSet) -> f64 {
    numbers(set).iter().map(|x| (x - 0.3).powi(2)).sum()
}

fn ellipsoid(set: &ParameterSet) -> f64 {
    let x = numbers(set);
    let weight = |i: usize| 1e4_f64.powf(i as f64 / (x.len() - 1) as f64);
    x.iter().enumerate().map(|(i, x)| weight(i) * (x - 0.3).powi(2)).sum()
}

fn rosenbrock(set: &ParameterSet) -> f64 {
    let y: Vec<f64> = numbers(set).iter().map(|x| 4.0 * x - 1.0).collect();
    y.windows(2).map(|y| 100.0 * (y[1] - y[0] * y[0]).powi(2) + (1.0 - y[0]).powi(2)).sum()
}

#[derive(Deserialize)]
struct Golden {
    evaluations: BTreeMap<String, Run>,
}

#[derive(Deserialize)]
struct Run {
    dim: usize,
    median: f64,
}

#[test]
fn converges_as_fast_as_pycma() {
    let golden: Golden = serde_json::from_str(include_str!("goldens/cmaes.json")).expect("reads");
    let functions: [(&str, Objective); 3] =
        [("sphere", &sphere), ("ellipsoid", &ellipsoid), ("rosenbrock", &rosenbrock)];
    for (name, f) in functions {
        let run = &golden.evaluations[name];
        let optimizer = cmaes(&cube(run.dim));
        let one = |seed| trials_until((1e-8, 6_000), 8, (&optimizer, seed), &mut Vec::new(), f);
        let trials = median((0..5).map(one).collect());
        assert!((trials as f64) < 1.2 * run.median, "{name}: {trials} trials, pycma {}", run.median);
    }
}

#[test]
fn any_batch_size_converges() {
    for (batch, most) in [(1, 600), (3, 600), (20, 1000), (100, 4000)] {
        let goal = (1e-8, most);
        let trials = trials_until(goal, batch, (&cmaes(&cube(4)), 1), &mut Vec::new(), &sphere);
        assert!(trials < most, "batches of {batch}: {trials} trials");
    }
}

#[test]
fn trials_of_others_do_no_harm() {
    let space = cube(6);
    let random = RandomParams::default().build(space.clone()).expect("valid");
    for seed in 0..3 {
        let mut trials = Vec::new();
        trials_until((0.0, 200), 8, (&random, seed), &mut trials, &ellipsoid);
        let before = best(&trials);
        trials_until((0.0, 600), 8, (&cmaes(&space), seed), &mut trials, &ellipsoid);
        assert!(best(&trials) < 1e-2 * before, "{before} became {}", best(&trials));
    }
}

#[test]
fn pending_trials_do_not_change_the_distribution() {
    let (space, mut trials) = (cube(3), Vec::new());
    let optimizer = cmaes(&space);
    trials_until((0.0, 400), 8, (&optimizer, 1), &mut trials, &sphere);
    let next = optimizer.suggest(&trials, 8, Seed::from_u64(1)).expect("suggests").proposals;
    trials.extend(next.into_iter().map(|p| Trial::pending(p.params)));
    let after = optimizer.suggest(&trials, 8, Seed::from_u64(1)).expect("suggests").proposals;
    assert!(after.iter().all(|p| sphere(&p.params) < 1e-4), "still where it had converged to");
    assert!(after.iter().all(|p| trials.iter().all(|t| t.params != p.params)));
}

#[test]
fn whole_numbers_keep_moving() {
    // The real numbers are far easier: without a margin the whole ones freeze where they happen to be.
    let mut parameters: Vec<Parameter> =
        (0..3).map(|i| Parameter::new(format!("x{i}"), Domain::float(0.0, 1.0))).collect();
    parameters.extend((3..6).map(|i| Parameter::new(format!("x{i}"), Domain::int(0, 60))));
    let space = ParameterSpace::new(parameters).expect("valid");
    let f = |set: &ParameterSet| {
        let x = numbers(set);
        let real: f64 = x[..3].iter().map(|x| 1e3 * (x - 0.4).powi(2)).sum();
        real + x[3..].iter().map(|x| ((x - 51.0) / 60.0).powi(2)).sum::<f64>()
    };
    for seed in 0..3 {
        let trials = trials_until((1e-5, 1_600), 8, (&cmaes(&space), seed), &mut Vec::new(), &f);
        assert!(trials < 1_600, "{trials}");
    }
}

#[test]
fn restarts_leave_a_local_minimum() {
    let rastrigin = |set: &ParameterSet| -> f64 {
        let ripple = |x: f64| x * x + 10.0 * (1.0 - (2.0 * std::f64::consts::PI * x).cos());
        numbers(set).iter().map(|x| ripple(10.24 * (x - 0.37))).sum()
    };
    let one = |seed| trials_until((1e-6, 9_000), 8, (&cmaes(&cube(3)), seed), &mut Vec::new(), &rastrigin);
    let trials: Vec<usize> = (0..3).map(one).collect();
    assert!(trials.iter().all(|trials| *trials < 9_000), "{trials:?}");
}

#[test]
fn a_discrete_space_is_tried_to_its_end() {
    let mut parameters = vec![Parameter::new("c", Domain::choice(["a", "b", "c", "d"]))];
    parameters.push(Parameter::new("n", Domain::int(0, 19)));
    parameters.push(Parameter::new("only", Domain::choice(["one"])));
    let space = ParameterSpace::new(parameters).expect("valid");
    let optimizer = cmaes(&space);
    let f = |set: &ParameterSet| (set.float("n").expect("there") - 13.0).abs();
    let mut trials = Vec::new();
    trials_until((-1.0, 80), 7, (&optimizer, 1), &mut trials, &f);
    let end = optimizer.suggest(&trials, 7, Seed::from_u64(1)).expect("suggests");
    assert!(end.exhausted && end.proposals.is_empty() && trials.len() == 80);
}

#[test]
fn choices_alone_are_learned() {
    let names: Vec<String> = (0..6).map(|i| format!("{i}")).collect();
    let parameter = |i: usize| Parameter::new(format!("c{i}"), Domain::choice(names.clone()));
    let space = ParameterSpace::new((0..5).map(parameter).collect()).expect("valid");
    let f = |set: &ParameterSet| -> f64 {
        (0..5).map(|i| set.choice(&format!("c{i}")).expect("there").parse::<f64>().expect("a number")).sum()
    };
    // One in 7,776 sets.
    let trials = trials_until((0.5, 1_000), 8, (&cmaes(&space), 2), &mut Vec::new(), &f);
    assert!(trials < 600, "{trials}");
}

#[test]
fn rejects_parameters_out_of_range() {
    let build = |params: CmaEsParams| params.build(cube(2));
    assert!(build(CmaEsParams::default().with_population(4).with_initial_trials(1)).is_ok());
    assert!(build(CmaEsParams::default().with_population(3)).is_err());
    assert!(build(CmaEsParams::default().with_population(10_001)).is_err());
    assert!(build(CmaEsParams::default().with_initial_trials(0)).is_err());
    for sigma in [0.0, -0.1, 1.1, f64::NAN] {
        assert!(build(CmaEsParams { sigma, ..CmaEsParams::default() }).is_err());
    }
    for restart_growth in [0, 9] {
        assert!(build(CmaEsParams { restart_growth, ..CmaEsParams::default() }).is_err());
    }
    assert!(serde_json::from_str::<CmaEsParams>(r#"{"popsize": 8}"#).is_err());
    let params: CmaEsParams = serde_json::from_str(r#"{"population": 12}"#).expect("reads");
    assert_eq!(params, CmaEsParams::default().with_population(12));
}

#[test]
fn trials_at_the_far_ends_of_whole_numbers_do_no_harm() {
    // The ends of the range lie hundreds of standard deviations away, beyond float64's probabilities.
    let space = ParameterSpace::new(vec![Parameter::new("n", Domain::int(0, 100))]).expect("valid");
    let params = CmaEsParams { sigma: 1e-3, ..CmaEsParams::default() };
    let cmaes = params.with_population(4).with_initial_trials(1).build(space).expect("valid");
    let trial = |n: i64| Trial::ok(ParameterSet::new().with("n", n), ((n - 60) * (n - 60)) as f64);
    let mut trials: Vec<Trial> = [50, 0, 100, 49, 51, 52, 53, 47, 46].map(trial).into();
    for _ in 0..4 {
        let suggestion = cmaes.suggest(&trials, 4, Seed::from_u64(1)).expect("suggests");
        assert!(suggestion.proposals.len() == 4 && !suggestion.exhausted);
        trials.extend(suggestion.proposals.iter().map(|p| trial(p.params.int("n").expect("there"))));
    }
}
