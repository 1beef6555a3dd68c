//! Parameter sets as numbers: unit coordinates, choice levels, and what exists.

use nalgebra::DMatrix;
use synth_core::{Domain, Error, Parameter, ParameterSet, ParameterSpace, ParameterValue, Result};

/// How one parameter takes part in the fit.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AxisKind {
    /// A number; its unit coordinate runs over `[low, high]`, which for whole numbers reaches half a
    /// step beyond the domain, as the rounded parent of a whole number does.
    Number { low: f64, high: f64, log: bool, whole: bool, column: usize },
    /// A choice.
    Choice { levels: usize, column: usize },
    /// Shares; they enter the surrogate, but their distribution stays uniform.
    Simplex { parts: usize, column: usize },
}

#[derive(Clone, Debug, PartialEq)]
struct Axis {
    kind: AxisKind,
    /// Index of the parent and the parent's codes under which the parameter exists.
    condition: Option<(usize, Vec<f64>)>,
}

/// A space seen as unit coordinates and choice levels.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axes {
    axes: Vec<Axis>,
    /// Columns of [`Points::numbers`], simplex shares included.
    numbers: usize,
    /// For each number column, whether a normal is fitted to it.
    fitted: Vec<bool>,
    /// Levels of each choice column.
    levels: Vec<usize>,
}

/// Many parameter sets.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Points {
    pub(crate) len: usize,
    /// Unit coordinates `[len, numbers]`, row by row; 0.5 where the parameter does not exist.
    pub(crate) numbers: Vec<f64>,
    /// Whether the number exists, `[len, numbers]`.
    pub(crate) exists: Vec<bool>,
    /// Choice levels `[len, choices]`; `usize::MAX` where the parameter does not exist.
    pub(crate) levels: Vec<usize>,
}

impl Axes {
    pub(crate) fn new(space: &ParameterSpace) -> Self {
        let (mut axes, mut fitted, mut levels) = (Vec::new(), Vec::new(), Vec::new());
        for parameter in space.parameters() {
            let kind = kind_of(parameter, fitted.len(), levels.len());
            match &kind {
                AxisKind::Number { low, high, .. } => fitted.push(high > low),
                AxisKind::Choice { levels: count, .. } => levels.push(*count),
                AxisKind::Simplex { parts, .. } => fitted.resize(fitted.len() + parts - 1, false),
            }
            axes.push(Axis { kind, condition: condition_of(parameter, space) });
        }
        Self { numbers: fitted.len(), axes, fitted, levels }
    }

    pub(crate) fn numbers(&self) -> usize {
        self.numbers
    }

    pub(crate) fn fitted(&self) -> &[bool] {
        &self.fitted
    }

    pub(crate) fn levels(&self) -> &[usize] {
        &self.levels
    }

    pub(crate) fn kinds(&self) -> impl Iterator<Item = &AxisKind> {
        self.axes.iter().map(|axis| &axis.kind)
    }

    /// The coordinates of parameter sets of the space.
    pub(crate) fn points(&self, space: &ParameterSpace, sets: &[ParameterSet]) -> Result<Points> {
        let mut points = Points::default();
        for set in sets {
            let set = space.resolve(set)?;
            let mut row = points.begin(self);
            for (axis, parameter) in self.axes.iter().zip(space.parameters()) {
                if let Some(value) = set.get(&parameter.name) {
                    row.put(&axis.kind, parameter, value)?;
                }
            }
        }
        Ok(points)
    }

    /// Adds the point that `choose` picks parameter by parameter. `choose` is given the kind and gets
    /// to push the raw coordinates: a unit coordinate, a level, or shares.
    pub(crate) fn place(&self, points: &mut Points, choose: &mut dyn FnMut(&AxisKind) -> Vec<f64>) {
        let mut codes: Vec<Option<f64>> = Vec::with_capacity(self.axes.len());
        let at = points.len;
        points.begin(self);
        for axis in &self.axes {
            // Chosen whether it exists or not, so that a quasi-random point keeps its dimensions.
            let chosen = choose(&axis.kind);
            let exists = axis.condition.as_ref().is_none_or(|(parent, allowed)| {
                codes[*parent].is_some_and(|code| allowed.iter().any(|a| (a - code).abs() < 1e-9))
            });
            codes.push(exists.then(|| code_of(&axis.kind, chosen[0])));
            if exists {
                points.set(at, self, &axis.kind, &chosen);
            }
        }
    }

