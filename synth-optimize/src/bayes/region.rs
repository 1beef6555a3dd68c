//! A trust region, for many trials in many dimensions.

use super::outcome::Outcomes;
use super::space::{Located, ModelSpace};
use crate::gp::GaussianProcess;

/// A box in the unit cube about the best point, in which the acquisition is maximised (TuRBO; Eriksson et al. 2019,
/// "Scalable global optimization via local Bayesian optimization", NeurIPS 32, §2).
///
/// In many dimensions there is always a corner of which the process knows nothing, and an acquisition that may go
/// anywhere ends up looking into one corner after another. At first that is how the basin is found; after a
/// hundred trials or so time is better spent in it.
#[derive(Clone, Debug)]
pub(crate) struct Region {
    low: Vec<f64>,
    high: Vec<f64>,
}

/// Numbers and trials from which on there is a region.
const LEAST_DIM: usize = 16;
const LEAST_TRIALS: usize = 100;
/// Sides of the box: the first, the longest, and the one below which it starts again.
const FIRST: f64 = 0.8;
const LONGEST: f64 = 1.6;
const SHORTEST: f64 = 1.0 / 128.0;
/// Trials that count as one look, and looks that succeed one after the other for the sides to double.
const LOOK: usize = 8;
const SUCCESSES: usize = 3;
/// Share of the best value that a success improves on it by.
const PROGRESS: f64 = 1e-3;
/// Trials before the first look.
const START: usize = 16;

impl Region {
    /// The region about the point of least value; `None` where trials or dimensions are few.
    pub(crate) fn of(space: &ModelSpace, outcomes: &Outcomes, process: &GaussianProcess) -> Option<Self> {
        let lengths = &process.kernel().length_scales;
        let measured = &outcomes.measured;
        if lengths.len() < LEAST_DIM || measured.len() < LEAST_TRIALS {
            return None;
        }
        let values: Vec<f64> = measured.iter().map(|m| m.value).collect();
        let centre = &measured.iter().min_by(|a, b| a.value.total_cmp(&b.value))?.at.unit;
        let half = side(&values, lengths.len()) / 2.0;
        let mean = lengths.iter().map(|length| libm::log(*length)).sum::<f64>() / lengths.len() as f64;
        let reach = |column: usize| match space.number_column(column) {
            Some(number) => half * lengths[number] / libm::exp(mean),
            None => 1.0,
        };
        let end = |sign: f64| -> Vec<f64> {
            let end = |(at, u): (usize, &f64)| (u + sign * reach(at)).clamp(0.0, 1.0);
            centre.iter().enumerate().map(end).collect()
        };
        Some(Self { low: end(-1.0), high: end(1.0) })
    }

    pub(crate) fn contains(&self, at: &Located) -> bool {
        at.unit.iter().enumerate().all(|(i, u)| self.low[i] <= *u && *u <= self.high[i])
    }

    /// The bounds of a column.
    pub(crate) fn bounds(&self, column: usize) -> (f64, f64) {
        (self.low[column], self.high[column])
    }

    /// The point of the region where a point of the unit cube lies in the cube.
    pub(crate) fn stretch(&self, unit: &[f64]) -> Vec<f64> {
        let ends = self.low.iter().zip(&self.high);
        unit.iter().zip(ends).map(|(u, (low, high))| low + u * (high - low)).collect()
    }
}

/// The sides' geometric mean after values in their order of arrival: doubled after so many looks that improve on
/// what was there, halved after as many trials in a row without as there are dimensions.
fn side(values: &[f64], dim: usize) -> f64 {
    let failures = dim.div_ceil(LOOK).max(1);
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let (start, rest) = values.split_at(values.len().min(START));
    let (mut side, mut best, mut improved, mut stuck) = (FIRST, least(start), 0, 0);
    for look in rest.chunks_exact(LOOK) {
        let found = least(look);
        (improved, stuck) =
            if found < best - PROGRESS * best.abs() { (improved + 1, 0) } else { (0, stuck + 1) };
        best = best.min(found);
        if improved == SUCCESSES {
            (side, improved) = ((2.0 * side).min(LONGEST), 0);
        } else if stuck == failures {
            (side, stuck) = (side / 2.0, 0);
        }
        if side < SHORTEST {
            side = FIRST;
        }
    }
    side
}

