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
    /// Whole number `index`, which takes the interval from `low` to `high`.
    Slot {
        index: u64,
        low: f64,
        high: f64,
    },
    Level(usize),
}

impl Place {
    /// The number that a kernel about this place is centred on.
    pub(crate) fn number(self) -> Option<f64> {
        match self {
            Self::At(u) => Some(u),
            Self::Slot { low, high, .. } => Some(0.5 * (low + high)),
            Self::Absent | Self::Level(_) => None,
        }
    }

    pub(crate) fn level(self) -> Option<usize> {
        if let Self::Level(level) = self { Some(level) } else { None }
    }

    /// How much of the unit interval it takes.
    pub(crate) fn extent(self) -> f64 {
        if let Self::Slot { low, high, .. } = self { high - low } else { 0.0 }
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
    let (from, to) = if *log {
        let end = |x: i64, side: f64| libm::log(x as f64 + side);
        let (a, b) = (end(*low, -0.5), end(*high, 0.5));
        ((end(n, -0.5) - a) / (b - a), (end(n, 0.5) - a) / (b - a))
    } else {
        let count = high.abs_diff(*low) as f64 + 1.0;
        (index as f64 / count, (index as f64 + 1.0) / count)
    };
    Place::Slot { index, low: from, high: to }
}
