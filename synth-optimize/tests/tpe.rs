//! Tree-structured Parzen estimators: what they find and what they avoid.

use synth_core::{Domain, Optimizer, Parameter, ParameterSet, ParameterSpace, ParameterValue, Seed, Trial};
use synth_optimize::problems::{BRANIN_MINIMUM, VoidSurrogate, branin, branin_space, void_space};
use synth_optimize::{RandomParams, SobolParams, TpeParams};

const SEEDS: u64 = 5;

fn space_of(parameters: Vec<Parameter>) -> ParameterSpace {
    ParameterSpace::new(parameters).expect("valid")
}

fn sobol(space: &ParameterSpace, n: usize, seed: Seed) -> Vec<ParameterSet> {
    let start = SobolParams::default().build(space.clone()).expect("valid");
    start.suggest(&[], n, seed).expect("inside").proposals.into_iter().map(|p| p.params).collect()
}

/// All trials of 16 starting points and `batches` batches of 8.
fn run(
    optimizer: &dyn Optimizer,
    seed: Seed,
    batches: usize,
    outcome: &dyn Fn(ParameterSet) -> Trial,
) -> Vec<Trial> {
    let mut trials: Vec<Trial> = sobol(optimizer.space(), 16, seed).into_iter().map(outcome).collect();
    for _ in 0..batches {
        let proposals = optimizer.suggest(&trials, 8, seed).expect("suggests").proposals;
        assert_eq!(proposals.len(), 8);
        trials.extend(proposals.into_iter().map(|p| outcome(p.params)));
    }
    trials
}

fn least(trials: &[Trial]) -> f64 {
    trials.iter().filter_map(Trial::finite_value).fold(f64::INFINITY, f64::min)
}

