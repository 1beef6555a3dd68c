//! Histories and spaces that break optimisers.

use std::collections::BTreeSet;

use synth_core::{Domain, Optimizer, Parameter, ParameterSet, ParameterSpace, Seed, Suggestion, Trial};
use synth_optimize::{Acquisition, CmaEsParams, Encoding, GpParams, Noise, SobolParams, TpeParams};

const SEED: u64 = 5;

fn space_of(parameters: Vec<Parameter>) -> ParameterSpace {
    ParameterSpace::new(parameters).expect("valid")
}

fn mixed() -> ParameterSpace {
    space_of(vec![
        Parameter::new("x", Domain::float(-1.0, 1.0)),
        Parameter::new("n", Domain::int(0, 9)),
        Parameter::new("c", Domain::choice(["p", "q", "r"])),
    ])
}

fn design(space: &ParameterSpace, n: usize) -> Vec<ParameterSet> {
    let sobol = SobolParams::default().build(space.clone()).expect("valid");
    let suggestion = sobol.suggest(&[], n, Seed::from_u64(SEED)).expect("inside");
    suggestion.proposals.into_iter().map(|proposal| proposal.params).collect()
}

fn history(
    space: &ParameterSpace,
    n: usize,
    mut value: impl FnMut(usize, &ParameterSet) -> f64,
) -> Vec<Trial> {
    design(space, n).into_iter().enumerate().map(|(i, set)| Trial::ok(set.clone(), value(i, &set))).collect()
}

fn ask_with(params: GpParams, space: &ParameterSpace, history: &[Trial], n: usize) -> Suggestion {
    ask_of(&params.build(space.clone()).expect("valid"), history, n)
}

fn ask_of(optimizer: &dyn Optimizer, history: &[Trial], n: usize) -> Suggestion {
    let suggestion = optimizer.suggest(history, n, Seed::from_u64(SEED)).expect("suggests");
    let encoding = Encoding::new(optimizer.space());
    let keys: BTreeSet<_> =
        suggestion.proposals.iter().map(|p| encoding.key(&p.params).expect("inside the space")).collect();
    assert_eq!(keys.len(), suggestion.proposals.len(), "all different");
    for proposal in &suggestion.proposals {
        for number in [proposal.mean, proposal.std, proposal.acquisition].into_iter().flatten() {
            assert!(number.is_finite(), "{proposal:?}");
        }
        let tried = history.iter().any(|t| {
            encoding.key(&t.params).expect("inside") == encoding.key(&proposal.params).expect("inside")
        });
        assert!(!tried, "{proposal:?} was tried");
    }
    assert!(suggestion.proposals.len() == n || suggestion.exhausted);
    suggestion
}

fn ask(space: &ParameterSpace, history: &[Trial], n: usize) -> Suggestion {
    for initial in [1, 16] {
        let params = CmaEsParams::default().with_initial_trials(initial).with_population(4);
        let suggestion = ask_of(&params.build(space.clone()).expect("valid"), history, n);
        let gp = ask_with(GpParams::default(), space, history, n);
        assert_eq!(
            (suggestion.exhausted, suggestion.proposals.len()),
            (gp.exhausted, gp.proposals.len()),
            "what is left does not depend on who asks"
        );
    }
    for acquisition in [Acquisition::Ei, Acquisition::Ucb, Acquisition::Pi, Acquisition::Thompson] {
        ask_with(GpParams::default().with_acquisition(acquisition), space, history, n);
    }
    for params in [TpeParams::default(), TpeParams::default().with_initial_trials(2)] {
        let tpe = ask_of(&params.build(space.clone()).expect("valid"), history, n);
        assert_eq!(tpe.exhausted, tpe.proposals.len() < n);
    }
    ask_with(GpParams::default().with_noise(Noise::Present), space, history, n);
    ask_with(GpParams::default().with_noise(Noise::None), space, history, n)
}

fn slope(_: usize, set: &ParameterSet) -> f64 {
    set.float("x").expect("there") + 0.1 * set.float("n").expect("there")
}

