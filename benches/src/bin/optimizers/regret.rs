//! Simple regret of this workspace's optimisers.

use std::io::Write;

use rayon::prelude::*;
use synth_core::{Error, ParameterSet, Result, Seed, Trial};
use synth_optimize::{Noise, OptimizerOptions, optimizer_by_name};

use crate::problems::{Answer, BlackBox, Problem, find, problems};
use crate::{BATCH, BATCHES, START, start};

struct Options {
    seeds: std::ops::Range<u64>,
    /// Points asked for at once.
    batch: usize,
    /// Batches of [`BATCH`] after the start.
    batches: usize,
    problems: Vec<Problem>,
    by: Vec<String>,
    within: Option<f64>,
    records: Option<std::fs::File>,
}

impl Options {
    fn read(words: &[&str]) -> std::result::Result<Self, Box<dyn std::error::Error>> {
        let (mut first, mut count) = (0, 20);
        let quick = problems()?.into_iter().filter(|p| !p.extra).collect();
        let by = vec!["gp".into(), "random".into()];
        let mut options = Self {
            seeds: 0..0,
            batch: BATCH,
            batches: BATCHES,
            problems: quick,
            by,
            within: None,
            records: None,
        };
        for pair in words.chunks(2) {
            match pair {
                ["--seeds", value] => count = value.parse()?,
                ["--first-seed", value] => first = value.parse()?,
                ["--problems", names] => {
                    options.problems = names.split(',').map(find).collect::<Result<_>>()?;
                }
                ["--records", path] => options.records = Some(std::fs::File::create(path)?),
                ["--batch", count] => options.batch = count.parse::<std::num::NonZero<usize>>()?.get(),
                ["--batches", count] => options.batches = count.parse::<std::num::NonZero<usize>>()?.get(),
                ["--within", regret] => options.within = Some(regret.parse()?),
                ["--by", names] => options.by = names.split(',').map(String::from).collect(),
                other => {
                    let known =
                        "--seeds, --first-seed, --batch, --batches, --problems, --by, --within or --records";
                    return Err(format!("{known} with a value, not {other:?}").into());
                }
            }
        }
        let is_usual = (options.batch, options.batches) == (BATCH, BATCHES);
        if !is_usual && options.by.iter().any(|by| by == "run") {
            return Err(format!("--by run has {BATCHES} batches of {BATCH}: no --batch, no --batches").into());
        }
        options.seeds = first..first + count.max(1);
        Ok(options)
    }
}

/// What was tried: the set, the mean of the values seen there and their number, its regret.
struct Tried {
    params: ParameterSet,
    mean: f64,
    count: f64,
    regret: f64,
}

/// The regret of the set that looked best after the start and every [`BATCH`] further trials.
fn curve(by: &str, problem: &Problem, options: &Options, seed: u64) -> Result<Vec<f64>> {
    let black_box = problem.black_box(seed)?;
    let mut sets: Vec<ParameterSet> = start(problem, seed)?.into_iter().map(|p| p.params).collect();
    let mut next = proposer(by, problem, options.batch, &sets, seed)?;
    let (mut trials, mut tried, mut curve) = (Vec::new(), Vec::new(), Vec::new());
    let all = START + BATCH * options.batches;
    loop {
        for params in sets {
            evaluate(&black_box, params, &mut trials, &mut tried)?;
            if trials.len() >= START && (trials.len() - START).is_multiple_of(BATCH) {
                let best = tried.iter().min_by(|a, b| a.mean.total_cmp(&b.mean));
                curve.push(best.map_or(f64::INFINITY, |best| best.regret));
            }
        }
        sets = if trials.len() < all { next(&trials)? } else { vec![] };
        if sets.is_empty() {
            break;
        }
        sets.truncate(all - trials.len());
    }
    // A space may be exhausted before.
    curve.resize(1 + options.batches, curve.last().copied().unwrap_or(f64::INFINITY));
    Ok(curve)
}

