//! Finding the best point of a surface over a mixed cube.

use crate::gp::Scratch;
use crate::minimize::{Budget, minimize_in_box};

use super::space::Located;
use super::surface::Surface;

/// A point with its score.
#[derive(Clone, Debug)]
pub(crate) struct Found {
    pub(crate) at: Located,
    pub(crate) score: f64,
}

/// How thorough a climb is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Effort {
    /// Steps of each continuous climb.
    pub(crate) iterations: usize,
    /// Rounds over the neighbours of the discrete columns.
    pub(crate) rounds: usize,
    /// Other levels of a category tried a round.
    pub(crate) levels: usize,
}

/// Climbs from a point: continuously with whole numbers let loose, then with them in their slots,
/// then step by step through the neighbours in the discrete columns, each followed by a continuous climb.
/// The result stands on whole numbers and levels.
pub(crate) fn climb(surface: &Surface<'_>, start: &[f64], effort: Effort) -> Found {
    let has_integers = surface.space.free(start, true) != surface.space.free(start, false);
    let loose = if has_integers { ascend(surface, start, true, effort.iterations) } else { start.to_vec() };
    let mut best = settle(surface, &loose, effort.iterations);
    for round in 0..effort.rounds {
        let before = best.score;
        for other in surface.space.neighbours(&best.at.unit, effort.levels, round * effort.levels) {
            let found = settle(surface, &other, effort.iterations / 2);
            if found.score > best.score {
                best = found;
            }
        }
        if best.score <= before {
            break;
        }
    }
    best
}

/// Snaps to slots, climbs the rest.
fn settle(surface: &Surface<'_>, start: &[f64], iterations: usize) -> Found {
    let (_, at) = surface.space.snap(start);
    let unit = ascend(surface, &at.unit, false, iterations);
    let (_, at) = surface.space.snap(&unit);
    let score = surface.value(&at, &mut Vec::new());
    Found { at, score }
}

fn ascend(surface: &Surface<'_>, start: &[f64], relaxed: bool, iterations: usize) -> Vec<f64> {
    let free = surface.space.free(start, relaxed);
    if !free.contains(&true) {
        return start.to_vec();
    }
    let bounds = |(column, (free, u)): (usize, (&bool, &f64))| {
        if !free {
            return (*u, *u);
        }
        let (low, high) = surface.region.map_or((0.0, 1.0), |region| region.bounds(column));
        // What starts outside may stay there.
        (low.min(*u), high.max(*u))
    };
    let (low, high): (Vec<f64>, Vec<f64>) = free.iter().zip(start).enumerate().map(bounds).unzip();
    let mut scratch = Scratch::default();
    let mut objective = |unit: &[f64], gradient: &mut [f64]| {
        let at = surface.space.locate(unit.to_vec());
        let score = surface.gradient(&at, &mut scratch, gradient);
        gradient.iter_mut().for_each(|g| *g = -*g);
        -score
    };
    let budget = Budget { iterations, gradient: 1e-9, gain: 1e-10 };
    minimize_in_box(start, &low, &high, budget, &mut objective).x
}