#[test]
fn survives_a_constant_objective() {
    for constant in [0.0, 3.5, -1e300, 1e-300] {
        assert!(!ask(&mixed(), &history(&mixed(), 20, |_, _| constant), 8).exhausted);
    }
}

#[test]
fn survives_nan_and_infinite_values() {
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    let value =
        |i: usize, set: &ParameterSet| if i.is_multiple_of(2) { odd[i / 2 % 3] } else { slope(i, set) };
    ask(&mixed(), &history(&mixed(), 24, value), 8);
    ask(&mixed(), &history(&mixed(), 24, |i, _| odd[i % 3]), 8);
}

#[test]
fn survives_only_failed_and_only_pending_trials() {
    let failed: Vec<Trial> = design(&mixed(), 30).into_iter().map(Trial::failed).collect();
    ask(&mixed(), &failed, 8);
    let pending: Vec<Trial> = design(&mixed(), 30).into_iter().map(Trial::pending).collect();
    ask(&mixed(), &pending, 8);
    let mut one: Vec<Trial> = failed;
    one[3] = Trial::ok(one[3].params.clone(), 1.0);
    ask(&mixed(), &one, 8);
}

#[test]
fn survives_no_and_one_trial() {
    ask(&mixed(), &[], 8);
    ask(&mixed(), &history(&mixed(), 1, slope), 8);
}

#[test]
fn survives_five_hundred_duplicates() {
    let set = &design(&mixed(), 1)[0];
    let same: Vec<Trial> = (0..500).map(|i| Trial::ok(set.clone(), f64::from(i % 7))).collect();
    ask(&mixed(), &same, 8);
    let mut with_others = history(&mixed(), 16, slope);
    with_others.extend(same);
    ask(&mixed(), &with_others, 8);
}

#[test]
fn survives_points_that_nearly_coincide() {
    let space = space_of(vec![
        Parameter::new("x", Domain::float(0.0, 1.0)),
        Parameter::new("y", Domain::float(0.0, 1.0)),
    ]);
    let at = |i: i32| {
        ParameterSet::new().with("x", 0.3 + f64::from(i) * 1e-15).with("y", 0.7 - f64::from(i) * 1e-13)
    };
    let near: Vec<Trial> = (0..40).map(|i| Trial::ok(at(i), 1.0 + f64::from(i % 3))).collect();
    ask(&space, &near, 8);
}

#[test]
fn survives_a_parameter_with_a_single_value() {
    let space = space_of(vec![
        Parameter::new("x", Domain::float(0.0, 1.0)),
        Parameter::new("n", Domain::int(4, 4)),
        Parameter::new("f", Domain::float(2.5, 2.5)),
        Parameter::new("c", Domain::choice(["only"])),
    ]);
    ask(&space, &history(&space, 20, |_, set| set.float("x").expect("there")), 8);
    let nothing =
        space_of(vec![Parameter::new("n", Domain::int(4, 4)), Parameter::new("c", Domain::choice(["only"]))]);
    let suggestion = ask(&nothing, &[], 3);
    assert!(suggestion.exhausted && suggestion.proposals.len() == 1);
    let done = history(&nothing, 1, |_, _| 1.0);
    assert!(ask(&nothing, &done, 3).proposals.is_empty());
}

#[test]
fn survives_fifty_categories() {
    let names: Vec<String> = (0..50).map(|i| format!("k{i}")).collect();
    let space = space_of(vec![
        Parameter::new("x", Domain::float(0.0, 1.0)),
        Parameter::new("c", Domain::choice(names)),
    ]);
    let value = |_: usize, set: &ParameterSet| {
        let level: f64 = set.choice("c").expect("there")[1..].parse().expect("a number");
        (set.float("x").expect("there") - 0.3).powi(2) + if level == 17.0 { 0.0 } else { 1.0 + 0.01 * level }
    };
    ask(&space, &history(&space, 60, value), 8);
}