/// Gives the next batch for all trials so far.
type Proposer = Box<dyn FnMut(&[Trial]) -> Result<Vec<ParameterSet>>>;

fn proposer(
    by: &str,
    problem: &Problem,
    batch: usize,
    start: &[ParameterSet],
    seed: u64,
) -> Result<Proposer> {
    if by == "run" {
        let mut run = problem.point_run(start, seed)?;
        return Ok(Box::new(move |trials| run.next(trials)));
    }
    let noise = if problem.is_noisy() { Noise::Present } else { Noise::None };
    let given = OptimizerOptions { noise, ..OptimizerOptions::default() };
    let optimizer = optimizer_by_name(by, problem.space.clone(), given)?;
    Ok(Box::new(move |trials| {
        let proposals = optimizer.suggest(trials, batch, Seed::from_u64(seed))?.proposals;
        Ok(proposals.into_iter().map(|p| p.params).collect())
    }))
}

fn evaluate(
    black_box: &BlackBox,
    params: ParameterSet,
    trials: &mut Vec<Trial>,
    tried: &mut Vec<Tried>,
) -> Result<()> {
    let Answer { value, regret } = black_box(&params, trials.len() as u64)?;
    trials.push(Trial::ok(params.clone(), value));
    if let Some(known) = tried.iter_mut().find(|known| known.params == params) {
        known.count += 1.0;
        known.mean += (value - known.mean) / known.count;
    } else {
        tried.push(Tried { params, mean: value, count: 1.0, regret });
    }
    Ok(())
}

/// Adds what `scripts/compare_optimizers.py table` reads.
fn record(file: &mut impl Write, problem: &str, by: &str, first: u64, curves: &[Vec<f64>]) -> Result<()> {
    for (seed, curve) in (first..).zip(curves) {
        let peer = format!("synth:{by}");
        let line = serde_json::json!({
            "problem": problem, "peer": peer, "seed": seed, "curve": curve, "repeated": 0, "failed": null
        });
        writeln!(file, "{line}").map_err(|error| Error::component("records", error))?;
    }
    Ok(())
}

/// Trials after which the regret is at most `regret`, counted in whole batches; infinite where it never is.
fn trials_to(curve: &[f64], regret: f64) -> f64 {
    let batch = curve.iter().position(|at| *at <= regret);
    batch.map_or(f64::INFINITY, |batch| (START + BATCH * batch) as f64)
}

pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = share * (values.len() - 1) as f64;
    let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
    // Two infinities have no difference.
    if low == high { low } else { low + (high - low) * at.fract() }
}

pub(crate) fn print(words: &[&str]) -> std::result::Result<(), Box<dyn std::error::Error>> {
    let mut options = Options::read(words)?;
    println!("{:<18}{:<8}{:>6}  median   (quartiles)", "problem", "by", "batch");
    for problem in &options.problems {
        for by in &options.by {
            let one = |seed: u64| curve(by, problem, &options, seed);
            let curves: Vec<Vec<f64>> =
                options.seeds.clone().into_par_iter().map(one).collect::<Result<_>>()?;
            if let Some(file) = &mut options.records {
                record(file, problem.name, by, options.seeds.start, &curves)?;
            }
            let shown = [1, 2, 5].into_iter().chain((10..options.batches).step_by(10));
            for batch in shown.filter(|batch| *batch < options.batches).chain([options.batches]) {
                let mut values: Vec<f64> = curves.iter().map(|curve| curve[batch]).collect();
                let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&mut values, share));
                println!("{:<18}{by:<8}{batch:>6}  {median:.1e}  ({low:.1e} … {high:.1e})", problem.name);
            }
            if let Some(regret) = options.within {
                let mut trials: Vec<f64> = curves.iter().map(|curve| trials_to(curve, regret)).collect();
                let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&mut trials, share));
                println!("{:<18}{by:<8}trials to {regret}: {median} ({low} … {high})", problem.name);
            }
        }
    }
    Ok(())
}
