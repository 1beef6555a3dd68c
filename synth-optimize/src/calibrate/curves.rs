//! Bands: how far the calibrated distribution is known.

use nalgebra::{DMatrix, DVector, SymmetricEigen};
use synth_core::{Domain, Marginal, ParameterDistribution, ParameterSpace, ParameterValue, Seed};

use super::axes::Axes;
use super::family::{Hyperprior, Member};
use super::fit::{Fit, Frame};
use super::record::MarginalCurve;

/// Quantiles from which mean and standard deviation are taken.
const QUANTILES: usize = 1000;
const GRID: usize = 101;
/// Whole-number domains up to this many values are shown value by value.
const MOST_BARS: i64 = 200;

/// One curve per parameter with bands. The fit is taken to be wrong by as much, and in the same
/// direction, as it was wrong on pseudo-real sets of known truth: the band holds what remains of the
/// calibrated member after each of those `errors` is taken away (the basic bootstrap; Davison & Hinkley
/// 1997, "Bootstrap methods and their application", §5.2.1). So it holds the pull of the hyperprior and
/// the chance of the generated samples besides that of the real ones, but no bias of the surrogate.
pub(crate) fn curves(frame: &Frame<'_>, fit: &Fit, errors: &[Vec<f64>]) -> Vec<MarginalCurve> {
    let (low, high) = Member::bounds(frame.axes);
    let centre = fit.chosen.member.to_vector(frame.axes);
    let corrected = |error: &Vec<f64>| {
        let x: Vec<f64> = (0..centre.len()).map(|i| (centre[i] - error[i]).clamp(low[i], high[i])).collect();
        Member::from_vector(&x, frame.axes, &frame.hyper)
    };
    let draws: Vec<Member> = errors.iter().map(corrected).collect();
    let at_mode = fit.chosen.member.distribution(frame.axes, frame.space);
    let distributions: Vec<ParameterDistribution> =
        draws.iter().map(|member| member.distribution(frame.axes, frame.space)).collect();
    frame
        .space
        .parameters()
        .iter()
        .filter_map(|parameter| {
            let mode = marginal(&at_mode, &parameter.name, &parameter.domain)?;
            let others: Vec<Marginal> = distributions
                .iter()
                .filter_map(|d| marginal(d, &parameter.name, &parameter.domain))
                .collect();
            curve(&parameter.name, &parameter.domain, &mode, &others)
        })
        .collect()
}

/// Members that the real samples leave possible: draws from a normal approximation to the posterior.
pub(crate) fn posterior(frame: &Frame<'_>, fit: &Fit, draws: u64, seed: Seed) -> Vec<Member> {
    let samples = fit.weights.iter().copied().enumerate().collect();
    let curvature =
        frame.population(&fit.likelihood, samples, fit.chosen.strength).curvature(&fit.chosen.member);
    posterior_draws(frame.axes, &frame.hyper, &fit.chosen.member, curvature, draws, seed)
}

fn marginal(distribution: &ParameterDistribution, name: &str, domain: &Domain) -> Option<Marginal> {
    match distribution {
        ParameterDistribution::Independent { marginals } => {
            marginals.get(name).cloned().or_else(|| Marginal::uniform_over(domain))
        }
        _ => None,
    }
}

/// Members drawn from the normal whose precision is the curvature at the mode.
fn posterior_draws(
    axes: &Axes,
    hyper: &Hyperprior,
    mode: &Member,
    curvature: DMatrix<f64>,
    draws: u64,
    seed: Seed,
) -> Vec<Member> {
    let (low, high) = Member::bounds(axes);
    let centre = mode.to_vector(axes);
    let n = centre.len();
    if n == 0 {
        return vec![mode.clone()];
    }
    let eigen = SymmetricEigen::new(curvature);
    let scale = DVector::from_iterator(n, eigen.eigenvalues.iter().map(|l| 1.0 / l.max(0.25).sqrt()));
    (0..draws)
        .map(|index| {
            let mut stream = seed.stream(index);
            let z = DVector::from_fn(n, |i, _| stream.normal() * scale[i]);
            let shift = &eigen.eigenvectors * z;
            let x: Vec<f64> = (0..n).map(|i| (centre[i] + shift[i]).clamp(low[i], high[i])).collect();
            Member::from_vector(&x, axes, hyper)
        })
        .collect()
}