    /// Regression basis `[points, p]`: 1, choice contrasts, numbers, their products, and the products
    /// of contrasts and numbers; products are left out where they would be too many.
    pub(crate) fn basis(&self, points: &Points) -> DMatrix<f64> {
        let rows: Vec<Vec<f64>> = (0..points.len).map(|at| self.basis_row(points, at)).collect();
        let width = rows.first().map_or(0, Vec::len);
        DMatrix::from_fn(points.len, width, |i, j| rows[i][j])
    }

    fn basis_row(&self, points: &Points, at: usize) -> Vec<f64> {
        let numbers: Vec<f64> = points.row(at, self).iter().map(|u| 2.0 * u - 1.0).collect();
        let contrasts = self.contrasts(points, at);
        let mut row = vec![1.0];
        row.extend(contrasts.iter().map(|c| 0.5 * c));
        row.extend(&numbers);
        for i in 0..numbers.len() {
            let last = if numbers.len() <= MOST_WITH_PRODUCTS { numbers.len() } else { i + 1 };
            row.extend((i..last).map(|j| numbers[i] * numbers[j]));
        }
        if contrasts.len() * numbers.len() <= MOST_INTERACTIONS {
            row.extend(contrasts.iter().flat_map(|c| numbers.iter().map(move |u| 0.5 * c * u)));
        }
        row
    }

    /// −1 for a choice's last level, 1 for the column's own, 0 otherwise.
    fn contrasts(&self, points: &Points, at: usize) -> Vec<f64> {
        let own = points.levels_of(at, self);
        let contrast = |level: usize, count: usize, column: usize| match level {
            usize::MAX => 0.0,
            level if level == column => 1.0,
            level if level + 1 == count => -1.0,
            _ => 0.0,
        };
        own.iter()
            .zip(&self.levels)
            .flat_map(|(&level, &count)| (0..count - 1).map(move |column| contrast(level, count, column)))
            .collect()
    }

    /// What is to be predicted from an embedding, `[points, t]`: one-hot choices, numbers, and the
    /// numbers' products.
    pub(crate) fn targets(&self, points: &Points) -> DMatrix<f64> {
        let row = |at: usize| {
            let numbers = points.row(at, self);
            let mut row: Vec<f64> = Vec::new();
            for (&level, &count) in points.levels_of(at, self).iter().zip(&self.levels) {
                row.extend((0..count).map(|l| f64::from(u8::from(l == level))));
            }
            row.extend(numbers);
            for i in 0..numbers.len() {
                let last = if numbers.len() <= MOST_WITH_PRODUCTS { numbers.len() } else { i + 1 };
                row.extend((i..last).map(|j| (numbers[i] - 0.5) * (numbers[j] - 0.5)));
            }
            row
        };
        let rows: Vec<Vec<f64>> = (0..points.len).map(row).collect();
        DMatrix::from_fn(points.len, rows.first().map_or(0, Vec::len), |i, j| rows[i][j])
    }

    /// Target columns that belong to each parameter, in the order of the space.
    pub(crate) fn target_columns(&self) -> Vec<std::ops::Range<usize>> {
        let choices: usize = self.levels.iter().sum();
        self.kinds()
            .map(|kind| match kind {
                AxisKind::Number { column, .. } => choices + column..choices + column + 1,
                AxisKind::Simplex { parts, column } => choices + column..choices + column + parts - 1,
                AxisKind::Choice { levels, column } => {
                    let from: usize = self.levels[..*column].iter().sum();
                    from..from + levels
                }
            })
            .collect()
    }

    /// Inputs for a kernel between parameter sets, `[points, q]`: numbers in [−1, 1], and choices at
    /// mutual distance 1.
    pub(crate) fn kernel_inputs(&self, points: &Points) -> DMatrix<f64> {
        let half = std::f64::consts::FRAC_1_SQRT_2;
        let row = |at: usize| {
            let mut row: Vec<f64> = points.row(at, self).iter().map(|u| 2.0 * u - 1.0).collect();
            for (&level, &count) in points.levels_of(at, self).iter().zip(&self.levels) {
                row.extend((0..count).map(|l| if l == level { half } else { 0.0 }));
            }
            row
        };
        let rows: Vec<Vec<f64>> = (0..points.len).map(row).collect();
        DMatrix::from_fn(points.len, rows.first().map_or(0, Vec::len), |i, j| rows[i][j])
    }
}

const MOST_WITH_PRODUCTS: usize = 8;
const MOST_INTERACTIONS: usize = 40;

