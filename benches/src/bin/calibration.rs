//! Does a calibration find the truth? Prints the table of unbiased MMD² to a hidden truth.
//!
//! ```text
//! calibration [--seeds N] [--n-real 16,48] [--embedder features|hist-hog] [--truths N] [--policy active|sobol|both]
//!             [--eval N] [--patience N] [--iterations N] [--size-runs N] [--no-verdict]
//! ```
//!
//! Each row is one calibration of the built-in void simulator to `n` independent real images (one per
//! parameter set). Figures are unbiased MMD² between `--eval` fresh images of the distribution named and
//! as many of the truth, at σ = the median distance of 1,000 truth images. `--truths` replaces the one
//! truth by random ones: means uniform in the middle 80 % of each range, shapes Dirichlet(1).
//! `--size-runs` counts how often the verdict rejects a truth that lies in the family.
#![expect(clippy::print_stdout, reason = "stdout is this program's result")]

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Instant;

use image::{DynamicImage, GrayImage};
use ndarray::{Array2, ArrayView2, s};
use rayon::prelude::*;
use synth_core::{
    Embedder, EmbedderId, Embeddings, Generator, Marginal, ParameterDistribution, ParameterSet,
    ParameterValue, Request, Result, Seed,
};
use synth_embed::FeaturesParams;
use synth_gen::{Voids, VoidsParams, builtin_chips};
use synth_optimize::calibrate::{
    Action, BatchPolicy, Calibration, CalibrationInput, CalibrationParams, CalibrationResult, InitialSet,
    Outcome, TrialOrigin,
};
use synth_validate::fidelity::{MmdParams, median_bandwidth, mmd2};

const SIDE_PX: u32 = 224;
const CHUNK: usize = 16;
const SHAPES: [&str; 3] = ["circle", "ellipse", "irregular"];
const NUMBERS: [&str; 5] = ["void_count", "base_size", "brightness_factor", "size_std", "position_spread"];

fn main() -> std::result::Result<(), Box<dyn Error>> {
    let options = Options::read()?;
    let bench = Bench::new(&options)?;
    if options.size_runs > 0 {
        return Ok(bench.size(&options)?);
    }
    for &n in &options.n_real {
        bench.table(&options, n)?;
    }
    Ok(())
}

#[derive(Debug)]
struct Options {
    seeds: u64,
    first_seed: u64,
    n_real: Vec<usize>,
    embedder: String,
    truths: bool,
    policies: Vec<BatchPolicy>,
    eval: usize,
    size_runs: u64,
    params: CalibrationParams,
}

impl Options {
    fn read() -> std::result::Result<Self, Box<dyn Error>> {
        let mut options = Self {
            seeds: 10,
            first_seed: 0,
            n_real: vec![16, 48],
            embedder: "features".into(),
            truths: false,
            policies: vec![BatchPolicy::Active],
            eval: 2000,
            size_runs: 0,
            params: CalibrationParams::default(),
        };
        let mut arguments = std::env::args().skip(1);
        while let Some(flag) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{flag} needs a value"));
            match flag.as_str() {
                "--seeds" => options.seeds = value()?.parse()?,
                "--first-seed" => options.first_seed = value()?.parse()?,
                "--n-real" => {
                    options.n_real =
                        value()?.split(',').map(str::parse).collect::<std::result::Result<_, _>>()?;
                }
                "--embedder" => options.embedder = value()?,
                "--truths" => (options.truths, options.seeds) = (true, value()?.parse()?),
                "--policy" => options.policies = policies(&value()?)?,
                "--eval" => options.eval = value()?.parse()?,
                "--patience" => options.params.early_stop_patience = value()?.parse()?,
                "--iterations" => options.params.max_iterations = value()?.parse()?,
                "--replicates" => options.params.bootstrap_replicates = value()?.parse()?,
                "--size-runs" => options.size_runs = value()?.parse()?,
                _ => return Err(format!("unknown option {flag}").into()),
            }
        }
        Ok(options)
    }
}

fn policies(text: &str) -> std::result::Result<Vec<BatchPolicy>, Box<dyn Error>> {
    match text {
        "active" => Ok(vec![BatchPolicy::Active]),
        "sobol" => Ok(vec![BatchPolicy::Sobol]),
        "both" => Ok(vec![BatchPolicy::Active, BatchPolicy::Sobol]),
        _ => Err(format!("unknown policy {text}").into()),
    }
}

struct Bench {
    voids: Voids,
    embedder: Box<dyn Embedder<DynamicImage>>,
}

/// A truth with what is measured once for it.
struct Truth {
    distribution: ParameterDistribution,
    close: ParameterDistribution,
    far: ParameterDistribution,
    images: Array2<f32>,
    sigma: f64,
}

