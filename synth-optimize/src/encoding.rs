use synth_core::{Domain, Error, Parameter, ParameterSet, ParameterSpace, ParameterValue, Result};

/// What one column of the unit cube stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnitColumn {
    /// A number: 0 and 1 are the ends of its range, linear or logarithmic.
    Number {
        /// How many different values it has; `None` for a continuum.
        levels: Option<u64>,
    },
    /// A choice: level `i` of `levels` is the interval [i, i + 1) / levels, its code the middle.
    Category {
        /// How many choices there are.
        levels: usize,
    },
    /// One break of the stick that a simplex is cut from.
    Stick {
        /// How many parts are left after this one, at least 1.
        remaining: usize,
    },
}

/// The way between parameter sets and numbers.
///
/// Two codes are offered:
///
/// - the *unit cube* ([`encode`](Self::encode), [`decode`](Self::decode)): every point of the cube is
///   a set, and a uniform point is a uniform set. A number takes one column, a choice one, a
///   simplex of `k` parts `k − 1` (stick breaking, `share_i = rest · (1 − (1 − u)^(1/remaining))`, which
///   makes uniform points Dirichlet(1, …, 1)). A parameter that does not exist has 0.5;
/// - *features* ([`features`](Self::features)): numbers in [0, 1], choices one-hot, simplex shares as
///   they are, 0 for what does not exist: inputs for kernels and regressions.
///
/// # Examples
/// ```
/// use synth_core::{Domain, Parameter, ParameterSet, ParameterSpace};
/// use synth_optimize::Encoding;
/// let space = ParameterSpace::new(vec![
///     Parameter::new("size", Domain::float(5.0, 40.0)),
///     Parameter::new("shape", Domain::choice(["circle", "ellipse"])),
/// ])?;
/// let encoding = Encoding::new(&space);
/// let set = ParameterSet::new().with("size", 12.0).with("shape", "ellipse");
/// assert_eq!(encoding.encode(&set)?, [0.2, 0.75]);
/// assert_eq!(encoding.decode(&[0.2, 0.75]), set);
/// assert_eq!(encoding.features(&set)?, [0.2, 0.0, 1.0]);
/// assert!(encoding.encode(&set.with("size", 50.0)).is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Encoding {
    space: ParameterSpace,
    columns: Vec<UnitColumn>,
    owners: Vec<usize>,
}

impl Encoding {
    /// The encoding of a space.
    #[must_use]
    pub fn new(space: &ParameterSpace) -> Self {
        let (mut columns, mut owners) = (Vec::new(), Vec::new());
        for (at, parameter) in space.parameters().iter().enumerate() {
            let before = columns.len();
            match &parameter.domain {
                Domain::Choice { choices } => columns.push(UnitColumn::Category { levels: choices.len() }),
                Domain::Simplex { parts } => {
                    columns.extend((1..*parts).rev().map(|remaining| UnitColumn::Stick { remaining }));
                }
                domain => columns.push(UnitColumn::Number { levels: domain.cardinality() }),
            }
            owners.resize(owners.len() + columns.len() - before, at);
        }
        Self { space: space.clone(), columns, owners }
    }

    /// The space that is encoded.
    #[must_use]
    pub fn space(&self) -> &ParameterSpace {
        &self.space
    }

