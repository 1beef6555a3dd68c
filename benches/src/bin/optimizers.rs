//! Simple regret of the optimisers on problems with known minima, and the time a batch takes.
//!
//! `cargo run --release -p synth-benches --bin optimizers [-- --seeds 20]`
//!
//! Per run: 16 scrambled Sobol points, then ten batches of 8. Printed are quartiles over seeds after
//! batches 1, 2, 5 and 10, and the CPU time of one batch (wall time where there is no Linux to ask).

#![expect(clippy::print_stdout, reason = "printing a table is what it is for")]

use std::time::Instant;

use synth_core::{Error, Optimizer, ParameterSet, ParameterSpace, Result, Seed, Trial};
use synth_optimize::problems::{
    BRANIN_MINIMUM, HARTMANN6_MINIMUM, VoidSurrogate, ackley, ackley_space, branin, branin_space, hartmann6,
    hartmann6_space, void_space,
};
use synth_optimize::{Noise, OptimizerOptions, SobolParams, optimizer_by_name};

const START: usize = 16;
const BATCHES: usize = 10;
const BATCH: usize = 8;

type Objective = Box<dyn Fn(&ParameterSet) -> Result<f64>>;

struct Problem {
    name: &'static str,
    space: ParameterSpace,
    /// The regret at a set, for a seed's instance of the problem.
    objective: Box<dyn Fn(usize) -> Result<Objective>>,
}

fn coordinates(set: &ParameterSet, dim: usize) -> Result<Vec<f64>> {
    (0..dim).map(|i| set.float(&format!("x{i}"))).collect()
}

fn problems() -> Result<Vec<Problem>> {
    let problem = |name, space, objective| Problem { name, space, objective };
    Ok(vec![
        problem(
            "branin2",
            branin_space()?,
            Box::new(|_| Ok(Box::new(|set| Ok(branin(set.float("x")?, set.float("y")?) - BRANIN_MINIMUM)))),
        ),
        problem(
            "void_surrogate",
            void_space()?,
            Box::new(|seed| {
                let surrogate = VoidSurrogate::of_seed(seed)?;
                Ok(Box::new(move |set| surrogate.evaluate(set)))
            }),
        ),
        problem(
            "ackley5",
            ackley_space()?,
            Box::new(|_| Ok(Box::new(|set| Ok(ackley(&coordinates(set, 5)?))))),
        ),
        problem(
            "hartmann6",
            hartmann6_space()?,
            Box::new(|_| Ok(Box::new(|set| Ok(hartmann6(&coordinates(set, 6)?) - HARTMANN6_MINIMUM)))),
        ),
    ])
}

/// The best regret after each batch.
fn run(optimizer: &dyn Optimizer, objective: &Objective, seed: Seed) -> Result<Vec<f64>> {
    let evaluate = |set: ParameterSet| objective(&set).map(|value| Trial::ok(set, value));
    let start = SobolParams::default().build(optimizer.space().clone())?.suggest(&[], START, seed)?;
    let mut trials: Vec<Trial> =
        start.proposals.into_iter().map(|p| evaluate(p.params)).collect::<Result<_>>()?;
    let mut curve = Vec::new();
    for _ in 0..BATCHES {
        for proposal in optimizer.suggest(&trials, BATCH, seed)?.proposals {
            trials.push(evaluate(proposal.params)?);
        }
        curve.push(trials.iter().filter_map(|t| t.value).fold(f64::INFINITY, f64::min));
    }
    Ok(curve)
}

fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = share * (values.len() - 1) as f64;
    let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

fn regrets(seeds: usize, options: OptimizerOptions) -> Result<()> {
    println!("{:<16}{:<8}{:>7}  median   (quartiles)", "problem", "by", "batch");
    for problem in problems()? {
        for name in ["gp", "sobol", "random"] {
            let optimizer = optimizer_by_name(name, problem.space.clone(), options)?;
            let curve = |seed: usize| {
                let objective = (problem.objective)(seed)?;
                run(&*optimizer, &objective, Seed::from_u64(seed as u64))
            };
            let curves: Vec<Vec<f64>> = (0..seeds).map(curve).collect::<Result<_>>()?;
            for batch in [1, 2, 5, 10] {
                let mut values: Vec<f64> = curves.iter().map(|curve| curve[batch - 1]).collect();
                let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&mut values, share));
                println!("{:<16}{name:<8}{batch:>7}  {median:.1e}  ({low:.1e} … {high:.1e})", problem.name);
            }
        }
    }
    Ok(())
}

/// CPU seconds of this thread so far; the optimiser uses no other.
fn cpu_seconds(origin: Instant) -> f64 {
    let on_cpu = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = on_cpu.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| origin.elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

/// Median seconds of a batch of 8 on the void surrogate, over histories of several lengths.
fn times(options: OptimizerOptions) -> Result<()> {
    let optimizer = optimizer_by_name("gp", void_space()?, options)?;
    let surrogate = VoidSurrogate::of_seed(0)?;
    let origin = Instant::now();
    let sobol = SobolParams::default().build(void_space()?)?;
    println!(
        "\n{:<8}  CPU ms for a batch of {BATCH}, six mixed parameters (median of 20; of 3 from 300 on)",
        "trials"
    );
    for n in [16, 56, 96, 300, 1000] {
        let repeats = if n < 300 { 20 } else { 3 };
        let mut seconds = Vec::new();
        for repeat in 0..repeats {
            let seed = Seed::from_u64(repeat);
            let proposals = sobol.suggest(&[], n, seed)?.proposals;
            let trials: Vec<Trial> = proposals
                .into_iter()
                .map(|p| surrogate.evaluate(&p.params).map(|value| Trial::ok(p.params, value)))
                .collect::<Result<_>>()?;
            let start = cpu_seconds(origin);
            optimizer.suggest(&trials, BATCH, seed)?;
            seconds.push(cpu_seconds(origin) - start);
        }
        println!("{n:<8}  {:.1}", 1e3 * quantile(&mut seconds, 0.5));
    }
    Ok(())
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let seeds = match arguments.as_slice() {
        [] => 20,
        [flag, count] if flag == "--seeds" => {
            count.parse().map_err(|_error| Error::invalid("--seeds", "a positive whole number", count))?
        }
        other => return Err(Error::invalid("arguments", "--seeds N or nothing", format!("{other:?}"))),
    };
    let options = OptimizerOptions { noise: Noise::None, ..OptimizerOptions::default() };
    regrets(seeds.max(1), options)?;
    times(options)
}