fn curve(name: &str, domain: &Domain, mode: &Marginal, draws: &[Marginal]) -> Option<MarginalCurve> {
    if let (Domain::Choice { choices }, Marginal::Categorical(shares)) = (domain, mode) {
        let share = |shares: &std::collections::BTreeMap<String, f64>, c: &String| {
            shares.get(c).copied().unwrap_or(0.0)
        };
        let column = |choice: &String| -> Vec<f64> {
            let of = |m: &Marginal| if let Marginal::Categorical(s) = m { share(s, choice) } else { 0.0 };
            draws.iter().map(of).collect()
        };
        let (lower, upper) = choices.iter().map(|choice| band(column(choice))).unzip();
        return Some(MarginalCurve::Categorical {
            parameter: name.to_owned(),
            choices: choices.clone(),
            probability: choices.iter().map(|choice| share(shares, choice)).collect(),
            lower,
            upper,
        });
    }
    let values = grid_values(domain)?;
    let densities = |m: &Marginal| -> Vec<f64> { values.iter().map(|v| m.density_at(domain, v)).collect() };
    let drawn: Vec<Vec<f64>> = draws.iter().map(densities).collect();
    let column = |at: usize| drawn.iter().map(|d| d[at]).collect::<Vec<f64>>();
    let (lower, upper) = (0..values.len()).map(|at| band(column(at))).unzip();
    let number = |value: &ParameterValue| match value {
        ParameterValue::Int(n) => *n as f64,
        ParameterValue::Float(x) => *x,
        _ => f64::NAN,
    };
    let quantiles = (0..QUANTILES).map(|i| (i as f64 + 0.5) / QUANTILES as f64);
    let drawn: Vec<f64> = quantiles.map(|unit| number(&mode.value_at(domain, unit))).collect();
    let mean = drawn.iter().sum::<f64>() / QUANTILES as f64;
    let square: f64 = drawn.iter().map(|x| (x - mean).powi(2)).sum();
    Some(MarginalCurve::Numeric {
        parameter: name.to_owned(),
        mean,
        std: (square / QUANTILES as f64).sqrt(),
        grid: values.iter().map(number).collect(),
        density: densities(mode),
        lower,
        upper,
        uniform: densities(&Marginal::uniform_over(domain)?),
    })
}

fn grid_values(domain: &Domain) -> Option<Vec<ParameterValue>> {
    match domain {
        Domain::Int { low, high, .. } if high - low < MOST_BARS => {
            Some((*low..=*high).map(ParameterValue::Int).collect())
        }
        Domain::Int { .. } | Domain::Float { .. } => {
            (0..GRID).map(|i| domain.value_at(i as f64 / (GRID - 1) as f64)).collect()
        }
        _ => None,
    }
}

/// The 5 % and 95 % quantiles.
fn band(mut values: Vec<f64>) -> (f64, f64) {
    if values.is_empty() {
        return (0.0, 0.0);
    }
    values.sort_by(f64::total_cmp);
    let at = |level: f64| values[((values.len() - 1) as f64 * level).round() as usize];
    (at(0.05), at(0.95))
}

/// Parameters that stay uniform because the family has nothing for them.
pub(crate) fn left_uniform(space: &ParameterSpace) -> Vec<String> {
    let simplex = |domain: &Domain| matches!(domain, Domain::Simplex { .. });
    space.parameters().iter().filter(|p| simplex(&p.domain)).map(|p| p.name.clone()).collect()
}
