//! Power of the two-sample test on the void simulator's images; shared by `tests/power.rs` and
//! `examples/feature_power.rs`.

use std::collections::BTreeMap;

use image::DynamicImage;
use ndarray::{Array2, ArrayView2, Axis, concatenate};
use rayon::prelude::*;
use synth_core::{
    Embedder, Error, Generator, Marginal, ParameterDistribution, Request, Result, Seed, Stream,
};
use synth_gen::{Voids, VoidsParams, builtin_chips};

/// Side of the images, px.
pub(crate) const SIDE_PX: u32 = 224;
const SHAPES: [&str; 3] = ["circle", "ellipse", "irregular"];
/// Name, range.
pub(crate) const NUMBERS: [(&str, f64, f64); 5] = [
    ("void_count", 3.0, 20.0),
    ("base_size", 5.0, 40.0),
    ("brightness_factor", 0.3, 0.8),
    ("size_std", 0.0, 15.0),
    ("position_spread", 0.1, 0.8),
];

/// Shape probabilities, and mean and standard deviation of each of [`NUMBERS`]; a deviation of 0 is a
/// constant.
#[derive(Clone, Debug)]
pub(crate) struct Knobs {
    /// Probabilities of circle, ellipse, irregular.
    pub(crate) shapes: [f64; 3],
    /// Of the parent normals.
    pub(crate) numbers: [(f64, f64); 5],
}

impl Knobs {
    /// `real`, `close` and `far` of the built-in experiment.
    pub(crate) const REAL: Self = Self {
        shapes: [0.2, 0.5, 0.3],
        numbers: [(8.0, 3.0), (20.0, 5.0), (0.6, 0.1), (7.0, 2.0), (0.5, 0.15)],
    };
    /// See [`REAL`](Self::REAL).
    pub(crate) const CLOSE: Self = Self {
        shapes: [0.25, 0.45, 0.3],
        numbers: [(10.0, 3.0), (18.0, 5.0), (0.55, 0.1), (8.0, 2.0), (0.55, 0.15)],
    };
    /// See [`REAL`](Self::REAL).
    pub(crate) const FAR: Self = Self {
        shapes: [0.7, 0.2, 0.1],
        numbers: [(15.0, 3.0), (10.0, 5.0), (0.4, 0.1), (3.0, 1.0), (0.8, 0.1)],
    };

    /// One parameter set: the means of [`REAL`](Self::REAL), and ellipses.
    pub(crate) fn one_set() -> Self {
        Self { shapes: [0.0, 1.0, 0.0], numbers: Self::REAL.numbers.map(|(mean, _)| (mean, 0.0)) }
    }

    /// The mean of number `at` moved by a share of its range.
    pub(crate) fn moved(&self, at: usize, share: f64) -> Self {
        let mut knobs = self.clone();
        let (_, low, high) = NUMBERS[at];
        knobs.numbers[at].0 += share * (high - low);
        knobs
    }

    /// `mass` of one shape given to another.
    pub(crate) fn reshaped(&self, from: usize, to: usize, mass: f64) -> Self {
        let mut knobs = self.clone();
        knobs.shapes[from] -= mass;
        knobs.shapes[to] += mass;
        knobs
    }

    /// As a distribution over the simulator's parameters.
    pub(crate) fn distribution(&self) -> ParameterDistribution {
        let shapes = SHAPES.iter().zip(self.shapes).filter(|(_, p)| *p > 1e-9);
        let shapes = shapes.map(|(shape, p)| ((*shape).to_owned(), p)).collect();
        let mut marginals = BTreeMap::from([("void_shape".to_owned(), Marginal::Categorical(shapes))]);
        for ((name, ..), (mean, std)) in NUMBERS.iter().zip(self.numbers) {
            let marginal = match (*name, std > 0.0) {
                (_, true) => Marginal::Normal { mean, std },
                ("void_count", false) => Marginal::Constant { value: (mean.round() as i64).into() },
                (_, false) => Marginal::Constant { value: mean.into() },
            };
            marginals.insert((*name).to_owned(), marginal);
        }
        ParameterDistribution::Independent { marginals }
    }
}

/// The simulator on its built-in chips, and the embedder that looks at it.
#[derive(Debug)]
pub(crate) struct Lab<E> {
    voids: Voids,
    embedder: E,
}

impl<E: Embedder<DynamicImage>> Lab<E> {
    /// With the built-in chips.
    pub(crate) fn new(embedder: E) -> Result<Self> {
        let voids = VoidsParams { labels: false, ..VoidsParams::default() }.build(builtin_chips(SIDE_PX)?)?;
        Ok(Self { voids, embedder })
    }

