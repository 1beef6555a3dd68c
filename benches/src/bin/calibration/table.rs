//! The table: one row per calibration, a summary per policy, the policies paired.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use synth_core::{ParameterDistribution, Seed};
use synth_optimize::calibrate::CalibrationResult;

use crate::options::{Options, Plan};
use crate::{Bench, Run, Truth};

pub(crate) type Outcome<T> = Result<T, Box<dyn Error>>;

/// What every calibration to one truth is measured beside.
struct Reference {
    truth: Truth,
    prior: f64,
    close: f64,
}

/// What was measured of one calibration, as MMD² to the truth.
struct Row {
    result: CalibrationResult,
    calibrated: (f64, f64),
    oracle: f64,
    single: f64,
    seconds: f64,
}

/// The calibrations under one policy.
#[derive(Default)]
struct Column {
    ratios: Vec<f64>,
    below_close: usize,
}

/// Prints the table for `n` real images.
pub(crate) fn print(bench: &Bench, options: &Options, n: usize) -> Outcome<()> {
    let mut columns: BTreeMap<String, Column> = BTreeMap::new();
    let mut shared = None;
    for seed in options.first_seed..options.first_seed + options.seeds {
        let own = if options.truths || shared.is_none() {
            Some(reference(bench, options, n, options.truths.then_some(seed))?)
        } else {
            None
        };
        let reference = match own {
            Some(own) => shared.insert(own),
            None => shared.as_mut().ok_or("no truth")?,
        };
        for &plan in &options.plans {
            let row = row(bench, options, reference, n, seed, plan)?;
            let ratio = row.calibrated.0 / reference.prior;
            let column = columns.entry(format!("{plan:?}")).or_default();
            column.ratios.push(ratio);
            column.below_close += usize::from(row.calibrated.0 < reference.close);
            println!("seed {seed} {plan:?}: {}", describe(&row, reference));
        }
    }
    for (policy, column) in &columns {
        println!("n = {n} {policy}: {}", summary(column));
    }
    if let (Some(active), Some(sobol)) = (columns.get("Active"), columns.get("Sobol")) {
        println!("n = {n}: {}", gain(&active.ratios, &sobol.ratios));
    }
    Ok(())
}

fn reference(bench: &Bench, options: &Options, n: usize, number: Option<u64>) -> Outcome<Reference> {
    let truth = bench.truth(number, options.eval)?;
    let measure = |name: &str, distribution: &ParameterDistribution| {
        bench.divergence(&truth, distribution, options.eval, Seed::from_u64(9).derive(name))
    };
    let prior = measure("prior", &ParameterDistribution::uniform())?;
    let close = measure("close", &truth.close)?;
    if number.is_none() {
        let (far, itself) = (measure("far", &truth.far)?, measure("truth", &truth.distribution)?);
        println!(
            "embedder {}, {n} real, sigma {:.4}: prior {}, close {}, far {}, truth against truth {}",
            bench.voids.embedder().identity(),
            truth.sigma,
            show(prior),
            show(close),
            show(far),
            show(itself)
        );
    }
    Ok(Reference { truth, prior: prior.0, close: close.0 })
}

fn row(
    bench: &Bench,
    options: &Options,
    reference: &Reference,
    n: usize,
    seed: u64,
    plan: Plan,
) -> Outcome<Row> {
    let truth = &reference.truth;
    let root = Seed::from_u64(seed).derive("bench/eval");
    let started = Instant::now();
    let run = Run { n, seed, plan, params: &options.params, seed_sets: !options.truths };
    let result = bench.calibrate(truth, &run, |_| Ok(()))?;
    let seconds = started.elapsed().as_secs_f64();
    let calibrated = bench.divergence(truth, &result.distribution, options.eval, root)?;
    let single = ParameterDistribution::point(result.best.first().ok_or("no best set")?.params.clone());
    let single = bench.divergence(truth, &single, options.eval, root.derive("single"))?.0;
    let oracle = bench.oracle(truth, n, seed)?;
    let oracle = bench.divergence(truth, &oracle, options.eval, root.derive("oracle"))?.0;
    Ok(Row { result, calibrated, oracle, single, seconds })
}

fn describe(row: &Row, reference: &Reference) -> String {
    let (result, prior) = (&row.result, reference.prior);
    format!(
        "prior {prior:.4} calibrated {} ratio {:.3} oracle {:.3} best single {:.4} | estimated {:.4} \
         (uniform {:.4}), p {:.3}, shift {:?}, {} iterations ({:?}), {:.1} s",
        show(row.calibrated),
        row.calibrated.0 / prior,
        row.oracle / prior,
        row.single,
        result.calibrated.value,
        result.uniform.value,
        result.verdict.p_value.unwrap_or(f64::NAN),
        result.verdict.smallest_detectable_shift,
        result.iterations,
        result.stop,
        row.seconds
    )
}

fn summary(column: &Column) -> String {
    let mut sorted = column.ratios.clone();
    sorted.sort_by(f64::total_cmp);
    let q = |level: f64| sorted[((sorted.len() - 1) as f64 * level).round() as usize];
    format!(
        "ratio median {:.3}, quartiles {:.3} {:.3}, range {:.3} {:.3}, mean {:.3}; below close {} of {}",
        median(&column.ratios),
        q(0.25),
        q(0.75),
        q(0.0),
        q(1.0),
        sorted.iter().sum::<f64>() / sorted.len() as f64,
        column.below_close,
        sorted.len()
    )
}

pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0
}

fn gain(active: &[f64], sobol: &[f64]) -> String {
    let gains: Vec<f64> = sobol.iter().zip(active).map(|(s, a)| s - a).collect();
    let count = gains.len() as f64;
    let mean = gains.iter().sum::<f64>() / count;
    let square: f64 = gains.iter().map(|g| (g - mean).powi(2)).sum();
    let error = (square / (count - 1.0) / count).sqrt();
    let better = gains.iter().filter(|&&g| g > 0.0).count();
    format!("Sobol minus active, paired: {mean:.3} ± {error:.3}; active better in {better} of {count}")
}

fn show((value, error): (f64, f64)) -> String {
    format!("{value:.5}±{error:.5}")
}
