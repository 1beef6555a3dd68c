//! What the next trials are drawn from.

use std::cmp::Ordering;

use synth_core::{ParameterSet, Stream, normal};

use super::categories::Categories;
use super::coefficients::Coefficients;
use super::columns::{Columns, Place, Slot};
use super::gaussian::{Gaussian, Ranked};
use super::margin::keep_moving;
use super::points::Point;

/// Widest a coordinate gets: a uniform one's standard deviation.
const WIDEST: f64 = 0.288_675_134_594_812_9;

/// Numbers and choices of one run.
#[derive(Clone, Debug)]
pub(crate) struct Distribution {
    pub(crate) gaussian: Gaussian,
    categories: Categories,
    coefficients: Coefficients,
}

/// Order from best to worst; a failure is worse than any value.
pub(crate) fn by_value(a: Option<f64>, b: Option<f64>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => a.partial_cmp(&b).unwrap_or(Ordering::Equal),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (None, None) => Ordering::Equal,
    }
}

impl Distribution {
    /// Around `centre`, for generations of `population` trials.
    pub(crate) fn new(columns: &Columns, centre: &Point, sigma: f64, population: usize) -> Self {
        let mean = centre.numbers.iter().map(|place| middle(*place)).collect();
        let levels: Vec<usize> = columns.categories.iter().map(|(_, levels)| *levels).collect();
        let coefficients = Coefficients::new(columns.numbers.len().max(1), population);
        Self { gaussian: Gaussian::new(mean, sigma), categories: Categories::new(&levels), coefficients }
    }

    /// One generation. `stream` tells where within its slot a whole number was drawn.
    pub(crate) fn update(&mut self, columns: &Columns, generation: &[Point], stream: &mut Stream) {
        let weights = shared_weights(generation, &self.coefficients.weights);
        let weighted =
            generation.iter().zip(&weights).map(|(point, (pull, _))| (point.levels.as_slice(), *pull));
        self.categories.update(weighted);
        if self.gaussian.dim() == 0 {
            return;
        }
        let ranked: Vec<Ranked> = generation
            .iter()
            .zip(weights)
            .map(|(point, (pull, shape))| Ranked { x: self.placed(&point.numbers, stream), pull, shape })
            .collect();
        self.gaussian.update(&ranked, &self.coefficients);
        self.confine(columns);
    }

    /// Keeps the distribution no wider than the cube, its middle inside, and whole numbers moving.
    fn confine(&mut self, columns: &Columns) {
        let dim = self.gaussian.dim();
        let widest = (0..dim).map(|at| self.gaussian.std(at)).fold(0.0, f64::max);
        if widest > WIDEST {
            self.gaussian.sigma *= WIDEST / widest;
        }
        let alpha = 1.0 / (dim * self.coefficients.weights.len()) as f64;
        for at in 0..dim {
            self.gaussian.mean[at] = self.gaussian.mean[at].clamp(0.0, 1.0);
            if columns.is_whole(at) {
                let slot = columns.slot(at, self.gaussian.mean[at]);
                keep_moving(&mut self.gaussian, at, slot, alpha);
            }
        }
    }

    /// Numbers that a point may have been drawn as.
    fn placed(&self, numbers: &[Place], stream: &mut Stream) -> Vec<f64> {
        let place = |(at, place): (usize, &Place)| match place {
            Place::At(u) => *u,
            Place::Within(slot) => draw_within(self.gaussian.mean[at], self.gaussian.std(at), *slot, stream),
        };
        numbers.iter().enumerate().map(place).collect()
    }

    /// The set that standard normal numbers `z` and a draw of the levels stand for, the distribution made
    /// `width` times as wide.
    pub(crate) fn draw(&self, columns: &Columns, z: &[f64], width: f64, stream: &mut Stream) -> ParameterSet {
        columns.set(&self.gaussian.point(z, width), &self.categories.draw(1.0 - 1.0 / width, stream))
    }
}

/// For each point its weights in the mean and in the covariance; equal points share theirs.
fn shared_weights(generation: &[Point], weights: &[f64]) -> Vec<(f64, f64)> {
    let mut order: Vec<usize> = (0..generation.len()).collect();
    order.sort_by(|a, b| by_value(generation[*a].value, generation[*b].value));
    let mut shared = vec![(0.0, 0.0); generation.len()];
    let mut from = 0;
    for tied in order.chunk_by(|a, b| by_value(generation[*a].value, generation[*b].value).is_eq()) {
        let own = &weights[from..from + tied.len()];
        let count = tied.len() as f64;
        let pull = own.iter().map(|w| w.max(0.0)).sum::<f64>() / count;
        let shape = own.iter().sum::<f64>() / count;
        tied.iter().for_each(|at| shared[*at] = (pull, shape));
        from += tied.len();
    }
    shared
}

/// The middle of a place, as far as it lies in the cube.
fn middle(place: Place) -> f64 {
    match place {
        Place::At(u) => u,
        Place::Within(slot) => 0.5 * (slot.low.max(0.0) + slot.high.min(1.0)),
    }
}

/// A draw of a normal distribution cut to a slot.
fn draw_within(mean: f64, std: f64, slot: Slot, stream: &mut Stream) -> f64 {
    let unit = stream.unit();
    let (low, high) = ((slot.low - mean) / std, (slot.high - mean) / std);
    // In the lower tail probabilities are exact.
    let (from, to, sign) = if low > 0.0 { (-high, -low, -1.0) } else { (low, high, 1.0) };
    let (a, b) = (normal::cdf(from), normal::cdf(to));
    // Of a slot beyond the reach of float64's probabilities, the end that is nearer.
    let z = normal::quantile((a + (b - a) * unit).max(f64::MIN_POSITIVE));
    (mean + std * sign * z.clamp(from, to)).clamp(slot.low, slot.high)
}
