//! `Features` is not blind: a reduced table of `examples/feature_power.rs`, seconds instead of minutes.

mod support;

use ndarray::Array2;
use support::{Knobs, Lab, Trials, power};
use synth_core::{ParameterDistribution, Seed};
use synth_embed::{Features, FeaturesParams};

fn lab() -> Lab<Features> {
    Lab::new(FeaturesParams::default().build().expect("valid")).expect("valid")
}

fn pool(lab: &Lab<Features>, name: &str, distribution: &ParameterDistribution, n: usize) -> Array2<f32> {
    lab.rows(distribution, n, Seed::from_u64(3).derive(name)).expect("images")
}

fn share(x: &Array2<f32>, y: &Array2<f32>, (n, m): (usize, usize)) -> f64 {
    let trials = Trials { n, m, repeats: 20, permutations: 99 };
    power(x.view(), y.view(), trials, Seed::from_u64(4))
}

#[test]
fn sees_far_close_and_prior_and_not_the_same_again() {
    let lab = lab();
    let real = pool(&lab, "real", &Knobs::REAL.distribution(), 200);
    let same = pool(&lab, "same", &Knobs::REAL.distribution(), 300);
    let close = pool(&lab, "close", &Knobs::CLOSE.distribution(), 300);
    let prior = pool(&lab, "prior", &ParameterDistribution::uniform(), 300);
    let far = pool(&lab, "far", &Knobs::FAR.distribution(), 100);
    assert_eq!(share(&real, &far, (16, 24)), 1.0, "far");
    assert!(share(&real, &close, (48, 200)) >= 0.7, "close");
    assert!(share(&real, &prior, (48, 200)) >= 0.8, "prior");
    assert!(share(&real, &same, (48, 200)) <= 0.3, "real again");
}

#[test]
fn sees_the_two_faintest_moves() {
    let lab = lab();
    let real = pool(&lab, "real", &Knobs::REAL.distribution(), 300);
    let wider = pool(&lab, "wider", &Knobs::REAL.moved(3, 0.25).distribution(), 300);
    assert!(share(&real, &wider, (200, 200)) >= 0.6, "spread of sizes");
    let rounder = pool(&lab, "rounder", &Knobs::REAL.reshaped(1, 0, 0.25).distribution(), 300);
    assert!(share(&real, &rounder, (200, 200)) >= 0.6, "circles for ellipses");
}