#[test]
fn tpe_survives_the_widest_whole_numbers() {
    let most = 1_i64 << 51;
    let space = space_of(vec![
        Parameter::new("n", Domain::int(-most, most)),
        Parameter::new("m", Domain::Int { low: 1, high: most, log: true }),
        Parameter::new("k", Domain::Int { low: 1 << 60, high: (1 << 60) + 8, log: true }),
    ]);
    let tpe = TpeParams::default().build(space.clone()).expect("valid");
    let suggestion = ask_of(&tpe, &history(&space, 30, |i, _| i as f64), 8);
    assert!(suggestion.proposals.iter().all(|p| p.acquisition.is_some()), "{suggestion:?}");
}

#[test]
fn survives_bounds_a_hair_apart() {
    let space = space_of(vec![
        Parameter::new("x", Domain::float(1.0, 1.0 + 1e-12)),
        Parameter::new("y", Domain::float(1e9, 1e9 + 2.5e-7)),
    ]);
    // y has three values only, x some 4,500.
    ask(&space, &history(&space, 20, |_, set| (set.float("x").expect("there") - 1.0) * 1e12), 8);
    let few = space_of(vec![Parameter::new("y", Domain::float(1e9, 1e9 + 2.5e-7))]);
    let suggestion = ask(&few, &[], 8);
    assert!(suggestion.exhausted && (1..=3).contains(&suggestion.proposals.len()), "{suggestion:?}");
}

#[test]
fn survives_values_at_the_ends_of_the_range() {
    for scale in [1e300, 1e-300, 5e-324, f64::MAX / 4.0] {
        let values = |i: usize, set: &ParameterSet| slope(i, set) * scale;
        ask(&mixed(), &history(&mixed(), 20, values), 8);
        let huge_noise = |trial: Trial| trial.with_std_error(scale);
        let noisy: Vec<Trial> = history(&mixed(), 20, values).into_iter().map(huge_noise).collect();
        ask(&mixed(), &noisy, 4);
    }
    ask(&mixed(), &history(&mixed(), 20, |i, _| if i.is_multiple_of(2) { 1e300 } else { -1e300 }), 8);
    ask(&mixed(), &history(&mixed(), 20, |i, set| if i == 3 { 1e300 } else { slope(i, set) }), 8);
}

#[test]
fn an_exhausted_space_gives_fewer_and_says_so() {
    let space = space_of(vec![
        Parameter::new("n", Domain::int(1, 4)),
        Parameter::new("c", Domain::choice(["a", "b", "c"])),
    ]);
    let tried = history(&space, 10, |i, _| i as f64);
    let suggestion = ask(&space, &tried, 8);
    assert!(suggestion.exhausted);
    assert_eq!(suggestion.proposals.len(), 2);
    assert!(!ask(&space, &tried[..8], 4).exhausted);
}

#[test]
fn simplices_and_conditions_are_searched() {
    let space = space_of(vec![
        Parameter::new("kind", Domain::choice(["plain", "mixed"])),
        Parameter::new("mix", Domain::Simplex { parts: 3 }).when("kind", ["mixed"]),
        Parameter::new("rate", Domain::Float { low: 1e-4, high: 1.0, log: true }),
    ]);
    // Least at the mixture (0.2, 0.5, 0.3), rate 0.01.
    let value = |set: &ParameterSet| {
        let rate = (set.float("rate").expect("there").ln() - 0.01_f64.ln()).powi(2) / 20.0;
        match set.get("mix") {
            Some(synth_core::ParameterValue::Simplex(s)) => {
                rate + (s[0] - 0.2).powi(2) + (s[1] - 0.5).powi(2) + (s[2] - 0.3).powi(2)
            }
            _ => rate + 0.3,
        }
    };
    let mut trials = history(&space, 12, |_, set| value(set));
    for _ in 0..4 {
        let suggestion = ask_with(GpParams::default().with_noise(Noise::None), &space, &trials, 6);
        trials
            .extend(suggestion.proposals.into_iter().map(|p| Trial::ok(p.params.clone(), value(&p.params))));
    }
    let best = trials.iter().filter_map(|t| t.value).fold(f64::INFINITY, f64::min);
    assert!(best < 1e-3, "{best}");
}

