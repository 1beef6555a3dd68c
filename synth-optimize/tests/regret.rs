//! A small version of the bench `optimizers`: does it find minima, and far faster than chance?

use serde::Deserialize;
use synth_core::{Optimizer, ParameterSet, ParameterSpace, Seed, Trial};
use synth_optimize::problems::{BRANIN_MINIMUM, VoidSurrogate, ackley, branin, branin_space, void_space};
use synth_optimize::{GpParams, Noise, RandomParams, SobolParams};

const SEEDS: u64 = 5;

fn start(space: &ParameterSpace, seed: Seed, f: &dyn Fn(&ParameterSet) -> f64) -> Vec<Trial> {
    let sobol = SobolParams::default().build(space.clone()).expect("valid");
    let start = sobol.suggest(&[], 16, seed).expect("inside").proposals;
    start.into_iter().map(|p| Trial::ok(p.params.clone(), f(&p.params))).collect()
}

/// Simple regret after the 16 starting points and 80 others in batches of this many.
fn regret(optimizer: &dyn Optimizer, batch: usize, seed: Seed, f: &dyn Fn(&ParameterSet) -> f64) -> f64 {
    let mut trials = start(optimizer.space(), seed, f);
    while trials.len() < 96 {
        let proposals = optimizer.suggest(&trials, batch, seed).expect("suggests").proposals;
        trials.extend(proposals.into_iter().map(|p| Trial::ok(p.params.clone(), f(&p.params))));
    }
    trials.iter().filter_map(|t| t.value).fold(f64::INFINITY, f64::min)
}

fn medians(space: &ParameterSpace, f: &dyn Fn(u64, &ParameterSet) -> f64) -> (f64, f64) {
    let gp = GpParams::default().with_noise(Noise::None).build(space.clone()).expect("valid");
    let random = RandomParams::default().build(space.clone()).expect("valid");
    let median = |optimizer: &dyn Optimizer| {
        let one = |s: u64| regret(optimizer, 8, Seed::from_u64(s), &|set: &ParameterSet| f(s, set));
        let mut all: Vec<f64> = (0..SEEDS).map(one).collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2]
    };
    (median(&gp), median(&random))
}

#[test]
fn finds_the_minimum_of_branin() {
    let f = |_: u64, set: &ParameterSet| {
        branin(set.float("x").expect("x"), set.float("y").expect("y")) - BRANIN_MINIMUM
    };
    let (gp, random) = medians(&branin_space().expect("valid"), &f);
    assert!(gp < 1e-5 && gp < 1e-3 * random, "gp {gp:e}, random {random:e}");
}

#[test]
fn finds_the_hidden_void_parameters() {
    let problems: Vec<VoidSurrogate> =
        (0..SEEDS).map(|s| VoidSurrogate::of_seed(s as usize).expect("inside")).collect();
    let f = |s: u64, set: &ParameterSet| problems[s as usize].evaluate(set).expect("complete");
    let (gp, random) = medians(&void_space().expect("valid"), &f);
    assert!(gp < 4e-6 && gp < 1e-3 * random, "gp {gp:e}, random {random:e}");
}

/// The minima that a batch begins with would be all that someone sees who asks for one point at a time.
#[test]
fn finds_the_hidden_void_parameters_one_point_at_a_time() {
    let gp = GpParams::default().with_noise(Noise::None).build(void_space().expect("valid")).expect("valid");
    for s in 0..3 {
        let problem = VoidSurrogate::of_seed(s).expect("inside");
        let f = |set: &ParameterSet| problem.evaluate(set).expect("complete");
        let regret = regret(&gp, 1, Seed::from_u64(s as u64), &f);
        assert!(regret < 1e-5, "hidden parameters {s}: {regret:e}");
    }
}

/// Under noise the lowest value seen is luck: judged is the set with the lowest predicted mean.
#[test]
fn finds_the_minimum_under_noise_and_knows_how_good_it_is() {
    let space = branin_space().expect("valid");
    let gp = GpParams::default().with_noise(Noise::Present).build(space).expect("valid");
    let f =
        |set: &ParameterSet| branin(set.float("x").expect("x"), set.float("y").expect("y")) - BRANIN_MINIMUM;
    let mut regrets = Vec::new();
    for s in 0..SEEDS {
        let seed = Seed::from_u64(s);
        let mut noise = seed.derive("noise").stream(0);
        let mut trials = start(gp.space(), seed, &|set| f(set));
        trials.iter_mut().for_each(|t| t.value = t.value.map(|v| v + 2.0 * noise.normal()));
        for _ in 0..6 {
            let proposals = gp.suggest(&trials, 8, seed).expect("suggests").proposals;
            let measured = proposals
                .into_iter()
                .map(|p| Trial::ok(p.params.clone(), f(&p.params) + 2.0 * noise.normal()));
            trials.extend(measured);
        }
        let proposals = gp.suggest(&trials, 8, seed).expect("suggests").proposals;
        let last =
            proposals.iter().min_by(|a, b| a.mean.partial_cmp(&b.mean).expect("numbers")).expect("eight");
        regrets.push(f(&last.params));
        let (mean, std) = (last.mean.expect("a model"), last.std.expect("a model"));
        assert!((mean - f(&last.params)).abs() < 5.0 * std + 1.0, "{last:?}");
    }
    regrets.sort_by(f64::total_cmp);
    // The noise of one value is 2, the range of Branin some 300.
    assert!(regrets[2] < 0.7, "{regrets:?}");
}

#[derive(Deserialize)]
struct Goldens {
    void_surrogate: Vec<Case>,
    branin: Vec<[f64; 3]>,
    ackley: Vec<[f64; 6]>,
}

#[derive(Deserialize)]
struct Case {
    truth: Vec<f64>,
    points: Vec<Vec<f64>>,
    values: Vec<f64>,
}

#[test]
fn problems_equal_their_python_originals() {
    let goldens: Goldens = serde_json::from_str(include_str!("goldens/goldens.json")).expect("goldens read");
    for [x, y, value] in goldens.branin {
        assert!((branin(x, y) - value).abs() < 1e-12 * value.abs());
    }
    for case in goldens.ackley {
        assert!((ackley(&case[..5]) - case[5]).abs() < 1e-13 * case[5]);
    }
    let set = |p: &[f64]| {
        ParameterSet::new()
            .with("void_shape", ["circle", "ellipse", "irregular"][p[0] as usize])
            .with("void_count", p[1] as i64)
            .with("base_size", p[2])
            .with("brightness_factor", p[3])
            .with("size_std", p[4])
            .with("position_spread", p[5])
    };
    for (seed, case) in goldens.void_surrogate.iter().enumerate() {
        let problem = VoidSurrogate::of_seed(seed).expect("inside");
        assert_eq!(problem, VoidSurrogate::new(&set(&case.truth)).expect("inside"));
        for (point, value) in case.points.iter().zip(&case.values) {
            assert!((problem.evaluate(&set(point)).expect("complete") - value).abs() < 1e-13);
        }
    }
}