    /// How many columns the unit cube has.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.columns.len()
    }

    /// What each column of the unit cube stands for.
    #[must_use]
    pub fn columns(&self) -> &[UnitColumn] {
        &self.columns
    }

    /// For each column of the unit cube, the index of the parameter it belongs to.
    #[must_use]
    pub fn owners(&self) -> &[usize] {
        &self.owners
    }

    /// How many numbers [`features`](Self::features) gives.
    #[must_use]
    pub fn feature_dim(&self) -> usize {
        self.space.parameters().iter().map(feature_width).sum()
    }

    /// Names of the features: `size`, `shape=circle`, `mix[0]`.
    #[must_use]
    pub fn feature_names(&self) -> Vec<String> {
        let names = |p: &Parameter| match &p.domain {
            Domain::Choice { choices } => choices.iter().map(|c| format!("{}={c}", p.name)).collect(),
            Domain::Simplex { parts } => (0..*parts).map(|i| format!("{}[{i}]", p.name)).collect(),
            _ => vec![p.name.clone()],
        };
        self.space.parameters().iter().flat_map(names).collect()
    }

    /// The point of the unit cube that stands for a set.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if the set lies outside the space.
    pub fn encode(&self, set: &ParameterSet) -> Result<Vec<f64>> {
        let set = self.space.resolve(set)?;
        let mut unit = Vec::with_capacity(self.dim());
        for parameter in self.space.parameters() {
            push_unit(&parameter.domain, set.get(&parameter.name), &mut unit);
        }
        Ok(unit)
    }

    /// The set that a point of the unit cube stands for; coordinates outside [0, 1] are clamped, NaN
    /// counts as 0. Whole numbers and choices are reached exactly.
    ///
    /// # Panics
    /// If `unit` does not have [`dim`](Self::dim) coordinates.
    #[must_use]
    pub fn decode(&self, unit: &[f64]) -> ParameterSet {
        assert_eq!(unit.len(), self.dim(), "a point of the unit cube has one coordinate per column");
        let unit: Vec<f64> = unit.iter().map(|u| if u.is_nan() { 0.0 } else { u.clamp(0.0, 1.0) }).collect();
        let mut set = ParameterSet::new();
        let mut rest = unit.as_slice();
        for parameter in self.space.parameters() {
            let (own, later) = rest.split_at(unit_width(parameter));
            rest = later;
            if ParameterSpace::is_active(parameter, &set) {
                set.insert(&parameter.name, value_of(&parameter.domain, own));
            }
        }
        set
    }

    /// Inputs for kernels and regressions: numbers in [0, 1], one-hot choices, shares.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if the set lies outside the space.
    pub fn features(&self, set: &ParameterSet) -> Result<Vec<f64>> {
        let set = self.space.resolve(set)?;
        let mut features = Vec::with_capacity(self.feature_dim());
        for parameter in self.space.parameters() {
            let from = features.len();
            match (&parameter.domain, set.get(&parameter.name)) {
                (Domain::Choice { choices }, Some(ParameterValue::Choice(choice))) => {
                    features.extend(choices.iter().map(|other| f64::from(u8::from(other == choice))));
                }
                (Domain::Simplex { .. }, Some(ParameterValue::Simplex(shares))) => features.extend(shares),
                (domain, Some(value)) => push_unit(domain, Some(value), &mut features),
                (_, None) => features.resize(from + feature_width(parameter), 0.0),
            }
        }
        Ok(features)
    }

    /// A key that two sets share exactly if they are the same point of the space.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if the set lies outside the space.
    pub fn key(&self, set: &ParameterSet) -> Result<SetKey> {
        let set = self.space.resolve(set)?;
        let mut bits = Vec::with_capacity(self.space.len());
        for parameter in self.space.parameters() {
            match set.get(&parameter.name) {
                None => bits.push(u64::MAX),
                Some(ParameterValue::Int(value)) => bits.push(*value as u64),
                Some(ParameterValue::Float(value)) => bits.push(float_bits(*value)),
                Some(ParameterValue::Simplex(shares)) => bits.extend(shares.iter().map(|s| float_bits(*s))),
                Some(ParameterValue::Choice(choice)) => {
                    bits.push(
                        level_of(&parameter.domain, choice).ok_or_else(|| unknown(parameter, choice))? as u64
                    );
                }
            }
        }
        Ok(SetKey(bits))
    }
}

/// Identity of a parameter set within its space; see [`Encoding::key`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SetKey(Vec<u64>);

fn unknown(parameter: &Parameter, choice: &str) -> Error {
    Error::invalid(&parameter.name, parameter.domain.describe(), choice)
}

/// The bits of a number, with one zero.
fn float_bits(value: f64) -> u64 {
    (value + 0.0).to_bits()
}

fn unit_width(parameter: &Parameter) -> usize {
    match parameter.domain {
        Domain::Simplex { parts } => parts - 1,
        _ => 1,
    }
}

fn feature_width(parameter: &Parameter) -> usize {
    match &parameter.domain {
        Domain::Simplex { parts } => *parts,
        Domain::Choice { choices } => choices.len(),
        _ => 1,
    }
}

fn level_of(domain: &Domain, choice: &str) -> Option<usize> {
    match domain {
        Domain::Choice { choices } => choices.iter().position(|other| other == choice),
        _ => None,
    }
}

