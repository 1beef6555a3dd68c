//! Does a calibration find the truth? Prints the table of unbiased MMD² to a hidden truth.
//!
//! ```text
//! calibration [--seeds N] [--n-real 16,48] [--embedder features|hist-hog] [--truths N]
//!             [--policy active,sobol,single] [--curve 1,2,4] [--batch N] [--replications N] [--eval N]
//!             [--patience N] [--iterations N] [--replicates N] [--first-seed N] [--size-runs N]
//! ```
//!
//! Each row is one calibration of the built-in void simulator to `n` independent real images (one per
//! parameter set). Figures are unbiased MMD² between `--eval` fresh images of the distribution named and
//! as many of the truth, at σ = the median distance of 1,000 truth images; ratios are to the uniform prior.
//! *oracle* is the same family fitted to the real images' own parameters. `--truths` replaces the one
//! truth by random ones: means uniform in the middle 80 % of each range, shapes Dirichlet(1).
//! `--curve` measures the distribution that stands after each of those iterations, for each policy.
//! `--size-runs` counts how often the verdict rejects a truth that lies in the family.
#![expect(clippy::print_stdout, reason = "stdout is this program's result")]

mod curve;
mod hist_hog;
mod options;
mod table;
mod truths;

use std::error::Error;

use hist_hog::HistHog;
use image::DynamicImage;
use ndarray::{Array2, ArrayView2, s};
use options::{Options, Plan};
use synth_benches::VoidImages;
use synth_core::{Embedder, Embeddings, ParameterDistribution, ParameterSet, ParameterValue, Result, Seed};
use synth_embed::FeaturesParams;
use synth_optimize::calibrate::{
    Action, Calibration, CalibrationInput, CalibrationParams, CalibrationResult, InitialSet, IterationRecord,
    Outcome, TrialOrigin,
};
use synth_optimize::{Noise, OptimizerOptions, optimizer_by_name};
use synth_validate::fidelity::{MmdParams, median_bandwidth, mmd2};
use truths::{NUMBERS, SHAPES, experiment, independent, number, random_truth};

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let options = Options::read()?;
    let bench = Bench::new(&options)?;
    if options.size_runs > 0 {
        return Ok(bench.size(&options)?);
    }
    for &n in &options.n_real {
        if options.curve.is_empty() {
            table::print(&bench, &options, n)?;
        } else {
            curve::print(&bench, &options, n)?;
        }
    }
    Ok(())
}

struct Bench {
    voids: VoidImages,
}

/// A truth with what is measured once for it.
struct Truth {
    distribution: ParameterDistribution,
    close: ParameterDistribution,
    far: ParameterDistribution,
    images: Array2<f32>,
    sigma: f64,
}

/// One calibration.
struct Run<'a> {
    /// Real images.
    n: usize,
    seed: u64,
    plan: Plan,
    params: &'a CalibrationParams,
    /// Whether it starts from the close and far sets, not from a Sobol design.
    seed_sets: bool,
}

impl Bench {
    fn new(options: &Options) -> std::result::Result<Self, Box<dyn Error>> {
        let embedder: Box<dyn Embedder<DynamicImage>> = match options.embedder.as_str() {
            "features" => Box::new(FeaturesParams::default().build()?),
            "hist-hog" => Box::new(HistHog::new()),
            other => return Err(format!("unknown embedder {other}").into()),
        };
        Ok(Self { voids: VoidImages::new(embedder)? })
    }

    /// Independent images of a distribution, one per parameter set.
    fn images(&self, distribution: &ParameterDistribution, count: usize, seed: Seed) -> Result<Array2<f32>> {
        let sets = self.sets(distribution, count, seed.derive("sets"))?;
        self.voids.embed(&sets, seed.derive("images"))
    }

    fn sets(
        &self,
        distribution: &ParameterDistribution,
        count: usize,
        seed: Seed,
    ) -> Result<Vec<ParameterSet>> {
        (0..count as u64).map(|i| distribution.draw(self.voids.space(), &mut seed.stream(i))).collect()
    }

    fn truth(&self, number: Option<u64>, eval: usize) -> Result<Truth> {
        let distribution = number.map_or_else(|| experiment("real"), random_truth);
        let seed = Seed::from_u64(number.unwrap_or(0)).derive("bench/truth");
        let images = self.images(&distribution, eval, seed.derive("target"))?;
        let sigma =
            median_bandwidth(images.slice(s![..1000.min(eval), ..]), None, seed.derive("sigma"))?.sigma;
        Ok(Truth { distribution, close: experiment("close"), far: experiment("far"), images, sigma })
    }

    /// MMD² and standard error of fresh images of a distribution to the truth's.
    fn divergence(
        &self,
        truth: &Truth,
        distribution: &ParameterDistribution,
        eval: usize,
        seed: Seed,
    ) -> Result<(f64, f64)> {
        let images = self.images(distribution, eval, seed)?;
        with_error(images.view(), truth.images.view(), truth.sigma)
    }

