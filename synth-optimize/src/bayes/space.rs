//! A parameter space as inputs of a Gaussian process.

use synth_core::{Domain, ParameterSet, ParameterSpace};

use crate::encoding::{Encoding, UnitColumn, shares_from_sticks};
use crate::gp::{Column, Inputs};

/// How one column of the unit cube reaches the model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// It has one value only: the model does not see it.
    Constant,
    /// It is this number column.
    Number(usize),
    /// It is this category column.
    Category(usize),
    /// It is break `at` of the stick whose `parts` shares start at number column `first`.
    Stick { first: usize, at: usize, parts: usize },
}

/// The way from the unit cube to numbers and levels, and back for gradients.
///
/// Numbers are cube coordinates, whole numbers the middle of their slot, choices level indices,
/// simplices their shares. A parameter that does not exist has 0.5, zero shares, or a level of its own.
#[derive(Clone, Debug)]
pub(crate) struct ModelSpace {
    pub(crate) encoding: Encoding,
    pub(crate) columns: Vec<Column>,
    routes: Vec<Route>,
    number_dim: usize,
    category_dim: usize,
    conditional: bool,
}

/// A point of the unit cube with what the model sees of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Located {
    pub(crate) unit: Vec<f64>,
    pub(crate) numbers: Vec<f64>,
    pub(crate) levels: Vec<usize>,
}

impl Located {
    pub(crate) fn point(&self) -> (&[f64], &[usize]) {
        (&self.numbers, &self.levels)
    }
}

impl ModelSpace {
    pub(crate) fn new(space: &ParameterSpace) -> Self {
        let encoding = Encoding::new(space);
        let (mut routes, mut columns) = (Vec::new(), Vec::new());
        let (mut numbers, mut categories) = (0, 0);
        for parameter in space.parameters() {
            match &parameter.domain {
                Domain::Simplex { parts } => {
                    routes.extend((0..parts - 1).map(|at| Route::Stick {
                        first: numbers,
                        at,
                        parts: *parts,
                    }));
                    columns.resize(columns.len() + parts, Column::Number);
                    numbers += parts;
                }
                Domain::Choice { choices } if choices.len() > 1 => {
                    let levels = choices.len() + usize::from(parameter.when.is_some());
                    routes.push(Route::Category(categories));
                    columns.push(Column::Category { levels });
                    categories += 1;
                }
                domain if domain.cardinality() == Some(1) => routes.push(Route::Constant),
                _ => {
                    routes.push(Route::Number(numbers));
                    columns.push(Column::Number);
                    numbers += 1;
                }
            }
        }
        let conditional = space.parameters().iter().any(|p| p.when.is_some());
        Self { encoding, columns, routes, number_dim: numbers, category_dim: categories, conditional }
    }

    /// The number column that a column of the unit cube is, if it is one that every set has.
    pub(crate) fn number_column(&self, column: usize) -> Option<usize> {
        let owner = &self.encoding.space().parameters()[self.encoding.owners()[column]];
        match self.routes[column] {
            Route::Number(number) if owner.when.is_none() => Some(number),
            _ => None,
        }
    }

    pub(crate) fn dim(&self) -> usize {
        self.encoding.dim()
    }

    /// The set a point stands for, and the point in the middle of that set's slot.
    pub(crate) fn snap(&self, unit: &[f64]) -> (ParameterSet, Located) {
        let set = self.encoding.decode(unit);
        let unit = self.encoding.encode(&set).expect("invariant: a decoded set lies inside the space");
        (set, self.locate(unit))
    }

    /// What the model sees of a point; whole numbers stay where they are.
    pub(crate) fn locate(&self, unit: Vec<f64>) -> Located {
        let active = self.active(&unit);
        let (mut numbers, mut levels) = (vec![0.0; self.number_dim], vec![0; self.category_dim]);
        for (at, (route, u)) in self.routes.iter().zip(&unit).enumerate() {
            let exists = active.as_ref().is_none_or(|active| active[at]);
            match *route {
                Route::Number(column) => numbers[column] = if exists { *u } else { 0.5 },
                Route::Category(column) => levels[column] = self.level(at, *u, exists),
                Route::Stick { first, at: 0, parts } if exists => {
                    numbers[first..first + parts]
                        .copy_from_slice(&shares_from_sticks(&unit[at..at + parts - 1]));
                }
                _ => {}
            }
        }
        Located { unit, numbers, levels }
    }