fn push_unit(domain: &Domain, value: Option<&ParameterValue>, unit: &mut Vec<f64>) {
    match (domain, value) {
        (Domain::Simplex { .. }, Some(ParameterValue::Simplex(shares))) => push_sticks(shares, unit),
        (Domain::Simplex { parts }, _) => unit.resize(unit.len() + parts - 1, 0.5),
        (Domain::Choice { choices }, Some(ParameterValue::Choice(choice))) => {
            let level = level_of(domain, choice).map_or(0.5, |level| level as f64 + 0.5);
            unit.push(level / choices.len() as f64);
        }
        (Domain::Float { low, high, log }, Some(ParameterValue::Float(x))) => {
            unit.push(position(*x, *low, *high, *log));
        }
        (Domain::Int { low, high, log: false }, Some(ParameterValue::Int(n))) => {
            let count = high.abs_diff(*low) as f64 + 1.0;
            unit.push((n.abs_diff(*low) as f64 + 0.5) / count);
        }
        (Domain::Int { low, high, log: true }, Some(ParameterValue::Int(n))) => {
            unit.push(position(*n as f64, *low as f64 - 0.5, *high as f64 + 0.5, true));
        }
        _ => unit.push(0.5),
    }
}

fn position(x: f64, low: f64, high: f64, log: bool) -> f64 {
    let (x, low, high) = if log { (libm::log(x), libm::log(low), libm::log(high)) } else { (x, low, high) };
    if high > low { ((x - low) / (high - low)).clamp(0.0, 1.0) } else { 0.5 }
}

fn push_sticks(shares: &[f64], unit: &mut Vec<f64>) {
    let mut rest = 1.0;
    for (at, share) in shares[..shares.len() - 1].iter().enumerate() {
        let remaining = (shares.len() - 1 - at) as f64;
        let kept = if rest > 0.0 { (1.0 - share / rest).clamp(0.0, 1.0) } else { 1.0 };
        unit.push(1.0 - libm::pow(kept, remaining));
        rest = (rest - share).max(0.0);
    }
}

/// Shares of a simplex from the breaks of its stick.
pub(crate) fn shares_from_sticks(sticks: &[f64]) -> Vec<f64> {
    let mut rest = 1.0;
    let mut shares = Vec::with_capacity(sticks.len() + 1);
    for (at, stick) in sticks.iter().enumerate() {
        let remaining = (sticks.len() - at) as f64;
        let share = rest * (1.0 - libm::pow(1.0 - stick.clamp(0.0, 1.0), 1.0 / remaining));
        shares.push(share);
        rest = (rest - share).max(0.0);
    }
    shares.push(rest);
    shares
}

fn value_of(domain: &Domain, unit: &[f64]) -> ParameterValue {
    match domain.value_at(unit[0]) {
        Some(value) => value,
        None => ParameterValue::Simplex(shares_from_sticks(unit)),
    }
}

#[cfg(test)]
mod tests {
    use synth_core::Seed;

    use super::*;

    fn space() -> ParameterSpace {
        ParameterSpace::new(vec![
            Parameter::new("kind", Domain::choice(["a", "b", "c"])),
            Parameter::new("count", Domain::int(3, 20)),
            Parameter::new("rate", Domain::Float { low: 1e-4, high: 1.0, log: true }),
            Parameter::new("steps", Domain::Int { low: 1, high: 1000, log: true }),
            Parameter::new("mix", Domain::Simplex { parts: 4 }),
            Parameter::new("extra", Domain::float(-1.0, 1.0)).when("kind", ["b"]),
            Parameter::new("mode", Domain::choice(["x", "y"])).when("kind", ["b", "c"]),
        ])
        .expect("valid")
    }