    /// The family fitted to the real images' own parameters, which a calibration never sees: what is
    /// left is the chance of `n` draws.
    fn oracle(&self, truth: &Truth, n: usize, seed: u64) -> Result<ParameterDistribution> {
        let seed = Seed::from_u64(seed).derive("bench/run").derive("real").derive("sets");
        let sets = self.sets(&truth.distribution, n, seed)?;
        let moments = |name: &str| {
            let values: Vec<f64> = sets.iter().filter_map(|set| number(set.get(name)?)).collect();
            let mean = values.iter().sum::<f64>() / n as f64;
            let square: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
            (mean, (square / (n - 1) as f64).sqrt())
        };
        let share = |shape: &str| {
            let shape = ParameterValue::Choice(shape.to_owned());
            sets.iter().filter(|set| set.get("void_shape") == Some(&shape)).count() as f64 / n as f64
        };
        Ok(independent(SHAPES.map(share), NUMBERS.map(moments)))
    }

    fn calibrate(
        &self,
        truth: &Truth,
        run: &Run<'_>,
        mut saved: impl FnMut(&IterationRecord) -> Result<()>,
    ) -> Result<CalibrationResult> {
        let root = Seed::from_u64(run.seed).derive("bench/run");
        let real = self.images(&truth.distribution, run.n, root.derive("real"))?;
        let real = Embeddings::ungrouped(real, self.voids.embedder().identity().clone())?;
        let mut input = CalibrationInput::new(self.voids.space().clone(), real, root.derive("calibration"));
        if run.plan == Plan::Single {
            let options = OptimizerOptions { noise: Noise::Present, ..OptimizerOptions::default() };
            let gp = optimizer_by_name("gp", self.voids.space().clone(), options)?;
            input.optimizer = Some(gp.into());
        }
        if run.seed_sets {
            for (name, origin, distribution) in
                [("close", TrialOrigin::Close, &truth.close), ("far", TrialOrigin::Far, &truth.far)]
            {
                for (at, params) in self.sets(distribution, 8, root.derive(name))?.into_iter().enumerate() {
                    let param_set_id = format!("{name}_{at:03}");
                    input.initial.push(InitialSet { param_set_id, params, replications: 3, origin });
                }
            }
        }
        let mut calibration = Calibration::new(
            run.plan.params(run.params),
            input,
            &MmdParams::default().with_permutations(0).build()?,
        )?;
        let (mut planned, mut made) = (Vec::new(), 0);
        loop {
            let outcome = match calibration.next() {
                Action::Generate { trials, .. } => {
                    planned = trials;
                    Outcome::Generated { failed: Vec::new() }
                }
                Action::Embed { .. } => {
                    let groups: Vec<String> = planned
                        .iter()
                        .flat_map(|t| std::iter::repeat_n(t.param_set_id.clone(), t.replications))
                        .collect();
                    let sets: Vec<ParameterSet> = planned
                        .iter()
                        .flat_map(|t| std::iter::repeat_n(t.params.clone(), t.replications))
                        .collect();
                    made += 1;
                    let matrix = self.voids.embed(&sets, root.derive(&format!("iteration {made}")))?;
                    let ids = (0..groups.len()).map(|i| format!("iter{made}_{i:03}")).collect();
                    let identity = self.voids.embedder().identity().clone();
                    Outcome::Embedded { embeddings: Some(Embeddings::new(ids, groups, matrix, identity)?) }
                }
                Action::Save { record } => {
                    saved(&record)?;
                    Outcome::Saved
                }
                Action::Done(result) => return Ok(*result),
            };
            calibration.apply(outcome)?;
        }
    }

    /// How often the verdict rejects a truth inside the family.
    fn size(&self, options: &Options) -> Result<()> {
        let truth = self.truth(None, 1000)?;
        for &n in &options.n_real {
            let (mut rejected, mut tested) = (0_u32, 0_u32);
            let mut p_values = Vec::new();
            for seed in options.first_seed..options.first_seed + options.size_runs {
                let plan = Plan::Active;
                let run = Run { n, seed: 10_000 + seed, plan, params: &options.params, seed_sets: true };
                let result = self.calibrate(&truth, &run, |_| Ok(()))?;
                if let Some(p) = result.verdict.p_value {
                    tested += 1;
                    rejected += u32::from(p <= 0.05);
                    p_values.push(p);
                }
                if tested.is_multiple_of(20) {
                    println!("n = {n}: {rejected} of {tested} rejected at 5 %");
                }
            }
            p_values.sort_by(f64::total_cmp);
            let deciles: Vec<String> =
                (1..10).map(|d| format!("{:.2}", p_values[(p_values.len() - 1) * d / 10])).collect();
            println!("n = {n}: {rejected} of {tested} rejected; p-value deciles {}", deciles.join(" "));
        }
        Ok(())
    }
}

/// Unbiased MMD² with its standard error from ten disjoint parts of the first set.
fn with_error(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, sigma: f64) -> Result<(f64, f64)> {
    let value = mmd2(x, y, sigma)?.unbiased;
    let part = x.nrows() / 10;
    let parts: Vec<f64> = (0..10)
        .map(|i| {
            let rows = s![i * part..(i + 1) * part, ..];
            Ok(mmd2(x.slice(rows), y.slice(rows), sigma)?.unbiased)
        })
        .collect::<Result<_>>()?;
    let mean = parts.iter().sum::<f64>() / 10.0;
    let variance = parts.iter().map(|p| (p - mean).powi(2)).sum::<f64>() / 9.0;
    Ok((value, (variance / 10.0).sqrt()))
}