/// Median best value after ten batches, by TPE and by random search.
fn medians(space: &ParameterSpace, f: &dyn Fn(u64, &ParameterSet) -> f64) -> (f64, f64) {
    let median = |optimizer: &dyn Optimizer| {
        let one = |seed: u64| {
            let outcome = |set: ParameterSet| Trial::ok(set.clone(), f(seed, &set));
            least(&run(optimizer, Seed::from_u64(seed), 10, &outcome))
        };
        let mut all: Vec<f64> = (0..SEEDS).map(one).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    let tpe = TpeParams::default().build(space.clone()).expect("valid");
    let random = RandomParams::default().build(space.clone()).expect("valid");
    (median(&tpe), median(&random))
}

#[test]
fn finds_the_minimum_of_branin() {
    let f = |_: u64, set: &ParameterSet| {
        branin(set.float("x").expect("x"), set.float("y").expect("y")) - BRANIN_MINIMUM
    };
    let (tpe, random) = medians(&branin_space().expect("valid"), &f);
    assert!(tpe < 0.05 && tpe < 0.1 * random, "tpe {tpe:e}, random {random:e}");
}

#[test]
fn finds_the_hidden_void_parameters() {
    let problems: Vec<VoidSurrogate> =
        (0..SEEDS).map(|s| VoidSurrogate::of_seed(s as usize).expect("inside")).collect();
    let f = |s: u64, set: &ParameterSet| problems[s as usize].evaluate(set).expect("complete");
    let (tpe, random) = medians(&void_space().expect("valid"), &f);
    assert!(tpe < 0.05 && tpe < 0.3 * random, "tpe {tpe:e}, random {random:e}");
}

#[test]
fn searches_simplices_under_conditions() {
    let space = space_of(vec![
        Parameter::new("kind", Domain::choice(["plain", "mixed"])),
        Parameter::new("mix", Domain::Simplex { parts: 3 }).when("kind", ["mixed"]),
        Parameter::new("rate", Domain::Float { low: 1e-4, high: 1.0, log: true }),
    ]);
    // Least at the mixture (0.2, 0.5, 0.3), rate 0.01.
    let outcome = |set: ParameterSet| {
        let rate = (set.float("rate").expect("there").ln() - 0.01_f64.ln()).powi(2) / 20.0;
        let value = match set.get("mix") {
            Some(ParameterValue::Simplex(s)) => {
                rate + (s[0] - 0.2).powi(2) + (s[1] - 0.5).powi(2) + (s[2] - 0.3).powi(2)
            }
            _ => rate + 0.3,
        };
        Trial::ok(set, value)
    };
    let tpe = TpeParams::default().build(space).expect("valid");
    let best = least(&run(&tpe, Seed::from_u64(3), 8, &outcome));
    assert!(best < 5e-3, "{best}");
}

#[test]
fn learns_which_of_many_choices_is_best() {
    let names: Vec<String> = (0..50).map(|i| format!("k{i}")).collect();
    let space = space_of(vec![
        Parameter::new("x", Domain::float(0.0, 1.0)),
        Parameter::new("c", Domain::choice(names)),
    ]);
    // Choices 10 to 14 are good.
    let good = |set: &ParameterSet| {
        let level: usize = set.choice("c").expect("there")[1..].parse().expect("a number");
        (10..15).contains(&level)
    };
    let outcome = |set: ParameterSet| {
        let x = (set.float("x").expect("there") - 0.3).powi(2);
        let value = if good(&set) { x } else { 1.0 + x };
        Trial::ok(set, value)
    };
    let tpe = TpeParams::default().build(space).expect("valid");
    let late = |seed: u64| {
        let trials = run(&tpe, Seed::from_u64(seed), 8, &outcome);
        trials[trials.len() - 24..].iter().filter(|t| good(&t.params)).count()
    };
    let late: usize = (0..SEEDS).map(late).sum();
    // Chance: 12 ± 3.3.
    assert!(late >= 36, "{late} of the last 120");
}

#[test]
fn failures_are_avoided() {
    let space = space_of(vec![
        Parameter::new("x", Domain::float(-1.0, 1.0)),
        Parameter::new("y", Domain::float(0.0, 1.0)),
    ]);
    // Everything below x = 0 fails, and there the objective would be best.
    let outcome = |set: ParameterSet| match set.float("x") {
        Ok(x) if x > 0.0 => Trial::ok(set, x),
        _ => Trial::failed(set),
    };
    let tpe = TpeParams::default().build(space).expect("valid");
    let deep = |seed: u64| {
        let trials = run(&tpe, Seed::from_u64(seed), 5, &outcome);
        trials[32..].iter().filter(|t| t.params.float("x").expect("there") < -0.3).count()
    };
    let deep: usize = (0..SEEDS).map(deep).sum();
    // Chance: 42 ± 5.
    assert!(deep <= 21, "{deep} of the last 120 lie deep among the failures");
}

/// A set that is being tried pushes the next ones away: the constant liar.
#[test]
fn pending_trials_push_proposals_away() {
    let space = space_of(vec![
        Parameter::new("x", Domain::float(0.0, 1.0)),
        Parameter::new("y", Domain::float(0.0, 1.0)),
    ]);
    let tpe = TpeParams::default().build(space.clone()).expect("valid");
    let at = |set: &ParameterSet| [set.float("x").expect("x"), set.float("y").expect("y")];
    let distance = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
    let mut nearer = 0;
    for seed in (0..20).map(Seed::from_u64) {
        let value = |set: ParameterSet| {
            let [x, y] = at(&set);
            Trial::ok(set, (x - 0.3).powi(2) + (y - 0.6).powi(2))
        };
        let mut trials: Vec<Trial> = sobol(&space, 24, seed).into_iter().map(value).collect();
        // Even so that asking for one lets the same view answer.
        let first = tpe.suggest(&trials, 1, seed).expect("suggests").proposals.remove(0);
        let mut crowded = trials.clone();
        for step in 1..=12 {
            let [x, y] = at(&first.params);
            let near = |u: f64| (u + 0.001 * f64::from(step)).min(1.0);
            let set = ParameterSet::new().with("x", near(x)).with("y", near(y));
            crowded.push(Trial::pending(set));
            let [x, y] = [0.001 * f64::from(step), 0.999];
            trials.push(Trial::pending(ParameterSet::new().with("x", x).with("y", y)));
        }
        let of = |trials: &[Trial]| {
            let next = tpe.suggest(trials, 1, seed).expect("suggests").proposals.remove(0);
            distance(at(&next.params), at(&first.params))
        };
        nearer += usize::from(of(&crowded) < of(&trials));
    }
    assert!(nearer <= 4, "nearer to the crowd in {nearer} of 20");
}

#[test]
fn the_acquisition_is_given_and_predictions_are_not() {
    let space = branin_space().expect("valid");
    let tpe = TpeParams::default().build(space.clone()).expect("valid");
    let value = |set: ParameterSet| Trial::ok(set.clone(), set.float("x").expect("x"));
    let trials: Vec<Trial> = sobol(&space, 20, Seed::from_u64(1)).into_iter().map(value).collect();
    for proposal in tpe.suggest(&trials, 8, Seed::from_u64(1)).expect("suggests").proposals {
        assert!(proposal.acquisition.is_some_and(f64::is_finite), "{proposal:?}");
        assert!(proposal.mean.is_none() && proposal.std.is_none());
    }
}

#[test]
fn rejects_parameters_out_of_range() {
    let build = |params: TpeParams| params.build(branin_space().expect("valid"));
    assert!(build(TpeParams::default()).is_ok());
    for share in [0.0, 1.0, -0.1, f64::NAN] {
        assert!(build(TpeParams { good_share: share, ..TpeParams::default() }).is_err(), "{share}");
    }
    assert!(build(TpeParams { initial_trials: Some(1), ..TpeParams::default() }).is_err());
    assert!(build(TpeParams { candidates: 0, ..TpeParams::default() }).is_err());
    assert!(serde_json::from_str::<TpeParams>(r#"{"gamma": 0.1}"#).is_err());
    let read: TpeParams = serde_json::from_str(r#"{"good_share": 0.2, "close": false}"#).expect("reads");
    assert_eq!((read.good_share, read.close, read.candidates), (0.2, false, 48));
}