    /// Levels as columns of a matrix put numbers and categories back in the columns' order.
    pub(crate) fn inputs<'a>(&self, points: impl IntoIterator<Item = &'a Located>) -> Inputs {
        let mut inputs = Inputs::empty(self.number_dim, self.category_dim);
        points.into_iter().for_each(|point| inputs.push(&point.numbers, &point.levels));
        inputs
    }

    fn level(&self, column: usize, u: f64, exists: bool) -> usize {
        let UnitColumn::Category { levels } = self.encoding.columns()[column] else { return 0 };
        if exists { ((u * levels as f64) as usize).min(levels - 1) } else { levels }
    }

    /// Which columns belong to parameters that exist; `None` where all always do.
    fn active(&self, unit: &[f64]) -> Option<Vec<bool>> {
        self.conditional.then(|| {
            let set = self.encoding.decode(unit);
            let parameters = self.encoding.space().parameters();
            self.encoding.owners().iter().map(|owner| set.get(&parameters[*owner].name).is_some()).collect()
        })
    }

    /// Columns that move continuously from this point; with `relaxed`, whole numbers move too.
    /// What decides whether another parameter exists never moves.
    pub(crate) fn free(&self, unit: &[f64], relaxed: bool) -> Vec<bool> {
        let active = self.active(unit);
        let parents = self.parents();
        let free = |at: usize| {
            let movable = match (self.routes[at], self.encoding.columns()[at]) {
                (Route::Number(_), UnitColumn::Number { levels }) => levels.is_none() || relaxed,
                (Route::Stick { .. }, _) => true,
                _ => false,
            };
            movable && !parents[at] && active.as_ref().is_none_or(|active| active[at])
        };
        (0..self.dim()).map(free).collect()
    }

    fn parents(&self) -> Vec<bool> {
        let parameters = self.encoding.space().parameters();
        let is_parent = |name: &str| {
            self.conditional
                && parameters.iter().any(|p| p.when.as_ref().is_some_and(|w| w.parameter == name))
        };
        self.encoding.owners().iter().map(|owner| is_parent(&parameters[*owner].name)).collect()
    }

    /// Steps to try from a point in the columns that do not move continuously: the two neighbours of
    /// a whole number, and for a category the other levels (`most` of them, from `turn` on).
    pub(crate) fn neighbours(&self, unit: &[f64], most: usize, turn: usize) -> Vec<Vec<f64>> {
        let mut found = Vec::new();
        for (at, column) in self.encoding.columns().iter().enumerate() {
            let mut step = |value: f64| {
                let mut other = unit.to_vec();
                other[at] = value;
                found.push(other);
            };
            match *column {
                UnitColumn::Number { levels: Some(levels) } if levels > 1 => {
                    let width = 1.0 / levels as f64;
                    [unit[at] - width, unit[at] + width]
                        .into_iter()
                        .filter(|u| (0.0..=1.0).contains(u))
                        .for_each(step);
                }
                UnitColumn::Category { levels } if levels > 1 => {
                    let own = self.level(at, unit[at], true);
                    let others = (1..levels).map(|k| (own + 1 + (k - 1 + turn) % (levels - 1)) % levels);
                    others.take(most).for_each(|level| step((level as f64 + 0.5) / levels as f64));
                }
                _ => {}
            }
        }
        found
    }

    /// The gradient with respect to cube coordinates from that with respect to the model's numbers.
    pub(crate) fn pull_back(&self, at: &Located, numbers: &[f64], gradient: &mut [f64]) {
        for (column, route) in self.routes.iter().enumerate() {
            gradient[column] = match *route {
                Route::Number(number) => numbers[number],
                Route::Stick { first, at: stick, parts } => {
                    let shares = &at.numbers[first..first + parts];
                    stick_slope(at.unit[column], stick, shares, &numbers[first..first + parts])
                }
                Route::Category(_) | Route::Constant => 0.0,
            };
        }
    }
}

