//! The strategy's state, rebuilt from the trials.

use synth_core::Seed;

use super::columns::Columns;
use super::distribution::{Distribution, by_value};
use super::points::Point;

/// What a run is started with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start {
    /// Trials of an even look at the space before each run.
    pub(crate) look: usize,
    /// Trials of a generation in the first run.
    pub(crate) population: usize,
    /// Standard deviation at the start, in units of the cube.
    pub(crate) sigma: f64,
    /// What a restart multiplies the population by.
    pub(crate) growth: usize,
}

/// Largest population of a restart, in multiples of the first.
const MOST_GROWTH: usize = 64;

/// Whole numbers move however small σ is; below this it would be lost in rounding.
const SMALLEST_SIGMA: f64 = 1e-100;

/// What the trials lead to: the distribution to draw from, or `None` while the space is being looked at.
pub(crate) fn replay(columns: &Columns, points: &[Point], start: Start) -> Option<Distribution> {
    let mut rest = points;
    let mut growth = 1;
    loop {
        let population = start.population * growth;
        let (look, later) = rest.split_at_checked(looked(rest, start.look)?)?;
        let mut run = Run::new(columns, look, population, start.sigma);
        let mut generations = later.chunks_exact(population);
        while !run.is_over(columns) {
            let Some(generation) = generations.next() else {
                return Some(run.distribution);
            };
            run.update(columns, generation, points.len() - rest.len());
        }
        rest = &later[run.generations() * population..];
        growth = (growth * start.growth).min(MOST_GROWTH);
    }
}

/// How many trials the look takes: as many as wanted, and on until one has a value.
fn looked(points: &[Point], wanted: usize) -> Option<usize> {
    let first = points.iter().position(|point| point.value.is_some())?;
    Some(wanted.max(first + 1))
}

/// One run of the strategy, from its start to its end.
struct Run {
    distribution: Distribution,
    population: usize,
    /// Best and middle value of each generation.
    best: Vec<Option<f64>>,
    middle: Vec<Option<f64>>,
    sigma: f64,
}

impl Run {
    fn new(columns: &Columns, look: &[Point], population: usize, sigma: f64) -> Self {
        let centre =
            look.iter().min_by(|a, b| by_value(a.value, b.value)).expect("invariant: a look has trials");
        let distribution = Distribution::new(columns, centre, sigma, population);
        Self { distribution, population, best: Vec::new(), middle: Vec::new(), sigma }
    }

    fn generations(&self) -> usize {
        self.best.len()
    }

    fn update(&mut self, columns: &Columns, generation: &[Point], run: usize) {
        let mut values: Vec<Option<f64>> = generation.iter().map(|point| point.value).collect();
        values.sort_by(|a, b| by_value(*a, *b));
        self.best.push(values[0]);
        self.middle.push(values[values.len() / 2]);
        let index = (run + self.generations() * self.population) as u64;
        let mut stream = Seed::from_u64(0).derive("optimize/cmaes/replay").stream(index);
        self.distribution.update(columns, generation, &mut stream);
    }

    /// Whether nothing more is to be expected of it.
    fn is_over(&self, columns: &Columns) -> bool {
        self.has_converged(columns) || self.is_flat(columns) || self.is_stagnant(columns)
    }

    /// Steps are lost in rounding, or the distribution has degenerated.
    fn has_converged(&self, columns: &Columns) -> bool {
        let gaussian = &self.distribution.gaussian;
        let mut real = (0..gaussian.dim()).filter(|at| !columns.is_whole(*at)).peekable();
        let tiny = real.peek().is_some() && real.all(|at| gaussian.reach(at) < 1e-12 * self.sigma);
        tiny || gaussian.sigma < SMALLEST_SIGMA || gaussian.condition() > 1e14
    }

    /// The best values of the last generations are the same but for rounding.
    fn is_flat(&self, columns: &Columns) -> bool {
        let window = self.window(columns);
        let Some(recent) = self.best.len().checked_sub(window).map(|from| &self.best[from..]) else {
            return false;
        };
        let values = || recent.iter().flatten();
        let (low, high) =
            values().fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(*v), b.max(*v)));
        high - low <= 1e-13 * high.abs().max(low.abs()) || values().next().is_none()
    }

    /// Neither the best nor the middle of a generation has become better for long.
    fn is_stagnant(&self, columns: &Columns) -> bool {
        let least =
            if columns.is_discrete() { 2 * self.window(columns) } else { 120 + 3 * self.window(columns) };
        let span = least.max(self.generations() / 5);
        let worse = |values: &[Option<f64>]| {
            let Some(from) = values.len().checked_sub(span) else { return false };
            let (old, new) = (&values[from..from + span / 3], &values[values.len() - span / 3..]);
            by_value(median(new), median(old)).is_ge()
        };
        worse(&self.best) && worse(&self.middle)
    }

    fn window(&self, columns: &Columns) -> usize {
        10 + (30 * columns.numbers.len().max(1)).div_ceil(self.population)
    }
}

fn median(values: &[Option<f64>]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(|a, b| by_value(*a, *b));
    sorted[sorted.len() / 2]
}