    fn close(a: &ParameterValue, b: &ParameterValue) -> bool {
        match (a, b) {
            (ParameterValue::Float(a), ParameterValue::Float(b)) => {
                (a - b).abs() <= 1e-12 * a.abs().max(1e-3)
            }
            (ParameterValue::Simplex(a), ParameterValue::Simplex(b)) => {
                a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-12)
            }
            _ => a == b,
        }
    }

    #[test]
    fn sets_survive_the_way_to_the_cube_and_back() {
        let encoding = Encoding::new(&space());
        for index in 0..500 {
            let set = space().draw(&mut Seed::from_u64(1).stream(index));
            let unit = encoding.encode(&set).expect("inside");
            assert!(unit.len() == encoding.dim() && unit.iter().all(|u| (0.0..=1.0).contains(u)), "{unit:?}");
            let back = encoding.decode(&unit);
            assert_eq!(back.len(), set.len());
            assert!(
                set.iter().zip(back.iter()).all(|(a, b)| a.0 == b.0 && close(a.1, b.1)),
                "{set:?} {back:?}"
            );
        }
    }

    #[test]
    fn every_point_of_the_cube_is_a_set() {
        let encoding = Encoding::new(&space());
        let mut stream = Seed::from_u64(2).stream(0);
        for corner in [0.0, 1.0, -3.0, 7.0, f64::NAN] {
            assert!(space().resolve(&encoding.decode(&vec![corner; encoding.dim()])).is_ok());
        }
        for _ in 0..200 {
            let unit: Vec<f64> = (0..encoding.dim()).map(|_| stream.unit()).collect();
            assert!(space().resolve(&encoding.decode(&unit)).is_ok());
        }
    }

    #[test]
    fn uniform_points_give_uniform_shares() {
        let mut stream = Seed::from_u64(3).stream(0);
        let n = 20_000;
        let mut sums = [0.0; 3];
        for _ in 0..n {
            let shares = shares_from_sticks(&[stream.unit(), stream.unit()]);
            sums.iter_mut().zip(&shares).for_each(|(sum, share)| *sum += share * share);
        }
        // E[share²] = 2 / (k (k + 1)) = 1/6 for Dirichlet(1, 1, 1).
        assert!(sums.iter().all(|sum| (sum / f64::from(n) - 1.0 / 6.0).abs() < 5e-3), "{sums:?}");
    }

    #[test]
    fn features_are_one_hot_and_zero_where_absent() {
        let encoding = Encoding::new(&space());
        let mut set = space().draw(&mut Seed::from_u64(4).stream(0)).with("kind", "b");
        set.insert("extra", 1.0);
        set.insert("mode", "y");
        let features = encoding.features(&set).expect("inside");
        assert_eq!(features.len(), encoding.feature_dim());
        assert_eq!(encoding.feature_names().len(), features.len());
        assert_eq!(features[..3], [0.0, 1.0, 0.0]);
        assert_eq!(features[10..], [1.0, 0.0, 1.0]);
        let mut plain = ParameterSet::new().with("kind", "a");
        for name in ["count", "rate", "steps", "mix"] {
            plain.insert(name, set.get(name).expect("there").clone());
        }
        assert_eq!(encoding.features(&plain).expect("inside")[10..], [0.0; 3]);
    }

    #[test]
    fn large_counts_and_tiny_ranges_are_reached_exactly() {
        let space = ParameterSpace::new(vec![
            Parameter::new("n", Domain::int(-1_000_000_000, 1_000_000_000)),
            Parameter::new("x", Domain::float(1.0, 1.0 + 1e-12)),
            Parameter::new("one", Domain::float(2.0, 2.0)),
        ])
        .expect("valid");
        let encoding = Encoding::new(&space);
        for n in [-1_000_000_000, -7, 0, 123_456_789, 1_000_000_000] {
            let set = ParameterSet::new().with("n", n).with("x", 1.0 + 5e-13).with("one", 2.0);
            let back = encoding.decode(&encoding.encode(&set).expect("inside"));
            assert_eq!(back.int("n").ok(), Some(n));
            assert_eq!(back.float("one").ok(), Some(2.0));
            assert!((back.float("x").expect("there") - (1.0 + 5e-13)).abs() < 5e-16);
        }
    }

    #[test]
    fn keys_tell_sets_apart() {
        let encoding = Encoding::new(&space());
        let set = space().draw(&mut Seed::from_u64(5).stream(0));
        let key = encoding.key(&set).expect("inside");
        assert_eq!(key, encoding.key(&set.clone()).expect("inside"));
        let moved = set.int("count").expect("there") % 18 + 3;
        let other = set.with("count", moved);
        assert_ne!(key, encoding.key(&other).expect("inside"));
    }
}
