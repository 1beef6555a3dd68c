//! From where the search for a batch starts.

use synth_core::{Result, Seed, Stream};

use super::region::Region;
use super::space::{Located, ModelSpace};
use crate::distinct::{Seen, size_at_most, unseen};
use crate::encoding::UnitColumn;
use crate::sobol::SobolSequence;

/// A discrete space up to this size is looked at whole.
const WHOLE: u64 = 2048;
/// Points of least mean from which steps are taken.
const BEST: usize = 4;

/// What candidates are drawn from.
pub(super) struct Sources<'a> {
    pub(super) space: &'a ModelSpace,
    pub(super) worked: &'a [Located],
    /// Predicted means of the points that worked.
    pub(super) means: &'a [f64],
    pub(super) region: Option<&'a Region>,
    pub(super) seen: &'a Seen,
    pub(super) seed: Seed,
}

impl Sources<'_> {
    /// All new points of a small discrete space; else `count` scrambled Sobol points over the whole cube (as many
    /// over the region, where there is one), half as many steps of every size from the best of the points that
    /// worked, and the two best themselves.
    pub(super) fn points(&self, count: usize) -> Result<Vec<Located>> {
        let Self { space, worked, means, .. } = *self;
        let encoding = &space.encoding;
        if size_at_most(encoding.space()).is_some_and(|size| size <= WHOLE) {
            let sets = unseen(encoding, self.seen, WHOLE as usize, self.seed)?;
            return sets.iter().map(|set| Ok(space.locate(encoding.encode(set)?))).collect();
        }
        let seed = self.seed.derive("optimize/gp/candidates");
        let sobol = SobolSequence::new(space.dim(), seed.derive(&worked.len().to_string()));
        let mut points: Vec<Located> = (0..count as u64).map(|i| space.snap(&sobol.point(i)).1).collect();
        if let Some(region) = self.region {
            let inside = |i| space.snap(&region.stretch(&sobol.point(i))).1;
            points.extend((count as u64..2 * count as u64).map(inside));
        }
        let mut order: Vec<usize> = (0..worked.len()).collect();
        order.sort_by(|a, b| means[*a].total_cmp(&means[*b]).then(a.cmp(b)));
        let mut stream = seed.stream(worked.len() as u64);
        for i in 0..count / 2 {
            let from = &worked[order[i % order.len().min(BEST)]];
            points.push(space.snap(&step(space, &from.unit, &mut stream)).1);
        }
        points.extend(order.iter().take(2).map(|i| worked[*i].clone()));
        Ok(points)
    }
}

/// A random step: some columns, normal for numbers, uniform for categories, of a random size.
fn step(space: &ModelSpace, from: &[f64], stream: &mut Stream) -> Vec<f64> {
    let size = libm::exp(stream.uniform(libm::log(1e-4), libm::log(0.3)));
    let share = stream.unit();
    let mut unit = from.to_vec();
    for (u, column) in unit.iter_mut().zip(space.encoding.columns()) {
        let (moves, z, fresh) = (stream.unit() < share, stream.normal(), stream.unit());
        match column {
            UnitColumn::Category { .. } if moves && size > 0.05 => *u = fresh,
            UnitColumn::Category { .. } => {}
            _ if moves => *u = (*u + size * z).clamp(0.0, 1.0),
            _ => {}
        }
    }
    unit
}
