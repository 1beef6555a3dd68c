//! Black boxes with known minima, for measuring optimisers: this workspace's, and others through
//! `scripts/compare_optimizers.py`.
//!
//! | | |
//! |---|---|
//! | `optimizers problems` | the problems, as JSON lines |
//! | `optimizers start PROBLEM SEED` | its 16 starting points |
//! | `optimizers evaluate` | answers JSON lines `{"problem", "seed", "index", "params"}` with `{"value", "regret"}` |
//! | `optimizers regret [--seeds 20] [--first-seed 0] [--problems a,b] [--by gp,random]` | simple regret per batch |
//! | `optimizers regret --within 2 ..` | and the trials that it takes to come so near |
//! | `optimizers regret --records FILE ..` | and the runs, for `compare_optimizers.py table` |
//! | `optimizers regret --batch 1 ..` | with as many points asked for at once, of as many in all |
//! | `optimizers regret --batches 40 ..` | with more batches than ten |
//! | `optimizers times [--by gp] [--trials 16,96] [--noise 0.05]` | CPU time of a batch |

#![expect(clippy::print_stdout, reason = "answering is what it is for")]

mod hidden;
mod images;
mod problems;
mod regret;
mod times;

use std::error::Error;
use std::io::{BufRead, Write};

use serde::Deserialize;
use synth_core::{Optimizer, ParameterSet, Proposal, Result, Seed};
use synth_optimize::SobolParams;

use problems::{BlackBox, Problem, find, problems};

/// Points that every optimiser is given to start with.
const START: usize = 16;
/// Points asked for at once.
const BATCH: usize = 8;
/// Batches after the start.
const BATCHES: usize = 10;

/// One line of questions to `evaluate`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Question {
    problem: String,
    seed: u64,
    index: u64,
    params: ParameterSet,
}

/// A scrambled Sobol design, the same for all optimisers.
fn start(problem: &Problem, seed: u64) -> Result<Vec<Proposal>> {
    let sobol = SobolParams::default().build(problem.space.clone())?;
    Ok(sobol.suggest(&[], START, Seed::from_u64(seed).derive("start"))?.proposals)
}

fn list() -> Result<()> {
    for problem in problems()? {
        let space = serde_json::json!({ "parameters": problem.space.parameters() });
        let (name, noisy, extra) = (problem.name, problem.is_noisy(), problem.extra);
        println!(
            "{}",
            serde_json::json!({ "problem": name, "noisy": noisy, "extra": extra, "space": space })
        );
    }
    Ok(())
}

fn evaluate() -> std::result::Result<(), Box<dyn Error>> {
    let mut known: Option<(Problem, u64, BlackBox)> = None;
    for line in std::io::stdin().lock().lines() {
        let question: Question = serde_json::from_str(&line?)?;
        let seed = question.seed;
        let (problem, _, evaluate) =
            match known.take().filter(|(problem, of, _)| problem.name == question.problem && *of == seed) {
                Some(same) => known.insert(same),
                None => {
                    let problem = find(&question.problem)?;
                    let black_box = problem.black_box(seed)?;
                    known.insert((problem, seed, black_box))
                }
            };
        let answer = evaluate(&problem.space.resolve(&question.params)?, question.index)?;
        println!("{}", serde_json::json!({ "value": answer.value, "regret": answer.regret }));
        std::io::stdout().flush()?;
    }
    Ok(())
}

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["problems"] => list()?,
        ["start", problem, seed] => {
            for proposal in start(&find(problem)?, seed.parse()?)? {
                println!("{}", serde_json::json!({ "params": proposal.params }));
            }
        }
        ["evaluate"] => evaluate()?,
        ["regret", options @ ..] => regret::print(options)?,
        ["times", options @ ..] => times::print(options)?,
        _ => return Err("problems, start PROBLEM SEED, evaluate, regret or times?".into()),
    }
    Ok(())
}
