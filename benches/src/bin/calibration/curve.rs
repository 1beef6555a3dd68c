//! The curve: how near the distribution is that stands after each iteration, by policy.

use std::collections::BTreeMap;

use synth_core::{ParameterDistribution, Result, Seed};

use crate::options::{Options, Plan};
use crate::table::{Outcome, median};
use crate::{Bench, Run, Truth};

/// What chance leaves of a ratio between equal distributions, which may come out below zero.
const LEAST: f64 = 0.01;

/// Prints the curves for `n` real images.
pub(crate) fn print(bench: &Bench, options: &Options, n: usize) -> Outcome<()> {
    let mut ratios: BTreeMap<(Plan, usize), Vec<f64>> = BTreeMap::new();
    for seed in options.first_seed..options.first_seed + options.seeds {
        let reference = Reference::of(bench, options, seed)?;
        for &plan in &options.plans {
            let run = Run { n, seed, plan, params: &options.params, seed_sets: !options.truths };
            let curve = reference.curve(bench, options, &run)?;
            let shown: Vec<String> = curve.iter().map(|(at, ratio)| format!("{at}: {ratio:.3}")).collect();
            println!("seed {seed} {plan:?}: {}", shown.join(", "));
            curve.into_iter().for_each(|(at, ratio)| ratios.entry((plan, at)).or_default().push(ratio));
        }
    }
    for ((plan, at), ratios) in &ratios {
        let mean = ratios.iter().sum::<f64>() / ratios.len() as f64;
        let geometric = ratios.iter().map(|r| r.max(LEAST).ln()).sum::<f64>() / ratios.len() as f64;
        println!(
            "n = {n} {plan:?} after {at}: ratio median {:.3}, mean {mean:.3}, geometric {:.3} of {}",
            median(ratios),
            geometric.exp(),
            ratios.len()
        );
    }
    Ok(())
}

/// A truth, and the divergence of the uniform prior from it.
struct Reference {
    truth: Truth,
    prior: f64,
    draws: Seed,
}

impl Reference {
    fn of(bench: &Bench, options: &Options, seed: u64) -> Result<Self> {
        let truth = bench.truth(options.truths.then_some(seed), options.eval)?;
        let draws = Seed::from_u64(seed).derive("bench/eval");
        let prior = bench.divergence(&truth, &ParameterDistribution::uniform(), options.eval, draws)?.0;
        Ok(Self { truth, prior, draws })
    }

    /// Iteration and ratio to the uniform prior, measured on the same draws for every policy.
    fn curve(&self, bench: &Bench, options: &Options, run: &Run<'_>) -> Result<Vec<(usize, f64)>> {
        let mut curve = Vec::new();
        bench.calibrate(&self.truth, run, |record| {
            if options.curve.contains(&record.iteration) {
                let (value, _) =
                    bench.divergence(&self.truth, &record.distribution, options.eval, self.draws)?;
                curve.push((record.iteration, value / self.prior));
            }
            Ok(())
        })?;
        Ok(curve)
    }
}
