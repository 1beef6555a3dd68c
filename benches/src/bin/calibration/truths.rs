use std::collections::BTreeMap;

use synth_core::{Marginal, ParameterDistribution, ParameterValue, Seed};

/// The shapes and the numeric parameters of the void simulator.
pub(crate) const SHAPES: [&str; 3] = ["circle", "ellipse", "irregular"];
pub(crate) const NUMBERS: [&str; 5] =
    ["void_count", "base_size", "brightness_factor", "size_std", "position_spread"];

fn normal(mean: f64, std: f64) -> Marginal {
    Marginal::Normal { mean, std }
}

pub(crate) fn independent(shapes: [f64; 3], numbers: [(f64, f64); 5]) -> ParameterDistribution {
    let mut marginals: BTreeMap<String, Marginal> = NUMBERS
        .iter()
        .zip(numbers)
        .map(|(name, (mean, std))| ((*name).to_owned(), normal(mean, std)))
        .collect();
    let shapes = SHAPES.iter().zip(shapes).map(|(s, p)| ((*s).to_owned(), p)).collect();
    marginals.insert("void_shape".into(), Marginal::Categorical(shapes));
    ParameterDistribution::Independent { marginals }
}

/// The distributions of the built-in experiment.
pub(crate) fn experiment(name: &str) -> ParameterDistribution {
    match name {
        "close" => {
            independent([0.25, 0.45, 0.3], [(10.0, 3.0), (18.0, 5.0), (0.55, 0.1), (8.0, 2.0), (0.55, 0.15)])
        }
        "far" => independent([0.7, 0.2, 0.1], [(15.0, 3.0), (10.0, 5.0), (0.4, 0.1), (3.0, 1.0), (0.8, 0.1)]),
        _ => independent([0.2, 0.5, 0.3], [(8.0, 3.0), (20.0, 5.0), (0.6, 0.1), (7.0, 2.0), (0.5, 0.15)]),
    }
}

/// Means uniform in the middle 80 % of each range, shape probabilities Dirichlet(1), spreads as in the
/// built-in experiment.
pub(crate) fn random_truth(number: u64) -> ParameterDistribution {
    let mut stream = Seed::from_u64(number).derive("bench/random truth").stream(0);
    let gaps: Vec<f64> = (0..3).map(|_| -(1.0 - stream.unit()).ln()).collect();
    let total: f64 = gaps.iter().sum();
    let ranges = [(3.0, 20.0, 3.0), (5.0, 40.0, 5.0), (0.3, 0.8, 0.1), (0.0, 15.0, 2.0), (0.1, 0.8, 0.15)];
    let numbers = ranges.map(|(low, high, std)| (low + (high - low) * stream.uniform(0.1, 0.9), std));
    independent([gaps[0] / total, gaps[1] / total, gaps[2] / total], numbers)
}

pub(crate) fn number(value: &ParameterValue) -> Option<f64> {
    match *value {
        ParameterValue::Int(n) => Some(n as f64),
        ParameterValue::Float(x) => Some(x),
        _ => None,
    }
}