/// Derivative along break `at` of a stick: with `q = (1 − u)^(1/remaining)`, the share there is
/// `rest (1 − q)` and all later shares are proportional to q.
fn stick_slope(u: f64, at: usize, shares: &[f64], gradient: &[f64]) -> f64 {
    let remaining = (shares.len() - 1 - at) as f64;
    let kept = (1.0 - u).max(1e-9);
    let q = libm::pow(kept, 1.0 / remaining);
    let slope = -q / (kept * remaining);
    let rest = 1.0 - shares[..at].iter().sum::<f64>();
    let later: f64 = shares[at + 1..].iter().zip(&gradient[at + 1..]).map(|(s, g)| s * g).sum();
    slope * (later / q - rest * gradient[at])
}

#[cfg(test)]
mod tests {
    use synth_core::{Parameter, Seed};

    use super::*;

    #[test]
    fn gradients_through_a_simplex_match_central_differences() {
        let space = ParameterSpace::new(vec![
            Parameter::new("x", Domain::float(0.0, 2.0)),
            Parameter::new("mix", Domain::Simplex { parts: 4 }),
        ])
        .expect("valid");
        let model = ModelSpace::new(&space);
        let value = |unit: &[f64]| {
            let numbers = model.locate(unit.to_vec()).numbers;
            numbers.iter().enumerate().map(|(i, x)| (i as f64 + 1.0) * x * x).sum::<f64>()
        };
        let unit = vec![0.3, 0.2, 0.6, 0.45];
        let here = model.locate(unit.clone());
        let outer: Vec<f64> =
            here.numbers.iter().enumerate().map(|(i, x)| 2.0 * (i as f64 + 1.0) * x).collect();
        let mut gradient = vec![0.0; 4];
        model.pull_back(&here, &outer, &mut gradient);
        for i in 0..4 {
            let shifted = |h: f64| {
                let mut u = unit.clone();
                u[i] += h;
                value(&u)
            };
            let difference = (shifted(1e-6) - shifted(-1e-6)) / 2e-6;
            assert!((gradient[i] - difference).abs() < 1e-8, "{i}: {} {difference}", gradient[i]);
        }
    }

    #[test]
    fn absent_parameters_do_not_move_and_have_a_level_of_their_own() {
        let space = ParameterSpace::new(vec![
            Parameter::new("kind", Domain::choice(["a", "b"])),
            Parameter::new("n", Domain::int(1, 9)),
            Parameter::new("x", Domain::float(0.0, 1.0)).when("kind", ["b"]),
            Parameter::new("mode", Domain::choice(["p", "q"])).when("kind", ["b"]),
        ])
        .expect("valid");
        let model = ModelSpace::new(&space);
        let absent = model.locate(vec![0.25, 0.5, 0.9, 0.75]);
        assert_eq!((absent.numbers[1], absent.levels[1]), (0.5, 2));
        assert_eq!(model.free(&absent.unit, false), [false; 4]);
        assert_eq!(model.free(&absent.unit, true), [false, true, false, false]);
        assert_eq!(model.free(&[0.75, 0.5, 0.9, 0.75], false), [false, false, true, false]);
        assert_eq!(model.neighbours(&[0.75, 0.5, 0.9, 0.75], 9, 0).len(), 1 + 2 + 1);
    }

    #[test]
    fn snapped_points_stand_for_their_set() {
        let space = ParameterSpace::new(vec![
            Parameter::new("n", Domain::int(3, 20)),
            Parameter::new("one", Domain::choice(["only"])),
        ])
        .expect("valid");
        let model = ModelSpace::new(&space);
        assert_eq!(model.columns, [Column::Number]);
        let mut stream = Seed::from_u64(1).stream(0);
        for _ in 0..100 {
            let (set, located) = model.snap(&[stream.unit(), stream.unit()]);
            assert_eq!(model.snap(&located.unit), (set, located));
        }
    }
}