#[cfg(test)]
mod tests {
    use synth_core::{Domain, Parameter, ParameterSpace, Seed, Trial};

    use super::*;
    use crate::bayes::model::Model;
    use crate::gp::Noise;
    use crate::sobol::SobolSequence;

    /// Looks with these least values after a start at 100.
    fn after(looks: &[f64]) -> Vec<f64> {
        let mut values = vec![100.0; START];
        looks.iter().for_each(|least| values.extend([&[*least], [200.0; LOOK - 1].as_slice()].concat()));
        values
    }

    #[test]
    fn the_sides_follow_successes_and_failures() {
        assert_eq!(side(&after(&[]), 20), 0.8);
        assert_eq!(side(&after(&[90.0, 80.0]), 20), 0.8, "two successes are not enough");
        assert_eq!(side(&after(&[90.0, 80.0, 70.0]), 20), 1.6);
        assert_eq!(side(&after(&[90.0, 80.0, 69.99, 60.0, 50.0, 40.0]), 20), 1.6, "the longest");
        assert_eq!(side(&after(&[90.0, 80.0, 79.99]), 20), 0.8, "too little to be one");
        assert_eq!(side(&after(&[100.0; 2]), 20), 0.8, "16 trials are fewer than 20");
        assert_eq!(side(&after(&[100.0; 3]), 20), 0.4);
        assert_eq!(side(&after(&[100.0; 18]), 20), 0.0125);
        assert_eq!(side(&after(&[100.0; 21]), 20), 0.8, "it starts again");
    }

    /// The models of a bowl about 0.7 in some dimensions, which hardly depends on the last.
    fn region(dim: usize, trials: u64) -> Option<Region> {
        let parameter = |i| Parameter::new(format!("x{i}"), Domain::float(0.0, 1.0));
        let mut parameters: Vec<Parameter> = (0..dim).map(parameter).collect();
        parameters.push(Parameter::new("kind", Domain::choice(["a", "b", "c"])));
        let space = ParameterSpace::new(parameters).expect("valid");
        let space = ModelSpace::new(&space);
        let points = SobolSequence::new(dim + 1, Seed::from_u64(3));
        let trial = |i: u64| {
            let (set, at) = space.snap(&points.point(i));
            let square =
                |(j, x): (usize, &f64)| if j + 1 == dim { 0.01 } else { 1.0 } * (x - 0.7) * (x - 0.7);
            let value: f64 = at.numbers.iter().enumerate().map(square).sum();
            Trial::ok(set, value)
        };
        let trials: Vec<Trial> = (0..trials).map(trial).collect();
        let outcomes = Outcomes::of(&trials, &space).expect("fits");
        let models = Model::ensemble(&space, &outcomes, Noise::None, 0).expect("fits");
        Region::of(&space, &outcomes, &models[0].process)
    }

    #[test]
    fn it_is_long_where_the_objective_hardly_changes_and_leaves_choices_free() {
        assert!(region(15, 120).is_none() && region(16, 99).is_none());
        let region = region(16, 120).expect("many of both");
        let width = |at: usize| region.bounds(at).1 - region.bounds(at).0;
        assert_eq!(region.bounds(16), (0.0, 1.0), "a choice");
        // Its length scale is 5.8 times as long as the others'.
        assert!((0..15).all(|at| width(15) > 4.0 * width(at) && width(at) > 0.0), "it hardly matters");
        let middle = region.stretch(&[0.5; 17]);
        assert!((0..17).all(|at| (region.bounds(at).0..region.bounds(at).1).contains(&middle[at])));
    }
}