#[test]
fn failures_are_avoided() {
    let space = mixed();
    // Everything below x = 0 fails, and there the objective would be best.
    let outcome = |set: ParameterSet| match set.float("x") {
        Ok(x) if x > 0.0 => Trial::ok(set, x),
        _ => Trial::failed(set),
    };
    let mut trials: Vec<Trial> = design(&space, 24).into_iter().map(outcome).collect();
    let mut near = 0;
    for _ in 0..3 {
        let suggestion = ask_with(GpParams::default().with_noise(Noise::None), &space, &trials, 6);
        near += suggestion.proposals.iter().filter(|p| p.params.float("x").expect("there") > -0.1).count();
        trials.extend(suggestion.proposals.into_iter().map(|p| outcome(p.params)));
    }
    // The best value lies at the border itself; deep beyond it there is nothing but failures.
    assert!(near >= 10, "{near} of 18 lie at or inside the border");
    let best = trials.iter().filter_map(Trial::finite_value).fold(f64::INFINITY, f64::min);
    assert!(best < 0.02, "{best}");
}

#[test]
fn pending_points_are_not_asked_for_again() {
    let space = mixed();
    let mut trials = history(&space, 20, slope);
    let first = ask_with(GpParams::default().with_noise(Noise::None), &space, &trials, 3);
    trials.extend(first.proposals.iter().map(|p| Trial::pending(p.params.clone())));
    let second = ask_with(GpParams::default().with_noise(Noise::None), &space, &trials, 3);
    assert_eq!(second.proposals.len(), 3);
}

/// Values about a slope, one of them far below it, like nothing around it.
#[test]
fn only_where_there_is_noise_is_a_lucky_value_measured_again() {
    // Numbers whose encoding does not decode to the last bit: it must be the very set all the same.
    let space = space_of(vec![
        Parameter::new("x", Domain::float(-1.0, 1.0)),
        Parameter::new("rate", Domain::Float { low: 1e-4, high: 1.0, log: true }),
        Parameter::new("n", Domain::int(0, 9)),
    ]);
    let mut noise = Seed::from_u64(7).stream(0);
    let mut trials = history(&space, 40, |_, set| slope(0, set) + 0.3 * noise.normal());
    trials[30].params.insert("rate", 0.037);
    trials[30].value = Some(-3.0);
    let lucky = trials[30].params.clone();
    let encoding = Encoding::new(&space);
    let decoded = encoding.decode(&encoding.encode(&lucky).expect("inside"));
    assert_ne!(decoded, lucky, "the case needs a number that decodes to another one");
    let asks_again = |noise: Noise, trials: &[Trial]| {
        let gp = GpParams::default().with_noise(noise).build(space.clone()).expect("valid");
        let suggestion = gp.suggest(trials, 8, Seed::from_u64(1)).expect("suggests");
        suggestion.proposals.iter().any(|proposal| proposal.params == lucky)
    };
    assert!(asks_again(Noise::Present, &trials));
    assert!(!asks_again(Noise::None, &trials) && !asks_again(Noise::Unknown, &trials));
    let again = Trial::ok(trials[3].params.clone(), trials[3].value.expect("measured"));
    trials.push(again);
    assert!(!asks_again(Noise::Unknown, &trials), "the same value again");
    trials[40].value = trials[40].value.map(|value| value + 0.5);
    assert!(asks_again(Noise::Unknown, &trials), "replications differ");
}

#[test]
fn rejects_parameters_out_of_range() {
    let build = |params: GpParams| params.build(mixed());
    assert!(build(GpParams::default()).is_ok());
    assert!(build(GpParams { ucb_beta: -1.0, ..GpParams::default() }).is_err());
    assert!(build(GpParams { ucb_beta: f64::NAN, ..GpParams::default() }).is_err());
    assert!(build(GpParams { initial_trials: Some(1), ..GpParams::default() }).is_err());
    assert!(build(GpParams { candidates: 3, ..GpParams::default() }).is_err());
    assert!(serde_json::from_str::<GpParams>(r#"{"acquisitions": "ei"}"#).is_err());
    let params: GpParams =
        serde_json::from_str(r#"{"acquisition": "pi", "noise": "present"}"#).expect("reads");
    assert_eq!((params.acquisition, params.noise), (Acquisition::Pi, Noise::Present));
}
