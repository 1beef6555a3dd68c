//! Where a point stands in each column of the unit cube.

use synth_core::{Domain, ParameterSpace, ParameterValue};

use crate::Encoding;

/// What densities are taken over in one column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Axis {
    /// It has one value only: there is nothing to choose.
    Constant,
    /// A number of the unit interval: a real parameter or a break of a simplex's stick.
    Continuous,
    /// A whole number: an interval of the unit interval.
    Slots,
    /// A choice.
    Category { levels: usize },
}

/// Where a point stands in one column.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// Its parameter does not exist there, or has one value only.
    Absent,
    At(f64),
    /// Whole number `index`, which takes `extent` of the unit interval from `low` on; kept apart because
    /// `low + extent` may round to `low`.
    Slot {
        index: u64,
        low: f64,
        extent: f64,
    },
    Level(usize),
}

impl Place {
    /// The number that a kernel about this place is centred on.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::At(u) => Some(u),
            Self::Slot { low, extent, .. } => Some((low + 0.5 * extent).min(1.0)),
            Self::Absent | Self::Level(_) => None,
        }
    }

    pub(crate) fn level(self) -> Option<usize> {
        if let Self::Level(level) = self { Some(level) } else { None }
    }

    /// How much of the unit interval it takes.
    pub(crate) fn extent(self) -> f64 {
        if let Self::Slot { extent, .. } = self { extent } else { 0.0 }
    }
}

/// The columns of a space.
#[derive(Clone, Debug)]
pub(crate) struct Layout {
    pub(crate) encoding: Encoding,
    pub(crate) axes: Vec<Axis>,
    conditional: bool,
}

impl Layout {
    pub(crate) fn new(space: &ParameterSpace) -> Self {
        let encoding = Encoding::new(space);
        let axis = |owner: &usize| match &space.parameters()[*owner].domain {
            domain if domain.cardinality() == Some(1) => Axis::Constant,
            Domain::Choice { choices } => Axis::Category { levels: choices.len() },
            Domain::Int { .. } => Axis::Slots,
            _ => Axis::Continuous,
        };
        let axes = encoding.owners().iter().map(axis).collect();
        let conditional = space.parameters().iter().any(|p| p.when.is_some());
        Self { encoding, axes, conditional }
    }

    /// Where a point of the unit cube stands.
    pub(crate) fn places(&self, unit: &[f64]) -> Vec<Place> {
        let set = self.conditional.then(|| self.encoding.decode(unit));
        let parameters = self.encoding.space().parameters();
        let place = |((axis, owner), u): ((&Axis, &usize), &f64)| {
            let parameter = &parameters[*owner];
            if set.as_ref().is_some_and(|set| set.get(&parameter.name).is_none()) {
                return Place::Absent;
            }
            match *axis {
                Axis::Constant => Place::Absent,
                Axis::Continuous => Place::At(*u),
                Axis::Slots => slot(&parameter.domain, *u),
                Axis::Category { levels } => Place::Level(((u * levels as f64) as usize).min(levels - 1)),
            }
        };
        self.axes.iter().zip(self.encoding.owners()).zip(unit).map(place).collect()
    }
}

/// The interval of the whole number at `u`.
fn slot(domain: &Domain, u: f64) -> Place {
    let (Domain::Int { low, high, log }, Some(ParameterValue::Int(n))) = (domain, domain.value_at(u)) else {
        return Place::Absent;
    };
    let index = n.abs_diff(*low);
    let (low, extent) = if *log {
        let start = libm::log(*low as f64 - 0.5);
        let length = libm::log(*high as f64 + 0.5) - start;
        if length <= 0.0 {
            // The ends are too close for their logarithms to differ.
            return Place::Slot { index, low: 0.0, extent: 1.0 };
        }
        let below = n as f64 - 0.5;
        let low = (libm::log(below) - start) / length;
        (low.clamp(0.0, 1.0), (libm::log1p(1.0 / below) / length).min(1.0))
    } else {
        let count = high.abs_diff(*low) as f64 + 1.0;
        (index as f64 / count, 1.0 / count)
    };
    Place::Slot { index, low, extent }
}

#[cfg(test)]
mod tests {
    use synth_core::{Parameter, ParameterSet};

    use super::*;

    fn layout(domain: Domain) -> Layout {
        Layout::new(&ParameterSpace::new(vec![Parameter::new("n", domain)]).expect("valid"))
    }

    fn place_of(layout: &Layout, n: i64) -> Place {
        let set = ParameterSet::new().with("n", n);
        layout.places(&layout.encoding.encode(&set).expect("inside"))[0]
    }

    #[test]
    fn whole_numbers_tile_the_unit_interval() {
        for log in [false, true] {
            let layout = layout(Domain::Int { low: 2, high: 60, log });
            let mut end = 0.0;
            for n in 2..=60 {
                let Place::Slot { index, low, extent } = place_of(&layout, n) else { panic!("a slot") };
                assert_eq!(index as i64, n - 2);
                assert!((low - end).abs() < 1e-14 && extent > 0.0, "{n}: {low} {extent}");
                end = low + extent;
            }
            assert!((end - 1.0).abs() < 1e-14, "{end}");
        }
    }

    #[test]
    fn slots_below_rounding_keep_their_extent() {
        let (most, far) = (1_i64 << 52, 1_i64 << 60);
        for (low, high, log) in [(0, most, false), (1, most, true), (far, far + 8, true)] {
            let layout = layout(Domain::Int { low, high, log });
            for n in [low, high - 3, high] {
                let place = place_of(&layout, n);
                assert!(place.extent() > 0.0 && place.extent() <= 1.0, "{n}: {place:?}");
                assert!(place.number().is_some_and(|x| (0.0..=1.0).contains(&x)), "{n}: {place:?}");
            }
        }
    }

    #[test]
    fn what_does_not_exist_is_absent() {
        let space = ParameterSpace::new(vec![
            Parameter::new("kind", Domain::choice(["a", "b"])),
            Parameter::new("one", Domain::float(2.0, 2.0)),
            Parameter::new("x", Domain::float(0.0, 1.0)).when("kind", ["b"]),
        ])
        .expect("valid");
        let layout = Layout::new(&space);
        let absent = [Place::Level(0), Place::Absent, Place::Absent];
        assert_eq!(layout.places(&[0.25, 0.5, 0.9]), absent);
        assert_eq!(layout.places(&[0.75, 0.5, 0.9])[2], Place::At(0.9));
    }
}
