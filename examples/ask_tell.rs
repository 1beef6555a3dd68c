//! Ask and tell: the Gaussian-process optimiser around a simulator of one's own.
//!
//! The simulator is a made-up reflow oven: four settings, and an answer with noise, the share of
//! solder that is void. All that the optimiser knows are the trials: a killed program that kept them
//! goes on where it was, and the same loop works around a program in another language
//! (`synth ask SPACE.yaml TRIALS.jsonl`).
//!
//! Look at how few runs of the oven it takes, how it settles on an alloy, and how the last column,
//! what the model expected, comes to agree with what was measured.
#![expect(clippy::print_stdout, reason = "an example is there to be read")]

use synth_core::{Domain, Optimizer, Parameter, ParameterSet, ParameterSpace, Result, Seed, Trial};
use synth_optimize::{GpParams, Noise};

const NOISE: f64 = 0.2;

/// Percentage of voids: least for SAC305 soaked for about 85 s at a peak of 247 °C.
fn oven(params: &ParameterSet, seed: Seed, run: u64) -> Result<f64> {
    let peak = (params.float("peak_celsius")? - 247.0) / 10.0;
    let soak = (params.int("soak_seconds")? as f64 - 85.0) / 30.0;
    let alloy = match params.choice("alloy")? {
        "sac305" => 0.0,
        "sn63pb37" => 1.5,
        _ => 2.5,
    };
    // A vacuum helps, and only the vacuum programme has a pressure.
    let vacuum = params.float("vacuum_mbar").map_or(2.0, |mbar| (mbar / 60.0 - 0.3).powi(2));
    let noise = NOISE * seed.derive("oven").stream(run).normal();
    Ok(3.0 + peak * peak + soak * soak + 0.5 * peak * soak + alloy + vacuum + noise)
}

fn space() -> Result<ParameterSpace> {
    ParameterSpace::new(vec![
        Parameter::new("peak_celsius", Domain::float(225.0, 265.0)),
        Parameter::new("soak_seconds", Domain::int(30, 150)),
        Parameter::new("alloy", Domain::choice(["sac305", "sn63pb37", "bi58sn42"])),
        Parameter::new("programme", Domain::choice(["air", "vacuum"])),
        Parameter::new("vacuum_mbar", Domain::float(5.0, 200.0)).when("programme", ["vacuum"]),
    ])
}

fn main() -> Result<()> {
    let seed = Seed::from_u64(7);
    let noise = Noise::Unknown; // it is learned from the trials; their standard error is not told
    let optimizer = GpParams::default().with_noise(noise).build(space()?)?;
    let mut trials: Vec<Trial> = Vec::new();
    println!("run      peak   soak     alloy  mbar     voids   expected");
    for batch in 0..10 {
        // Ask: four settings at once, for four ovens.
        let suggestion = optimizer.suggest(&trials, 4, seed.derive(&format!("batch {batch}")))?;
        for proposal in suggestion.proposals {
            let params = proposal.params;
            let voids = oven(&params, seed, trials.len() as u64)?;
            let expected = match (proposal.mean, proposal.std) {
                (Some(mean), Some(std)) => format!("{mean:.2} ± {std:.2}"),
                _ => "a first look".to_owned(),
            };
            print_run(trials.len(), &params, voids, &expected)?;
            // Tell: the trial is the whole memory. A failed run would be `Trial::failed(params)`.
            trials.push(Trial::ok(params, voids));
        }
    }
    let value = |trial: &&Trial| trial.finite_value().unwrap_or(f64::INFINITY);
    let best = trials.iter().min_by(|a, b| value(a).total_cmp(&value(b)));
    let Some(best) = best else { return Ok(()) };
    println!("\nbest of {} runs: {:.2} % voids at", trials.len(), value(&best));
    for (name, value) in best.params.iter() {
        println!("  {name} = {value}");
    }
    println!(
        "the least possible is 3.00 % (sac305, 247 °C, 85 s, vacuum of 18 mbar), measured within ± {NOISE}"
    );
    Ok(())
}

fn print_run(run: usize, params: &ParameterSet, voids: f64, expected: &str) -> Result<()> {
    let (peak, soak) = (params.float("peak_celsius")?, params.int("soak_seconds")?);
    let mbar = params.float("vacuum_mbar").map_or("–".to_owned(), |mbar| format!("{mbar:.0}"));
    let alloy = params.choice("alloy")?;
    println!("{run:>3} {peak:>6.1} °C {soak:>4} s {alloy:>9} {mbar:>5} {voids:>7.2} %   {expected}");
    Ok(())
}
