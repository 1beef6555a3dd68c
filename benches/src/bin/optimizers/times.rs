//! The CPU time of a batch.

use std::error::Error;
use std::time::Instant;

use synth_core::{Optimizer, ParameterSet, Result, Seed, Trial};
use synth_optimize::problems::{VoidSurrogate, void_space};
use synth_optimize::{Noise, OptimizerOptions, SobolParams, optimizer_by_name};

use crate::BATCH;
use crate::regret::quantile;

/// CPU seconds of this thread so far; the optimisers use no other.
fn cpu_seconds(origin: Instant) -> f64 {
    let on_cpu = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = on_cpu.and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(|| origin.elapsed().as_secs_f64(), |ns| ns * 1e-9)
}

/// Median seconds of a batch on the void surrogate, with or without noise, over histories of several lengths.
pub(crate) fn print(words: &[&str]) -> std::result::Result<(), Box<dyn Error>> {
    let (mut by, mut lengths, mut noise) = ("gp", vec![16, 56, 96, 300, 1000], 0.0);
    for pair in words.chunks(2) {
        match pair {
            ["--by", name] => by = name,
            ["--trials", list] => {
                lengths = list.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?;
            }
            ["--noise", sd] => noise = sd.parse::<f64>()?,
            other => return Err(format!("--by NAME, --trials a,b or --noise SD, not {other:?}").into()),
        }
    }
    if !(noise.is_finite() && noise >= 0.0) {
        return Err(format!("--noise is a standard deviation, not {noise}").into());
    }
    let known = if noise > 0.0 { Noise::Present } else { Noise::None };
    let options = OptimizerOptions { noise: known, ..OptimizerOptions::default() };
    let optimizer = optimizer_by_name(by, void_space()?, options)?;
    let surrogate = VoidSurrogate::of_seed(0)?;
    let origin = Instant::now();
    let sobol = SobolParams::default().build(void_space()?)?;
    println!("trials  CPU ms for a batch of {BATCH}, six mixed parameters (median of 20; of 3 from 300 on)");
    for n in lengths {
        let repeats = if n < 300 { 20 } else { 3 };
        let mut seconds = Vec::new();
        for repeat in 0..repeats {
            let seed = Seed::from_u64(repeat);
            let proposals = sobol.suggest(&[], n, seed)?.proposals;
            let mut noises = seed.derive("noise").stream(0);
            let mut value = |params: &ParameterSet| {
                surrogate.evaluate(params).map(|value| value + noise * noises.normal())
            };
            let trials: Vec<Trial> = proposals
                .into_iter()
                .map(|p| Ok(Trial::ok(p.params.clone(), value(&p.params)?)))
                .collect::<Result<_>>()?;
            let start = cpu_seconds(origin);
            optimizer.suggest(&trials, BATCH, seed)?;
            seconds.push(cpu_seconds(origin) - start);
        }
        println!("{n:<6}  {:.1}", 1e3 * quantile(&mut seconds, 0.5));
    }
    Ok(())
}
