//! Simple regret of this workspace's optimisers.

use std::error::Error;

use rayon::prelude::*;
use synth_core::{Optimizer, ParameterSet, Result, Seed, Trial};
use synth_optimize::{Noise, OptimizerOptions, optimizer_by_name};

use crate::problems::{Answer, BlackBox, Problem, find, problems};
use crate::{BATCH, start};

const BATCHES: usize = 10;

struct Options {
    seeds: std::ops::Range<u64>,
    problems: Vec<Problem>,
    by: Vec<String>,
}

impl Options {
    fn read(words: &[&str]) -> std::result::Result<Self, Box<dyn Error>> {
        let (mut first, mut count) = (0, 20);
        let quick = problems()?.into_iter().filter(|p| !p.is_slow()).collect();
        let mut options = Self { seeds: 0..0, problems: quick, by: vec!["gp".into(), "random".into()] };
        for pair in words.chunks(2) {
            match pair {
                ["--seeds", value] => count = value.parse()?,
                ["--first-seed", value] => first = value.parse()?,
                ["--problems", names] => {
                    options.problems = names.split(',').map(find).collect::<Result<_>>()?;
                }
                ["--by", names] => options.by = names.split(',').map(String::from).collect(),
                other => {
                    let known = "--seeds, --first-seed, --problems or --by";
                    return Err(format!("{known} with a value, not {other:?}").into());
                }
            }
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

/// The regret of the set that looked best after each batch.
fn curve(optimizer: &dyn Optimizer, problem: &Problem, seed: u64) -> Result<Vec<f64>> {
    let black_box = problem.black_box(seed)?;
    let (mut trials, mut tried, mut curve) = (Vec::new(), Vec::new(), Vec::new());
    let mut proposals = start(problem, seed)?;
    for _ in 0..=BATCHES {
        for proposal in proposals {
            evaluate(&black_box, proposal.params, &mut trials, &mut tried)?;
        }
        curve.push(tried.iter().min_by(|a, b| a.mean.total_cmp(&b.mean)).map_or(f64::INFINITY, |t| t.regret));
        proposals = optimizer.suggest(&trials, BATCH, Seed::from_u64(seed))?.proposals;
    }
    Ok(curve)
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

pub(crate) fn quantile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let at = share * (values.len() - 1) as f64;
    let (low, high) = (values[at.floor() as usize], values[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

pub(crate) fn print(words: &[&str]) -> std::result::Result<(), Box<dyn Error>> {
    let options = Options::read(words)?;
    println!("{:<18}{:<8}{:>6}  median   (quartiles)", "problem", "by", "batch");
    for problem in &options.problems {
        for by in &options.by {
            let noise = if problem.is_noisy() { Noise::Present } else { Noise::None };
            let given = OptimizerOptions { noise, ..OptimizerOptions::default() };
            let one =
                |seed: u64| curve(&*optimizer_by_name(by, problem.space.clone(), given)?, problem, seed);
            let curves: Vec<Vec<f64>> =
                options.seeds.clone().into_par_iter().map(one).collect::<Result<_>>()?;
            for batch in [1, 2, 5, 10] {
                let mut values: Vec<f64> = curves.iter().map(|curve| curve[batch]).collect();
                let [low, median, high] = [0.25, 0.5, 0.75].map(|share| quantile(&mut values, share));
                println!("{:<18}{by:<8}{batch:>6}  {median:.1e}  ({low:.1e} … {high:.1e})", problem.name);
            }
        }
    }
    Ok(())
}