    /// Rows of `n` independent images: each its own parameter set, its base chip drawn from five.
    pub(crate) fn rows(
        &self,
        distribution: &ParameterDistribution,
        n: usize,
        seed: Seed,
    ) -> Result<Array2<f32>> {
        let sets = seed.derive("sets");
        let starts: Vec<usize> = (0..n).step_by(CHUNK).collect();
        let chunks = starts
            .into_par_iter()
            .map(|start| {
                let requests: Vec<Request> = (start..n.min(start + CHUNK))
                    .map(|i| {
                        let params = distribution.draw(self.voids.space(), &mut sets.stream(i as u64))?;
                        Ok(Request::new(params, seed, i as u64))
                    })
                    .collect::<Result<_>>()?;
                let samples = self.voids.generate(&requests)?;
                let images: Vec<DynamicImage> = samples
                    .into_iter()
                    .map(|sample| Ok(sample.map_err(|error| Error::component("voids", error))?.item))
                    .collect::<Result<_>>()?;
                self.embedder.embed(&images.iter().collect::<Vec<_>>())
            })
            .collect::<Result<Vec<_>>>()?;
        let views: Vec<ArrayView2<'_, f32>> = chunks.iter().map(|chunk| chunk.view()).collect();
        concatenate(Axis(0), &views).map_err(|error| Error::component("stacking rows", error))
    }
}

const CHUNK: usize = 64;

/// Sizes of one power estimate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trials {
    /// Rows of the first set.
    pub(crate) n: usize,
    /// Rows of the second set.
    pub(crate) m: usize,
    /// Tests made.
    pub(crate) repeats: usize,
    /// Permutations of each.
    pub(crate) permutations: usize,
}

/// Share of tests at 5 % that tell two pools apart; each test draws its rows from them without
/// replacement.
pub(crate) fn power(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, trials: Trials, seed: Seed) -> f64 {
    let detected = (0..trials.repeats)
        .into_par_iter()
        .filter(|&repeat| {
            let mut stream = seed.stream(repeat as u64);
            let x = x.select(Axis(0), &some(x.nrows(), trials.n, &mut stream));
            let y = y.select(Axis(0), &some(y.nrows(), trials.m, &mut stream));
            permutation_p_value(&x, &y, trials.permutations, &mut stream) <= 0.05
        })
        .count();
    detected as f64 / trials.repeats as f64
}

fn some(from: usize, count: usize, stream: &mut Stream) -> Vec<usize> {
    assert!(count <= from, "a pool of {from} rows has no {count}");
    let mut all: Vec<usize> = (0..from).collect();
    stream.shuffle(&mut all);
    all.truncate(count);
    all
}

/// Unbiased MMD² with k = exp(−d² / 2σ²), σ the median distance of the pooled rows; the share of
/// relabellings at least as far apart, the observed one included.
fn permutation_p_value(x: &Array2<f32>, y: &Array2<f32>, permutations: usize, stream: &mut Stream) -> f64 {
    let pooled = concatenate(Axis(0), &[x.view(), y.view()]).expect("rows of one embedder");
    let kernel = median_rbf(&pooled);
    let total = pooled.nrows();
    let mut order: Vec<usize> = (0..total).collect();
    let mut labels = Array2::<f32>::zeros((total, permutations + 1));
    for permutation in 0..=permutations {
        order[..x.nrows()].iter().for_each(|&row| labels[[row, permutation]] = 1.0);
        stream.shuffle(&mut order);
    }
    // With z the indicator of the first set: zᵀKz and 1ᵀKz hold all three sums.
    let products = kernel.dot(&labels);
    let (all, n, m) = (kernel.iter().map(|&k| f64::from(k)).sum::<f64>(), x.nrows() as f64, y.nrows() as f64);
    let statistic = |column: usize| {
        let (mut within, mut rows) = (0.0_f64, 0.0_f64);
        for (product, label) in products.column(column).iter().zip(labels.column(column)) {
            rows += f64::from(*product);
            within += f64::from(product * label);
        }
        let across = rows - within;
        within / (n * (n - 1.0)) + (all - within - 2.0 * across) / (m * (m - 1.0)) - 2.0 * across / (n * m)
    };
    let observed = statistic(0);
    let at_least = (1..=permutations).filter(|&column| statistic(column) >= observed).count();
    (1 + at_least) as f64 / (1 + permutations) as f64
}

/// The kernel matrix with a diagonal of zeros.
fn median_rbf(rows: &Array2<f32>) -> Array2<f32> {
    let products = rows.dot(&rows.t());
    let n = rows.nrows();
    let squared = Array2::from_shape_fn((n, n), |(i, j)| {
        (products[[i, i]] + products[[j, j]] - 2.0 * products[[i, j]]).max(0.0)
    });
    let mut pairs: Vec<f32> =
        (0..n).flat_map(|i| (i + 1..n).map(move |j| (i, j))).map(|at| squared[at]).collect();
    let middle = pairs.len() / 2;
    let (_, &mut median, _) = pairs.select_nth_unstable_by(middle, f32::total_cmp);
    let mut kernel = squared.mapv(|d| (-0.5 * d / median).exp());
    kernel.diag_mut().fill(0.0);
    kernel
}
