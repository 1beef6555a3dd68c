//! `Features` is not blind: a reduced table of `examples/feature_power.rs`, seconds instead of minutes.
//!
//! The goal is that a move of any knob by a quarter of its range is detected in 95 % of the tests. It
//! is met from a single parameter set; from the wide real distribution it is missed for the spread of
//! sizes and for some shapes. The block weights were searched on these very distributions. A share
//! counts for its pools of pictures only: faint moves differ from pool to pool by 0.1.

mod support;

use ndarray::Array2;
use support::{Knobs, Lab, NUMBERS, Trials, power};
use synth_core::{ParameterDistribution, Seed};
use synth_embed::{Features, FeaturesParams};

fn lab() -> Lab<Features> {
    Lab::new(FeaturesParams::default().build().expect("valid")).expect("valid")
}

fn pool(lab: &Lab<Features>, name: &str, distribution: &ParameterDistribution, n: usize) -> Array2<f32> {
    lab.rows(distribution, n, Seed::from_u64(3).derive(name)).expect("images")
}

fn share(x: &Array2<f32>, y: &Array2<f32>, (n, m): (usize, usize), repeats: usize) -> f64 {
    let trials = Trials { n, m, repeats, permutations: 99 };
    power(x.view(), y.view(), trials, Seed::from_u64(4))
}

/// Share of tests, 200 against 200, that tell `n` pictures of moved knobs from what they were moved from.
fn detected(lab: &Lab<Features>, from: &Array2<f32>, name: &str, (moved, n): (&Knobs, usize)) -> f64 {
    share(from, &pool(lab, name, &moved.distribution(), n), (200, 200), 20)
}

#[test]
fn sees_far_close_and_prior_and_not_the_same_again() {
    let lab = lab();
    let real = pool(&lab, "real", &Knobs::REAL.distribution(), 600);
    let close = pool(&lab, "close", &Knobs::CLOSE.distribution(), 600);
    let prior = pool(&lab, "prior", &ParameterDistribution::uniform(), 600);
    let same = pool(&lab, "same", &Knobs::REAL.distribution(), 600);
    let far = pool(&lab, "far", &Knobs::FAR.distribution(), 100);
    assert_eq!(share(&real, &far, (16, 24), 60), 1.0, "far");
    let [close, prior, same] = [close, prior, same].map(|set| share(&real, &set, (48, 200), 60));
    // The goal is 0.80; over many pictures it is 0.84, and a pool of few strays from it by 0.07.
    assert!(close >= 0.7, "close: {close}");
    assert!(prior >= 0.9, "prior: {prior}");
    assert!(same <= 0.15, "real again: {same}");
}

#[test]
fn sees_each_of_six_knobs_moved_from_one_parameter_set() {
    let lab = lab();
    let knobs = Knobs::one_set();
    let from = pool(&lab, "one set", &knobs.distribution(), 220);
    let numbers = NUMBERS.iter().enumerate().flat_map(|(at, (name, ..))| {
        [("up", 0.25), ("down", -0.25)].map(|(way, share)| (format!("{name} {way}"), knobs.moved(at, share)))
    });
    let shapes =
        [("circles", 0), ("irregular", 2)].map(|(name, to)| (name.to_owned(), knobs.reshaped(1, to, 0.25)));
    for (name, moved) in numbers.chain(shapes) {
        let share = detected(&lab, &from, &name, (&moved, 220));
        assert!(share >= 0.95, "{name}: {share}");
    }
}

#[test]
fn sees_most_knobs_moved_from_the_wide_real_distribution() {
    let lab = lab();
    let from = pool(&lab, "real", &Knobs::REAL.distribution(), 500);
    for at in [0, 1, 2, 4] {
        let name = NUMBERS[at].0;
        let share = detected(&lab, &from, name, (&Knobs::REAL.moved(at, 0.25), 240));
        assert!(share >= 0.95, "{name}: {share}");
    }
    // These miss the goal; what is asked for here only guards against blindness.
    for (name, moved, least) in [
        ("size_std up", Knobs::REAL.moved(3, 0.25), 0.5),
        ("size_std down", Knobs::REAL.moved(3, -0.25), 0.3),
        ("circles for ellipses", Knobs::REAL.reshaped(1, 0, 0.25), 0.5),
        ("circles for irregular", Knobs::REAL.reshaped(2, 0, 0.25), 0.5),
    ] {
        let share = detected(&lab, &from, name, (&moved, 500));
        assert!(share >= least, "{name}: {share}");
    }
}
