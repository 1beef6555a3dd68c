//! A trust region, for many trials in many dimensions.

use super::space::{Located, ModelSpace};
use crate::encoding::UnitColumn;

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
/// What a success improves by, in standard deviations of the warped outcomes.
const PROGRESS: f64 = 1e-3;
/// Trials before the first look.
const START: usize = 16;

impl Region {
    /// The region after the points `worked`, in their order of arrival, about that of the least of their
    /// warped `values`; `None` where points or numbers are few. `lengths` are the process's length scales.
    pub(crate) fn of(
        space: &ModelSpace,
        worked: &[Located],
        values: &[f64],
        lengths: &[f64],
    ) -> Option<Self> {
        let numbers = (0..space.dim()).filter_map(|column| space.number_column(column));
        let logs: Vec<f64> = numbers.map(|number| libm::log(lengths[number])).collect();
        if logs.len() < LEAST_DIM || worked.len() < LEAST_TRIALS {
            return None;
        }
        let mean = logs.iter().sum::<f64>() / logs.len() as f64;
        let share = |column| space.number_column(column).map(|number| lengths[number] / libm::exp(mean));
        let shares: Vec<Option<f64>> = (0..space.dim()).map(share).collect();
        let best = (0..worked.len()).min_by(|a, b| values[*a].total_cmp(&values[*b]))?;
        Some(Self::about(space, &worked[best], &shares, side(&values[..worked.len()], logs.len())))
    }

