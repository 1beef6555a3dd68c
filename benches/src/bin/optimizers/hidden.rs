//! Problems whose optimum a seed draws uniformly from the space or most of it (or which columns count), so
//! that no habit (the middle of the box, its corners) is rewarded.

use std::f64::consts::{E, PI};

use synth_core::{Domain, Parameter, ParameterSet, Result, Seed, Stream};
use synth_optimize::problems::{HARTMANN6_MINIMUM, hartmann6};

use crate::problems::{Regret, coordinates};

fn uniform(stream: &mut Stream, dim: usize, low: f64, high: f64) -> Vec<f64> {
    (0..dim).map(|_| stream.uniform(low, high)).collect()
}

/// The Ackley function about a drawn point: a narrow funnel in a plain full of ripples.
pub(crate) fn ackley5(seed: Seed) -> Result<Regret> {
    let optimum = uniform(&mut seed.stream(0), 5, -32.768, 32.768);
    Ok(Box::new(move |set| {
        let z: Vec<f64> = coordinates(set, 5)?.iter().zip(&optimum).map(|(x, o)| x - o).collect();
        let square = z.iter().map(|z| z * z).sum::<f64>() / 5.0;
        let wave = z.iter().map(|z| (2.0 * PI * z).cos()).sum::<f64>() / 5.0;
        Ok(-20.0 * (-0.2 * square.sqrt()).exp() - wave.exp() + 20.0 + E)
    }))
}

/// Hartmann-6 on six drawn columns of twenty; the others do nothing.
pub(crate) fn hartmann_of_twenty(seed: Seed) -> Result<Regret> {
    let mut columns: Vec<usize> = (0..20).collect();
    seed.stream(0).shuffle(&mut columns);
    Ok(Box::new(move |set| {
        let x = coordinates(set, 20)?;
        let active: Vec<f64> = columns[..6].iter().map(|at| x[*at]).collect();
        Ok(hartmann6(&active) - HARTMANN6_MINIMUM)
    }))
}

/// `Σ 1000^(i/19) (x_i − o_i)²` with the weights shuffled.
pub(crate) fn ellipsoid(seed: Seed) -> Result<Regret> {
    let mut stream = seed.stream(0);
    let optimum = uniform(&mut stream, 20, 0.0, 1.0);
    let mut weights: Vec<f64> = (0..20).map(|i| 1000_f64.powf(f64::from(i) / 19.0)).collect();
    stream.shuffle(&mut weights);
    Ok(Box::new(move |set| {
        let x = coordinates(set, 20)?;
        Ok(x.iter().zip(&optimum).zip(&weights).map(|((x, o), w)| w * (x - o) * (x - o)).sum())
    }))
}

/// The Levy function over [−10, 10] in every dimension, its minimum moved to a drawn point.
pub(crate) fn levy(dim: usize, seed: Seed) -> Result<Regret> {
    let optimum = uniform(&mut seed.stream(0), dim, 0.0, 1.0);
    Ok(Box::new(move |set| {
        let w: Vec<f64> =
            coordinates(set, dim)?.iter().zip(&optimum).map(|(x, o)| 1.0 + 5.0 * (x - o)).collect();
        let square = |x: f64| x * x;
        let first = square((PI * w[0]).sin());
        let middle: f64 =
            w[..dim - 1].iter().map(|w| square(w - 1.0) * (1.0 + 10.0 * square((PI * w + 1.0).sin()))).sum();
        let last = square(w[dim - 1] - 1.0) * (1.0 + square((2.0 * PI * w[dim - 1]).sin()));
        Ok(first + middle + last)
    }))
}

/// Rastrigin's function about a drawn optimum, five of its waves to a side.
pub(crate) fn rastrigin(dim: usize, seed: Seed) -> Result<Regret> {
    let optimum = uniform(&mut seed.stream(0), dim, 0.0, 1.0);
    Ok(Box::new(move |set| {
        let wave = |(x, o): (&f64, &f64)| {
            let z = 5.0 * (x - o);
            z * z + 10.0 - 10.0 * (2.0 * PI * z).cos()
        };
        Ok(coordinates(set, dim)?.iter().zip(&optimum).map(wave).sum())
    }))
}

/// Four parameters in units that have nothing in common.
const UNITS: [(f64, f64); 4] = [(0.0, 1e-3), (-500.0, 500.0), (0.0, 1.0), (10.0, 1e6)];

pub(crate) fn rosenbrock_units() -> Vec<Parameter> {
    let parameter =
        |(i, (low, high)): (usize, &(f64, f64))| Parameter::new(format!("x{i}"), Domain::float(*low, *high));
    UNITS.iter().enumerate().map(parameter).collect()
}

/// Rosenbrock's valley through a drawn point: values over six orders of magnitude.
pub(crate) fn rosenbrock(seed: Seed) -> Result<Regret> {
    let optimum = uniform(&mut seed.stream(0), 4, 0.0, 1.0);
    Ok(Box::new(move |set| {
        let x = coordinates(set, 4)?;
        let unit = x.iter().zip(UNITS).map(|(x, (low, high))| (x - low) / (high - low));
        let y: Vec<f64> = unit.zip(&optimum).map(|(u, o)| 1.0 + 4.0 * (u - o)).collect();
        let step = |w: &[f64]| 100.0 * (w[1] - w[0] * w[0]).powi(2) + (1.0 - w[0]).powi(2);
        Ok(y.windows(2).map(step).sum())
    }))
}