impl Points {
    fn begin(&mut self, axes: &Axes) -> RowMut<'_> {
        self.len += 1;
        self.numbers.resize(self.len * axes.numbers, 0.5);
        self.exists.resize(self.len * axes.numbers, false);
        self.levels.resize(self.len * axes.levels.len(), usize::MAX);
        let (n, c) = ((self.len - 1) * axes.numbers, (self.len - 1) * axes.levels.len());
        RowMut {
            numbers: &mut self.numbers[n..],
            exists: &mut self.exists[n..],
            levels: &mut self.levels[c..],
        }
    }

    fn set(&mut self, at: usize, axes: &Axes, kind: &AxisKind, chosen: &[f64]) {
        let (n, c) = (at * axes.numbers, at * axes.levels.len());
        match kind {
            AxisKind::Choice { column, .. } => self.levels[c + column] = chosen[0] as usize,
            AxisKind::Number { column, .. } | AxisKind::Simplex { column, .. } => {
                for (i, value) in chosen.iter().enumerate() {
                    self.numbers[n + column + i] = *value;
                    self.exists[n + column + i] = true;
                }
            }
        }
    }

    pub(crate) fn row(&self, at: usize, axes: &Axes) -> &[f64] {
        &self.numbers[at * axes.numbers..][..axes.numbers]
    }

    pub(crate) fn exists_row(&self, at: usize, axes: &Axes) -> &[bool] {
        &self.exists[at * axes.numbers..][..axes.numbers]
    }

    pub(crate) fn levels_of(&self, at: usize, axes: &Axes) -> &[usize] {
        &self.levels[at * axes.levels.len()..][..axes.levels.len()]
    }

    /// The points with these numbers, in that order; repeats are allowed.
    pub(crate) fn select(&self, rows: &[usize], axes: &Axes) -> Self {
        let mut picked = Self { len: rows.len(), ..Self::default() };
        for &row in rows {
            picked.numbers.extend(self.row(row, axes));
            picked.exists.extend(self.exists_row(row, axes));
            picked.levels.extend(self.levels_of(row, axes));
        }
        picked
    }

    /// Adds the points of another collection over the same axes.
    pub(crate) fn append(&mut self, others: Self) {
        self.len += others.len;
        self.numbers.extend(others.numbers);
        self.exists.extend(others.exists);
        self.levels.extend(others.levels);
    }
}

struct RowMut<'a> {
    numbers: &'a mut [f64],
    exists: &'a mut [bool],
    levels: &'a mut [usize],
}

impl RowMut<'_> {
    fn put(&mut self, kind: &AxisKind, parameter: &Parameter, value: &ParameterValue) -> Result<()> {
        match (kind, value) {
            (AxisKind::Choice { column, .. }, value) => {
                self.levels[*column] = level(parameter, value).ok_or_else(|| mismatch(parameter, value))?;
            }
            (AxisKind::Simplex { parts, column }, ParameterValue::Simplex(shares)) => {
                let columns = *column..column + parts - 1;
                self.exists[columns.clone()].fill(true);
                self.numbers[columns].copy_from_slice(&shares[..parts - 1]);
            }
            (AxisKind::Number { column, .. }, value) => {
                let raw = number(value).ok_or_else(|| mismatch(parameter, value))?;
                self.numbers[*column] = unit_from_raw(kind, raw);
                self.exists[*column] = true;
            }
            _ => return Err(mismatch(parameter, value)),
        }
        Ok(())
    }
}

fn mismatch(parameter: &Parameter, value: &ParameterValue) -> Error {
    Error::invalid(&parameter.name, parameter.domain.describe(), value)
}

fn number(value: &ParameterValue) -> Option<f64> {
    match value {
        ParameterValue::Int(n) => Some(*n as f64),
        ParameterValue::Float(x) => Some(*x),
        _ => None,
    }
}

fn level(parameter: &Parameter, value: &ParameterValue) -> Option<usize> {
    match (&parameter.domain, value) {
        (Domain::Choice { choices }, ParameterValue::Choice(choice)) => {
            choices.iter().position(|c| c == choice)
        }
        _ => None,
    }
}

fn kind_of(parameter: &Parameter, number_column: usize, choice_column: usize) -> AxisKind {
    let scaled = |x: f64, log: bool| if log { x.ln() } else { x };
    match &parameter.domain {
        Domain::Float { low, high, log } => AxisKind::Number {
            low: scaled(*low, *log),
            high: scaled(*high, *log),
            log: *log,
            whole: false,
            column: number_column,
        },
        Domain::Int { low, high, log } => AxisKind::Number {
            low: scaled(*low as f64 - 0.5, *log),
            high: scaled(*high as f64 + 0.5, *log),
            log: *log,
            whole: true,
            column: number_column,
        },
        Domain::Choice { choices } => AxisKind::Choice { levels: choices.len(), column: choice_column },
        Domain::Simplex { parts } => AxisKind::Simplex { parts: *parts, column: number_column },
        other => unreachable!("invariant: a domain of this release, got {other:?}"),
    }
}

