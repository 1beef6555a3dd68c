//! Which columns of the unit cube the distribution is over.

use synth_core::{Domain, ParameterSet, ParameterValue, Result};

use crate::encoding::{Encoding, UnitColumn};

/// Where in a column a trial was: what its parameter set still tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// A real number.
    At(f64),
    /// Anywhere in here: the slot of a whole number, or the line for what did not exist.
    Within(Slot),
}

/// The part of a column that stands for one whole number; the outermost have no end.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Slot {
    pub(crate) low: f64,
    pub(crate) high: f64,
}

/// Everything: where a parameter did not exist, its column may have been anywhere.
const ANYWHERE: Slot = Slot { low: f64::NEG_INFINITY, high: f64::INFINITY };

/// The columns of a space's cube by what CMA-ES makes of them; those of one value are left out.
#[derive(Clone, Debug)]
pub(crate) struct Columns {
    pub(crate) encoding: Encoding,
    /// Columns of numbers and breaks of sticks.
    pub(crate) numbers: Vec<usize>,
    /// Columns of choices, with the number of levels.
    pub(crate) categories: Vec<(usize, usize)>,
}

impl Columns {
    pub(crate) fn new(encoding: Encoding) -> Self {
        let (mut numbers, mut categories) = (Vec::new(), Vec::new());
        for (at, column) in encoding.columns().iter().enumerate() {
            match column {
                UnitColumn::Number { levels: Some(1) } | UnitColumn::Category { levels: 1 } => {}
                UnitColumn::Category { levels } => categories.push((at, *levels)),
                UnitColumn::Number { .. } | UnitColumn::Stick { .. } => numbers.push(at),
            }
        }
        Self { encoding, numbers, categories }
    }

    /// Whether nothing can be moved by ever smaller steps.
    pub(crate) fn is_discrete(&self) -> bool {
        (0..self.numbers.len()).all(|at| self.is_whole(at))
    }

    /// Whether the number `at` of [`numbers`](Self::numbers) is a whole one.
    pub(crate) fn is_whole(&self, at: usize) -> bool {
        matches!(self.encoding.columns()[self.numbers[at]], UnitColumn::Number { levels: Some(_) })
    }

    fn domain(&self, column: usize) -> &Domain {
        &self.encoding.space().parameters()[self.encoding.owners()[column]].domain
    }

    /// The slot of whole number `at` that holds `u`.
    pub(crate) fn slot(&self, at: usize, u: f64) -> Slot {
        let domain = self.domain(self.numbers[at]);
        match (domain, domain.value_at(u)) {
            (Domain::Int { low, high, log }, Some(ParameterValue::Int(value))) => {
                let edge = |half: f64| edge(value as f64 + half, *low as f64 - 0.5, *high as f64 + 0.5, *log);
                Slot {
                    low: if value == *low { f64::NEG_INFINITY } else { edge(-0.5) },
                    high: if value == *high { f64::INFINITY } else { edge(0.5) },
                }
            }
            _ => ANYWHERE,
        }
    }

    /// Where a set is: in each of the numbers, and its level of each choice that existed.
    pub(crate) fn locate(&self, set: &ParameterSet) -> Result<(Vec<Place>, Vec<Option<usize>>)> {
        let set = self.encoding.space().resolve(set)?;
        let unit = self.encoding.encode(&set)?;
        let exists = |column: usize| {
            let owner = self.encoding.owners()[column];
            set.get(&self.encoding.space().parameters()[owner].name).is_some()
        };
        let number = |(at, column): (usize, &usize)| match unit[*column] {
            _ if !exists(*column) => Place::Within(ANYWHERE),
            u if self.is_whole(at) => Place::Within(self.slot(at, u)),
            u => Place::At(u),
        };
        let level = |(column, levels): &(usize, usize)| {
            exists(*column).then(|| ((unit[*column] * *levels as f64) as usize).min(levels - 1))
        };
        let numbers = self.numbers.iter().enumerate().map(number).collect();
        Ok((numbers, self.categories.iter().map(level).collect()))
    }

    /// The set that numbers and levels stand for; real numbers outside the cube come back mirrored.
    pub(crate) fn set(&self, numbers: &[f64], levels: &[usize]) -> ParameterSet {
        let mut unit = vec![0.5; self.encoding.dim()];
        for (at, (column, u)) in self.numbers.iter().zip(numbers).enumerate() {
            unit[*column] = if self.is_whole(at) { *u } else { mirrored(*u) };
        }
        for ((column, levels), level) in self.categories.iter().zip(levels) {
            unit[*column] = (*level as f64 + 0.5) / *levels as f64;
        }
        self.encoding.decode(&unit)
    }
}

fn edge(value: f64, low: f64, high: f64, log: bool) -> f64 {
    if log {
        (libm::log(value) - libm::log(low)) / (libm::log(high) - libm::log(low))
    } else {
        (value - low) / (high - low)
    }
}

/// The point of [0, 1] on which `u` falls when the line is folded at 0 and 1.
fn mirrored(u: f64) -> f64 {
    let folded = libm::fabs(u) % 2.0;
    if folded > 1.0 { 2.0 - folded } else { folded }
}

#[cfg(test)]
mod tests {
    use synth_core::{Parameter, ParameterSpace};

    use super::*;

    #[test]
    fn slots_end_where_another_whole_number_begins() {
        let space = ParameterSpace::new(vec![
            Parameter::new("n", Domain::int(3, 9)),
            Parameter::new("log", Domain::Int { low: 1, high: 300, log: true }),
        ])
        .expect("valid");
        let columns = Columns::new(Encoding::new(&space));
        for (at, name) in ["n", "log"].into_iter().enumerate() {
            for u in [0.0, 0.2, 0.5, 0.77, 1.0] {
                let value = |u: f64| columns.set(&[u, u], &[]).int(name).expect("there");
                let slot = columns.slot(at, u);
                assert_eq!(slot.low.is_finite(), value(u) > value(0.0));
                assert_eq!(slot.high.is_finite(), value(u) < value(1.0));
                if slot.low.is_finite() {
                    assert_eq!([value(slot.low - 1e-9), value(slot.low + 1e-9)], [value(u) - 1, value(u)]);
                }
                if slot.high.is_finite() {
                    assert_eq!([value(slot.high - 1e-9), value(slot.high + 1e-9)], [value(u), value(u) + 1]);
                }
            }
        }
    }

    #[test]
    fn what_lies_outside_is_mirrored_at_the_faces() {
        for (u, inside) in [(0.3, 0.3), (-0.3, 0.3), (1.25, 0.75), (2.25, 0.25), (-1.75, 0.25), (1.0, 1.0)] {
            assert!((mirrored(u) - inside).abs() < 1e-12, "{u}");
        }
    }

    #[test]
    fn what_did_not_exist_may_have_been_anywhere() {
        let space = ParameterSpace::new(vec![
            Parameter::new("kind", Domain::choice(["a", "b"])),
            Parameter::new("x", Domain::float(0.0, 2.0)).when("kind", ["b"]),
            Parameter::new("one", Domain::int(4, 4)),
        ])
        .expect("valid");
        let columns = Columns::new(Encoding::new(&space));
        let set = ParameterSet::new().with("one", 4);
        let without = columns.locate(&set.clone().with("kind", "a")).expect("inside");
        assert_eq!(without, (vec![Place::Within(ANYWHERE)], vec![Some(0)]));
        let with = columns.locate(&set.with("kind", "b").with("x", 0.5)).expect("inside");
        assert_eq!(with, (vec![Place::At(0.25)], vec![Some(1)]));
    }
}