pub(crate) fn six_counts() -> Vec<Parameter> {
    (0..6).map(|i| Parameter::new(format!("x{i}"), Domain::int(0, 30))).collect()
}

/// Six whole numbers in a bowl that is turned: `√(zᵀ A z)`, so that steps count near the bottom too.
pub(crate) fn counts(seed: Seed) -> Result<Regret> {
    let mut stream = seed.stream(0);
    let optimum: Vec<f64> = (0..6).map(|_| stream.index(31) as f64).collect();
    let mixing: Vec<f64> = (0..36).map(|_| stream.normal()).collect();
    Ok(Box::new(move |set| {
        let x: Vec<i64> = (0..6).map(|i| set.int(&format!("x{i}"))).collect::<Result<_>>()?;
        let z: Vec<f64> = x.iter().zip(&optimum).map(|(x, o)| (*x as f64 - o) / 30.0).collect();
        let row = |i: usize| z[i] + 0.4 * (0..6).map(|j| mixing[6 * i + j] * z[j]).sum::<f64>();
        Ok((0..6).map(|i| row(i) * row(i)).sum::<f64>().sqrt())
    }))
}

const METALS: usize = 12;
const SUPPORTS: usize = 8;

pub(crate) fn recipe() -> Vec<Parameter> {
    let named = |what: &str, n: usize| Domain::choice((0..n).map(|i| format!("{what}{i}")));
    vec![
        Parameter::new("metal", named("m", METALS)),
        Parameter::new("support", named("s", SUPPORTS)),
        Parameter::new("temperature", Domain::float(300.0, 900.0)),
        Parameter::new("pressure", Domain::Float { low: 0.1, high: 100.0, log: true }),
        Parameter::new("ratio", Domain::float(0.0, 1.0)),
    ]
}

/// Two categories of many levels, each metal with conditions of its own: metals and supports have a price,
/// metals come in four families that like the same conditions.
pub(crate) fn catalyst(seed: Seed) -> Result<Regret> {
    let mut stream = seed.stream(0);
    let mut prices = |n: usize| {
        let mut prices: Vec<f64> = (0..n).map(|i| i as f64 / (n - 1) as f64).collect();
        stream.shuffle(&mut prices);
        prices
    };
    let (metals, supports) = (prices(METALS), prices(SUPPORTS));
    let conditions: Vec<Vec<f64>> = (0..4).map(|_| uniform(&mut stream, 3, 0.1, 0.9)).collect();
    Ok(Box::new(move |set| {
        let (metal, support) = (level(set, "metal")?, level(set, "support")?);
        let here = [
            (set.float("temperature")? - 300.0) / 600.0,
            (set.float("pressure")? / 0.1).log10() / 3.0,
            set.float("ratio")?,
        ];
        let best = &conditions[metal % 4];
        let miss: f64 = here.iter().zip(best).map(|(x, o)| (x - o) * (x - o)).sum();
        Ok(metals[metal] + 0.5 * supports[support] + 3.0 * (1.0 + metals[metal]) * miss)
    }))
}

/// The number at the end of a level's name.
fn level(set: &ParameterSet, name: &str) -> Result<usize> {
    let value = set.choice(name)?;
    value[1..].parse().map_err(|_error| synth_core::Error::invalid(name, "a level of the space", value))
}

const METHODS: [&str; 3] = ["sgd", "adam", "rmsprop"];

pub(crate) fn network() -> Vec<Parameter> {
    vec![
        Parameter::new("method", Domain::choice(METHODS)),
        Parameter::new("learning_rate", Domain::Float { low: 1e-5, high: 1.0, log: true }),
        Parameter::new("weight_decay", Domain::Float { low: 1e-7, high: 1e-1, log: true }),
        Parameter::new("width", Domain::Int { low: 16, high: 1024, log: true }),
        Parameter::new("layers", Domain::int(1, 8)),
        Parameter::new("dropout", Domain::float(0.0, 0.7)),
    ]
}

/// A stand-in for training a network: each method has a best learning rate, which falls with the width;
/// well above it training diverges and values grow by orders of magnitude; dropout and decay stand in for
/// each other.
pub(crate) fn training(seed: Seed) -> Result<Regret> {
    let mut stream = seed.stream(0);
    let rates: Vec<f64> = uniform(&mut stream, 3, -4.5, -0.5);
    let mut offsets = [0.0, 0.05, 0.15];
    stream.shuffle(&mut offsets);
    let width = stream.uniform(16_f64.ln(), 1024_f64.ln()).exp().round().log2();
    let layers = 1.0 + stream.index(8) as f64;
    let (decay, dropout) = (stream.uniform(-7.0, -1.0), stream.uniform(0.0, 0.7));
    Ok(Box::new(move |set| {
        let method = set.choice("method")?;
        let method = METHODS.iter().position(|known| *known == method).unwrap_or(0);
        let wider = (set.int("width")? as f64).log2() - width;
        let deeper = set.int("layers")? as f64 - layers;
        let faster = set.float("learning_rate")?.log10() - rates[method] + 0.15 * wider;
        let looser = set.float("dropout")? - dropout;
        let regular = (set.float("weight_decay")?.log10() - decay) / 3.0 + 2.0 * looser;
        let diverged = (4.0 * (faster - 1.0)).clamp(0.0, 14.0).exp_m1();
        let size = 0.02 * wider * wider + 0.015 * deeper * deeper;
        let rate = 0.15 * faster * faster;
        Ok(offsets[method] + rate + diverged + size + 0.2 * regular * regular + 0.3 * looser * looser)
    }))
}