impl Bench {
    fn new(options: &Options) -> std::result::Result<Self, Box<dyn Error>> {
        let voids = VoidsParams { labels: false, ..VoidsParams::default() }.build(builtin_chips(SIDE_PX)?)?;
        let embedder: Box<dyn Embedder<DynamicImage>> = match options.embedder.as_str() {
            "features" => Box::new(FeaturesParams::default().build()?),
            "hist-hog" => Box::new(HistHog::new()),
            other => return Err(format!("unknown embedder {other}").into()),
        };
        Ok(Self { voids, embedder })
    }

    fn embed_sets(&self, sets: &[ParameterSet], seed: Seed) -> Result<Array2<f32>> {
        let chunks: Vec<Array2<f32>> = sets
            .par_chunks(CHUNK)
            .enumerate()
            .map(|(chunk, sets)| {
                let request = |(i, set): (usize, &ParameterSet)| {
                    Request::new(set.clone(), seed, (chunk * CHUNK + i) as u64)
                };
                let requests: Vec<Request> = sets.iter().enumerate().map(request).collect();
                let samples: Vec<DynamicImage> = self
                    .voids
                    .generate(&requests)?
                    .into_iter()
                    .map(|s| s.map(|s| s.item).map_err(|e| synth_core::Error::component("voids", e)))
                    .collect::<Result<_>>()?;
                self.embedder.embed(&samples.iter().collect::<Vec<_>>())
            })
            .collect::<Result<_>>()?;
        let mut all = Array2::zeros((sets.len(), self.embedder.dim()));
        for (i, chunk) in chunks.iter().enumerate() {
            all.slice_mut(s![i * CHUNK..i * CHUNK + chunk.nrows(), ..]).assign(chunk);
        }
        Ok(all)
    }