fn condition_of(parameter: &Parameter, space: &ParameterSpace) -> Option<(usize, Vec<f64>)> {
    let when = parameter.when.as_ref()?;
    let at = space.parameters().iter().position(|other| other.name == when.parameter)?;
    let parent = &space.parameters()[at];
    let code = |value| level(parent, value).map(|l| l as f64).or_else(|| number(value));
    Some((at, when.is.iter().filter_map(code).collect()))
}

/// The value of a parameter as conditions compare it.
fn code_of(kind: &AxisKind, chosen: f64) -> f64 {
    if matches!(kind, AxisKind::Number { .. }) { raw_from_unit(kind, chosen) } else { chosen }
}

pub(crate) fn unit_from_raw(kind: &AxisKind, raw: f64) -> f64 {
    let AxisKind::Number { low, high, log, .. } = kind else { return raw };
    if high <= low {
        return 0.5;
    }
    ((if *log { raw.ln() } else { raw } - low) / (high - low)).clamp(0.0, 1.0)
}

pub(crate) fn raw_from_unit(kind: &AxisKind, unit: f64) -> f64 {
    let AxisKind::Number { low, high, log, whole, .. } = kind else { return unit };
    let scaled = low + (high - low) * unit;
    let raw = if *log { scaled.exp() } else { scaled };
    if *whole { whole_number(raw, low, high, *log) } else { raw }
}

fn whole_number(raw: f64, low: &f64, high: &f64, log: bool) -> f64 {
    let end = |x: f64| if log { x.exp() } else { x };
    raw.round().clamp((end(*low) + 0.5).round(), (end(*high) - 0.5).round())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space() -> ParameterSpace {
        ParameterSpace::new(vec![
            Parameter::new("shape", Domain::choice(["disc", "star"])),
            Parameter::new("count", Domain::int(3, 20)),
            Parameter::new("gain", Domain::Float { low: 0.01, high: 1.0, log: true }),
            Parameter::new("spikes", Domain::int(3, 12)).when("shape", ["star"]),
            Parameter::new("mix", Domain::Simplex { parts: 3 }),
        ])
        .expect("valid")
    }

    #[test]
    fn coordinates_follow_scale_rounding_and_conditions() {
        let axes = Axes::new(&space());
        let set = ParameterSet::new()
            .with("shape", "disc")
            .with("count", 3)
            .with("gain", 0.1)
            .with("mix", ParameterValue::Simplex(vec![0.2, 0.3, 0.5]));
        let points = axes.points(&space(), &[set]).expect("inside");
        let row = points.row(0, &axes);
        assert!((row[0] - 0.5 / 18.0).abs() < 1e-12, "half a step inside the parent's range");
        assert!((row[1] - 0.5).abs() < 1e-12, "the middle of the logarithms");
        assert!(!points.exists_row(0, &axes)[2] && (row[3] - 0.2).abs() < 1e-12);
        assert_eq!(points.levels_of(0, &axes), [0]);
        assert_eq!(axes.fitted(), [true, true, true, false, false]);
    }

    #[test]
    fn placed_points_respect_conditions_and_whole_numbers() {
        let axes = Axes::new(&space());
        let mut points = Points::default();
        for shape in [0.0, 1.0] {
            axes.place(&mut points, &mut |kind| match kind {
                AxisKind::Choice { .. } => vec![shape],
                AxisKind::Simplex { parts, .. } => vec![0.25; parts - 1],
                AxisKind::Number { .. } => vec![0.4],
            });
        }
        assert!(!points.exists_row(0, &axes)[2] && points.exists_row(1, &axes)[2]);
        let kind = axes.kinds().nth(1).expect("count");
        assert!((raw_from_unit(kind, 0.4) - 10.0).abs() < 1e-12, "2.5 + 0.4 · 18 = 9.7");
        assert!((raw_from_unit(kind, 1.0) - 20.0).abs() < 1e-12);
    }

    #[test]
    fn every_parameter_finds_its_targets() {
        let axes = Axes::new(&space());
        assert_eq!(axes.target_columns(), [0..2, 2..3, 3..4, 4..5, 5..7]);
    }
}