    /// Columns without a share of the side are free; whole numbers have the slots whole that the box begins and
    /// ends in.
    fn about(space: &ModelSpace, centre: &Located, shares: &[Option<f64>], side: f64) -> Self {
        let bounds = |(column, (u, share)): (usize, (&f64, &Option<f64>))| {
            let Some(share) = share else { return (0.0, 1.0) };
            let (low, high) = ((u - share * side / 2.0).max(0.0), (u + share * side / 2.0).min(1.0));
            match space.encoding.columns()[column] {
                UnitColumn::Number { levels: Some(levels) } => {
                    let levels = levels as f64;
                    ((low * levels).floor() / levels, (high * levels).ceil() / levels)
                }
                _ => (low, high),
            }
        };
        let (low, high) = centre.unit.iter().zip(shares).enumerate().map(bounds).unzip();
        Self { low, high }
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

/// The sides' geometric mean after values in their order of arrival: doubled after so many looks in a row that improve
/// on what was there, halved after as many trials in a row without as there are numbers. Looks before there was a
/// region, and outside it, count too: where only those inside did, Rastrigin in 20 dimensions gained nothing.
fn side(values: &[f64], numbers: usize) -> f64 {
    let patience = numbers.div_ceil(LOOK);
    let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
    let (start, rest) = values.split_at(values.len().min(START));
    let (mut side, mut best, mut improved, mut stuck) = (FIRST, least(start), 0, 0);
    for look in rest.chunks_exact(LOOK) {
        let found = least(look);
        (improved, stuck) = if found < best - PROGRESS { (improved + 1, 0) } else { (0, stuck + 1) };
        best = best.min(found);
        if improved == SUCCESSES {
            (side, improved) = ((2.0 * side).min(LONGEST), 0);
        } else if stuck == patience {
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
    use synth_core::{Domain, Optimizer, Parameter, ParameterSpace, Proposal, Seed, Trial};

    use super::*;
    use crate::bayes::model::Model;
    use crate::bayes::{GpParams, Outcomes};
    use crate::gp::Noise;
    use crate::sobol::SobolSequence;

    /// After a start at 1 and looks with these least values.
    fn side_after(looks: &[f64]) -> f64 {
        let mut values = vec![1.0; START];
        looks.iter().for_each(|least| values.extend([&[*least], [2.0; LOOK - 1].as_slice()].concat()));
        side(&values, 20)
    }

    #[test]
    fn the_sides_follow_successes_and_failures() {
        assert_eq!(side_after(&[]), 0.8);
        assert_eq!(side_after(&[0.9, 0.8, 0.8, 0.7]), 0.8, "two in a row are not enough");
        assert_eq!(side_after(&[0.9, 0.8, 0.7]), 1.6);
        assert_eq!(side_after(&[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), 1.6, "the longest");
        assert_eq!(side_after(&[0.9, 0.8, 0.7999]), 0.8, "too little to be one");
        assert_eq!(side_after(&[1.0; 2]), 0.8, "16 trials are fewer than 20 numbers");
        assert_eq!(side_after(&[1.0; 3]), 0.4);
        assert_eq!(side_after(&[1.0; 18]), 0.0125);
        assert_eq!(side_after(&[1.0; 21]), 0.8, "it starts again");
    }

    /// Some floats, then a choice with a float that only one of its levels has, then a whole number.
    fn space(floats: usize) -> ModelSpace {
        let parameter = |i| Parameter::new(format!("x{i}"), Domain::float(0.0, 1.0));
        let mut parameters: Vec<Parameter> = (0..floats).map(parameter).collect();
        parameters.push(Parameter::new("kind", Domain::choice(["a", "b", "c"])));
        parameters.push(Parameter::new("of_b", Domain::float(0.0, 1.0)).when("kind", ["b"]));
        parameters.push(Parameter::new("n", Domain::int(1, 4)));
        ModelSpace::new(&ParameterSpace::new(parameters).expect("valid"))
    }

    fn points(space: &ModelSpace, count: u64, centre: &[f64], width: f64) -> Vec<Located> {
        let sobol = SobolSequence::new(space.dim(), Seed::from_u64(3));
        let near = |u: f64, c: f64| (c + width * (u - 0.5)).clamp(0.0, 1.0);
        let point = |i| sobol.point(i).iter().zip(centre).map(|(u, c)| near(*u, *c)).collect::<Vec<_>>();
        (0..count).map(|i| space.snap(&point(i)).1).collect()
    }

    #[test]
    fn a_box_about_the_best_leaves_choices_free_and_slots_whole() {
        let space = space(16);
        let worked = points(&space, 120, &[0.5; 19], 1.0);
        // Nine looks halve the sides three times, three that improve double them, the last does nothing: 0.2.
        let mut values = vec![1.0; 120];
        [90, 98, 106].into_iter().enumerate().for_each(|(i, at)| values[at] = -(i as f64));
        // The first float's length scale is four times the others', so that their mean is 4^(1/17).
        let lengths: Vec<f64> = (0..18).map(|i| if i == 0 { 4.0 } else { 1.0 }).collect();
        let region = Region::of(&space, &worked, &values, &lengths).expect("many of both");
        let centre = &worked[106].unit;
        for (column, u) in centre.iter().enumerate().take(16) {
            let half = 0.1 * lengths[column] / libm::pow(4.0, 1.0 / 17.0);
            let (low, high) = region.bounds(column);
            assert!((low - (u - half).max(0.0)).abs() < 1e-12, "{column}: {low}");
            assert!((high - (u + half).min(1.0)).abs() < 1e-12, "{column}: {high}");
        }
        assert_eq!([16, 17].map(|column| region.bounds(column)), [(0.0, 1.0); 2]);
        let (low, high) = region.bounds(18);
        assert!((4.0 * low).fract() == 0.0 && (4.0 * high).fract() == 0.0 && low < high, "{low} to {high}");
        // What is drawn from it lies in it, also when it stands on whole numbers.
        let sobol = SobolSequence::new(19, Seed::from_u64(4));
        assert!((0..64).all(|i| region.contains(&space.snap(&region.stretch(&sobol.point(i))).1)));
    }

    #[test]
    fn few_points_or_numbers_have_none() {
        let of = |floats: usize, count: usize| {
            let space = space(floats);
            let worked = points(&space, count as u64, &vec![0.5; floats + 3], 1.0);
            Region::of(&space, &worked, &vec![0.0; count], &vec![1.0; floats + 2]).is_some()
        };
        // With the whole number, but without the float that not every set has.
        assert_eq!([of(14, 100), of(15, 99), of(15, 100)], [false, false, true]);
    }

    #[test]
    fn a_batch_stays_inside_but_for_the_minima() {
        let floats = (0..16).map(|i| Parameter::new(format!("x{i}"), Domain::float(0.0, 1.0)));
        let parameters = ParameterSpace::new(floats.collect()).expect("valid");
        let space = ModelSpace::new(&parameters);
        let worked = points(&space, 120, &[0.5; 16], 1.0);
        let bowl = |at: &Located| at.unit.iter().map(|u| (u - 0.6) * (u - 0.6)).sum::<f64>();
        let trials: Vec<Trial> =
            worked.iter().map(|at| Trial::ok(space.snap(&at.unit).0, bowl(at))).collect();
        let outcomes = Outcomes::of(&trials, &space).expect("fits");
        let model = Model::ensemble(&space, &outcomes, Noise::None, 0).expect("fits").swap_remove(0);
        let values: Vec<f64> = outcomes.measured.iter().map(|m| model.warp.apply(m.value)).collect();
        let region =
            Region::of(&space, &worked, &values, &model.process.kernel().length_scales).expect("many");
        let gp = GpParams::default().with_noise(Noise::None).build(parameters).expect("valid");
        let batch = gp.suggest(&trials, 8, Seed::from_u64(1)).expect("suggests").proposals;
        let encoding = &space.encoding;
        let at = |proposal: &Proposal| space.locate(encoding.encode(&proposal.params).expect("inside"));
        let inside = batch.iter().filter(|proposal| region.contains(&at(proposal))).count();
        assert!(inside >= 6, "{inside} of 8 in {region:?}");
    }
}