    /// Independent images of a distribution, one per parameter set.
    fn images(&self, distribution: &ParameterDistribution, count: usize, seed: Seed) -> Result<Array2<f32>> {
        let sets = self.sets(distribution, count, seed.derive("sets"))?;
        self.embed_sets(&sets, seed.derive("images"))
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
        n: usize,
        seed: u64,
        params: CalibrationParams,
        seed_sets: bool,
    ) -> Result<CalibrationResult> {
        let root = Seed::from_u64(seed).derive("bench/run");
        let real = self.images(&truth.distribution, n, root.derive("real"))?;
        let real = Embeddings::ungrouped(real, self.embedder.identity().clone())?;
        let mut input = CalibrationInput::new(self.voids.space().clone(), real, root.derive("calibration"));
        if seed_sets {
            for (name, origin, distribution) in
                [("close", TrialOrigin::Close, &truth.close), ("far", TrialOrigin::Far, &truth.far)]
            {
                for (at, params) in self.sets(distribution, 8, root.derive(name))?.into_iter().enumerate() {
                    let param_set_id = format!("{name}_{at:03}");
                    input.initial.push(InitialSet { param_set_id, params, replications: 3, origin });
                }
            }
        }
        let mut calibration =
            Calibration::new(params, input, &MmdParams::default().with_permutations(0).build()?)?;
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
                    let matrix = self.embed_sets(&sets, root.derive(&format!("iteration {made}")))?;
                    let ids = (0..groups.len()).map(|i| format!("iter{made}_{i:03}")).collect();
                    let identity = self.embedder.identity().clone();
                    Outcome::Embedded { embeddings: Some(Embeddings::new(ids, groups, matrix, identity)?) }
                }
                Action::Save { .. } => Outcome::Saved,
                Action::Done(result) => return Ok(*result),
            };
            calibration.apply(outcome)?;
        }
    }

    fn table(&self, options: &Options, n: usize) -> std::result::Result<(), Box<dyn Error>> {
        let mut ratios: BTreeMap<String, Vec<f64>> = BTreeMap::new();
        let mut below_close = 0;
        let mut shared = None;
        for seed in options.first_seed..options.first_seed + options.seeds {
            let root = Seed::from_u64(seed).derive("bench/eval");
            if options.truths || shared.is_none() {
                let truth = self.truth(options.truths.then_some(seed), options.eval)?;
                let fixed = |name: &str, distribution: &ParameterDistribution| {
                    self.divergence(&truth, distribution, options.eval, Seed::from_u64(9).derive(name))
                };
                let prior = fixed("prior", &ParameterDistribution::uniform())?;
                let close = fixed("close", &truth.close)?;
                let far = fixed("far", &truth.far)?;
                let itself = fixed("truth", &truth.distribution)?;
                if !options.truths {
                    println!(
                        "embedder {}, {} real, sigma {:.4}: prior {}, close {}, far {}, truth against truth {}",
                        self.embedder.identity(),
                        n,
                        truth.sigma,
                        show(prior),
                        show(close),
                        show(far),
                        show(itself)
                    );
                }
                shared = Some((truth, prior, close));
            }
            let Some((truth, prior, close)) = &shared else { continue };
            for &policy in &options.policies {
                let started = Instant::now();
                let params = CalibrationParams { policy, ..options.params.clone() };
                let result = self.calibrate(truth, n, seed, params, !options.truths)?;
                let seconds = started.elapsed().as_secs_f64();
                let found = self.divergence(truth, &result.distribution, options.eval, root)?;
                let best = &result.best.first().ok_or("no best set")?.params;
                let single = ParameterDistribution::point(best.clone());
                let single = self.divergence(truth, &single, options.eval, root.derive("single"))?.0;
                let oracle = self.oracle(truth, n, seed)?;
                let oracle = self.divergence(truth, &oracle, options.eval, root.derive("oracle"))?.0;
                let ratio = found.0 / prior.0;
                ratios.entry(format!("{policy:?}")).or_default().push(ratio);
                below_close += usize::from(found.0 < close.0);
                println!(
                    "seed {seed} {policy:?}: prior {:.4} calibrated {} ratio {ratio:.3} oracle {:.3} best single {single:.4} | estimated {:.4} (uniform {:.4}), p {:.3}, shift {:?}, {} iterations ({:?}), {seconds:.1} s",
                    prior.0,
                    show(found),
                    oracle / prior.0,
                    result.calibrated.value,
                    result.uniform.value,
                    result.verdict.p_value.unwrap_or(f64::NAN),
                    result.verdict.smallest_detectable_shift,
                    result.iterations,
                    result.stop,
                );
            }
        }
        for (policy, ratios) in &ratios {
            let mut sorted = ratios.clone();
            sorted.sort_by(f64::total_cmp);
            let q = |level: f64| sorted[((sorted.len() - 1) as f64 * level).round() as usize];
            let median = (sorted[(sorted.len() - 1) / 2] + sorted[sorted.len() / 2]) / 2.0;
            println!(
                "n = {n} {policy}: ratio median {median:.3}, quartiles {:.3} {:.3}, range {:.3} {:.3}, mean {:.3}; below close {below_close} of {}",
                q(0.25),
                q(0.75),
                q(0.0),
                q(1.0),
                sorted.iter().sum::<f64>() / sorted.len() as f64,
                options.seeds * options.policies.len() as u64
            );
        }
        if let (Some(active), Some(sobol)) = (ratios.get("Active"), ratios.get("Sobol")) {
            let gains: Vec<f64> = sobol.iter().zip(active).map(|(s, a)| s - a).collect();
            let count = gains.len() as f64;
            let mean = gains.iter().sum::<f64>() / count;
            let square: f64 = gains.iter().map(|g| (g - mean).powi(2)).sum();
            let error = (square / (count - 1.0) / count).sqrt();
            let better = gains.iter().filter(|&&g| g > 0.0).count();
            println!(
                "n = {n}: Sobol minus active, paired: {mean:.3} ± {error:.3}; active better in {better} of {count}"
            );
        }
        Ok(())
    }

    /// How often the verdict rejects a truth inside the family.
    fn size(&self, options: &Options) -> Result<()> {
        let truth = self.truth(None, 1000)?;
        for &n in &options.n_real {
            let (mut rejected, mut tested) = (0_u32, 0_u32);
            let mut p_values = Vec::new();
            for seed in options.first_seed..options.first_seed + options.size_runs {
                let result = self.calibrate(&truth, n, 10_000 + seed, options.params.clone(), true)?;
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

fn show((value, error): (f64, f64)) -> String {
    format!("{value:.5}±{error:.5}")
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

fn number(value: &ParameterValue) -> Option<f64> {
    match *value {
        ParameterValue::Int(n) => Some(n as f64),
        ParameterValue::Float(x) => Some(x),
        _ => None,
    }
}

fn normal(mean: f64, std: f64) -> Marginal {
    Marginal::Normal { mean, std }
}

fn independent(shapes: [f64; 3], numbers: [(f64, f64); 5]) -> ParameterDistribution {
    let mut marginals: BTreeMap<String, Marginal> = NUMBERS
        .iter()
        .zip(numbers)
        .map(|(name, (mean, std))| ((*name).to_owned(), normal(mean, std)))
        .collect();
    let shapes = SHAPES.iter().zip(shapes).map(|(s, p)| ((*s).to_owned(), p)).collect();
    marginals.insert("void_shape".into(), Marginal::Categorical(shapes));
    ParameterDistribution::Independent { marginals }
}

/// The distributions of the built-in experiment.
fn experiment(name: &str) -> ParameterDistribution {
    match name {
        "close" => {
            independent([0.25, 0.45, 0.3], [(10.0, 3.0), (18.0, 5.0), (0.55, 0.1), (8.0, 2.0), (0.55, 0.15)])
        }
        "far" => independent([0.7, 0.2, 0.1], [(15.0, 3.0), (10.0, 5.0), (0.4, 0.1), (3.0, 1.0), (0.8, 0.1)]),
        _ => independent([0.2, 0.5, 0.3], [(8.0, 3.0), (20.0, 5.0), (0.6, 0.1), (7.0, 2.0), (0.5, 0.15)]),
    }
}

/// Means uniform in the middle 80 % of each range, shape probabilities Dirichlet(1), spreads as in the
/// built-in experiment.
fn random_truth(number: u64) -> ParameterDistribution {
    let mut stream = Seed::from_u64(number).derive("bench/random truth").stream(0);
    let gaps: Vec<f64> = (0..3).map(|_| -(1.0 - stream.unit()).ln()).collect();
    let total: f64 = gaps.iter().sum();
    let ranges = [(3.0, 20.0, 3.0), (5.0, 40.0, 5.0), (0.3, 0.8, 0.1), (0.0, 15.0, 2.0), (0.1, 0.8, 0.15)];
    let numbers = ranges.map(|(low, high, std)| (low + (high - low) * stream.uniform(0.1, 0.9), std));
    independent([gaps[0] / total, gaps[1] / total, gaps[2] / total], numbers)
}

/// The second, fixed embedder: a pixel histogram beside histograms of oriented gradients.
///
/// 32 grey-level frequencies over [0, 255], their square roots; and Dalal & Triggs' descriptor with
/// 28 px cells, 9 unsigned orientations, 2 × 2 cells a block, L2-normalised blocks, divided by the
/// square root of their number so that both parts have about unit length.
#[derive(Debug)]
struct HistHog {
    identity: EmbedderId,
}

const LEVELS: usize = 32;
const ORIENTATIONS: usize = 9;
const CELL_PX: usize = 28;
const CELLS: usize = SIDE_PX as usize / CELL_PX;
const BLOCKS: usize = CELLS - 1;

impl HistHog {
    fn new() -> Self {
        let name = "hist-hog-1".to_owned();
        Self { identity: EmbedderId { name, weights: None, preprocessing: "grey".into() } }
    }

    fn describe(image: &GrayImage) -> Vec<f32> {
        let mut levels = [0.0_f64; LEVELS];
        image.pixels().for_each(|p| levels[usize::from(p.0[0]) * LEVELS / 256] += 1.0);
        let pixels = f64::from(image.width() * image.height());
        let mut row: Vec<f32> = levels.iter().map(|count| (count / pixels).sqrt() as f32).collect();
        let cells = Self::cells(image);
        for by in 0..BLOCKS {
            for bx in 0..BLOCKS {
                let corners = [(by, bx), (by, bx + 1), (by + 1, bx), (by + 1, bx + 1)];
                let block: Vec<f64> = corners.iter().flat_map(|&(y, x)| cells[y * CELLS + x]).collect();
                let length = (block.iter().map(|v| v * v).sum::<f64>() + 1.0).sqrt() * BLOCKS as f64;
                row.extend(block.iter().map(|v| (v / length) as f32));
            }
        }
        row
    }

    /// Gradient magnitudes by orientation in each cell, averaged over its pixels.
    fn cells(image: &GrayImage) -> Vec<[f64; ORIENTATIONS]> {
        let at = |x: u32, y: u32| f64::from(image.get_pixel(x, y).0[0]);
        let mut cells = vec![[0.0; ORIENTATIONS]; CELLS * CELLS];
        for y in 1..image.height() - 1 {
            for x in 1..image.width() - 1 {
                let (gx, gy) = (at(x + 1, y) - at(x - 1, y), at(x, y + 1) - at(x, y - 1));
                let angle = gy.atan2(gx).rem_euclid(std::f64::consts::PI) / std::f64::consts::PI;
                let bin = ((angle * ORIENTATIONS as f64) as usize).min(ORIENTATIONS - 1);
                let cell =
                    (y as usize / CELL_PX).min(CELLS - 1) * CELLS + (x as usize / CELL_PX).min(CELLS - 1);
                cells[cell][bin] += gx.hypot(gy) / (CELL_PX * CELL_PX) as f64;
            }
        }
        cells
    }
}

impl Embedder<DynamicImage> for HistHog {
    fn identity(&self) -> &EmbedderId {
        &self.identity
    }

    fn dim(&self) -> usize {
        LEVELS + BLOCKS * BLOCKS * 4 * ORIENTATIONS
    }

    fn embed(&self, items: &[&DynamicImage]) -> Result<Array2<f32>> {
        let mut rows = Array2::zeros((items.len(), self.dim()));
        for (i, item) in items.iter().enumerate() {
            let row = Self::describe(&item.to_luma8());
            rows.row_mut(i).iter_mut().zip(row).for_each(|(to, from)| *to = from);
        }
        Ok(rows)
    }
}
