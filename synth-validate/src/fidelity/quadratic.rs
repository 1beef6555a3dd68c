//! Divergences that are a difference of mean pair functions: MMD², KID, CMMD, energy distance.

use serde::{Deserialize, Serialize};
use synth_core::Result;
use synth_core::distance::Pairwise;

use super::grouped::{GroupedRows, Grouping};
use super::jackknife::delete_a_group;
use super::pair_function::PairFunction;
use super::sums::{BlockSums, RowSums, SumBetween};

/// Whether a row's pair with itself enters the means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Estimator {
    /// Self-pairs left out: right on average, may be negative.
    #[default]
    Unbiased,
    /// Self-pairs kept: never negative for a kernel, too high by about `1/n + 1/m` of it.
    Biased,
}

/// Sums over ordered pairs of a function f of two rows, within and between the sets x and y.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Totals {
    pub(crate) n: f64,
    pub(crate) m: f64,
    /// `Σ f(xᵢ, xⱼ)`, i ≠ j.
    pub(crate) xx: f64,
    pub(crate) yy: f64,
    pub(crate) xy: f64,
    /// `Σ f(xᵢ, xᵢ)`.
    pub(crate) x_self: f64,
    pub(crate) y_self: f64,
}

impl Totals {
    /// `mean f(x, x′) + mean f(y, y′) − 2 mean f(x, y)`.
    pub(crate) fn value(&self, estimator: Estimator) -> f64 {
        let cross = 2.0 * self.xy / (self.n * self.m);
        match estimator {
            Estimator::Unbiased => {
                self.xx / (self.n * (self.n - 1.0)) + self.yy / (self.m * (self.m - 1.0)) - cross
            }
            Estimator::Biased => {
                (self.xx + self.x_self) / (self.n * self.n) + (self.yy + self.y_self) / (self.m * self.m)
                    - cross
            }
        }
    }
}

/// A difference of means with its name's sign and scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Quadratic {
    pub(crate) function: PairFunction,
    pub(crate) estimator: Estimator,
    /// Factor of the published figure: 1000 for CMMD, −1 for the energy distance.
    pub(crate) scale: f64,
}

impl Quadratic {
    pub(crate) fn of(&self, totals: &Totals) -> f64 {
        // Adding zero turns −0 into 0, which is what people expect to read.
        self.scale * totals.value(self.estimator) + 0.0
    }
}

/// The row sums of one function within and between two sets, enough for values and jackknives.
#[derive(Debug)]
pub(crate) struct PairSums<'a> {
    pub(crate) x: &'a Grouping,
    pub(crate) y: &'a Grouping,
    pub(crate) function: PairFunction,
    pub(crate) xx: &'a [f64],
    pub(crate) xx_own: &'a [f64],
    pub(crate) yy: &'a [f64],
    pub(crate) yy_own: &'a [f64],
    pub(crate) xy: &'a [f64],
    pub(crate) yx: &'a [f64],
}

impl PairSums<'_> {
    pub(crate) fn totals(&self) -> Totals {
        let selfs = |rows: &Grouping| rows.norms().iter().map(|&norm| self.function.of_itself(norm)).sum();
        Totals {
            n: self.x.len() as f64,
            m: self.y.len() as f64,
            xx: self.xx.iter().sum(),
            yy: self.yy.iter().sum(),
            xy: self.xy.iter().sum(),
            x_self: selfs(self.x),
            y_self: selfs(self.y),
        }
    }

    /// Standard error by leaving out one group of x, then one of y, at a time.
    pub(crate) fn std_error(&self, form: &Quadratic) -> Option<f64> {
        let totals = self.totals();
        let x = self.without_each_group(self.x, self.xx, self.xx_own, self.xy);
        let y = self.without_each_group(self.y, self.yy, self.yy_own, self.yx);
        let x_values = x.iter().map(|lost| {
            let left = Totals {
                n: totals.n - lost.rows,
                xx: totals.xx - lost.within,
                xy: totals.xy - lost.between,
                x_self: totals.x_self - lost.selfs,
                ..totals
            };
            (lost.rows, (left.n >= 2.0).then(|| form.of(&left)))
        });
        let y_values = y.iter().map(|lost| {
            let left = Totals {
                m: totals.m - lost.rows,
                yy: totals.yy - lost.within,
                xy: totals.xy - lost.between,
                y_self: totals.y_self - lost.selfs,
                ..totals
            };
            (lost.rows, (left.m >= 2.0).then(|| form.of(&left)))
        });
        let value = form.of(&totals);
        let variance = delete_a_group(value, x_values)? + delete_a_group(value, y_values)?;
        Some(variance.sqrt())
    }

    fn without_each_group(&self, rows: &Grouping, within: &[f64], own: &[f64], between: &[f64]) -> Vec<Lost> {
        let by_row: Vec<f64> = rows.norms().iter().map(|&norm| self.function.of_itself(norm)).collect();
        let (within, between) = (rows.sums_by_group(within), rows.sums_by_group(between));
        let selfs = rows.sums_by_group(&by_row);
        let own = if own.is_empty() { vec![0.0; rows.groups()] } else { rows.sums_by_group(own) };
        (0..rows.groups())
            .map(|g| Lost {
                rows: rows.range(g).len() as f64,
                // Pairs inside the group were counted from both of their rows.
                within: 2.0 * within[g] - own[g],
                between: between[g],
                selfs: selfs[g],
            })
            .collect()
    }
}

/// What the totals lose with a group.
struct Lost {
    rows: f64,
    within: f64,
    between: f64,
    selfs: f64,
}

/// The row sums of several functions, owned.
#[derive(Debug)]
pub(crate) struct AllSums {
    pub(crate) xx: RowSums,
    pub(crate) yy: RowSums,
    pub(crate) xy: Vec<Vec<f64>>,
    pub(crate) yx: Vec<Vec<f64>>,
}

impl AllSums {
    /// One pass over all pairs.
    pub(crate) fn of(
        x: &GroupedRows<'_>,
        y: &GroupedRows<'_>,
        functions: &[PairFunction],
        pass: &Pairwise<'_>,
    ) -> Result<Self> {
        Self::with_first(RowSums::of(x, functions, pass)?, x, y, functions, pass)
    }

    /// As [`of`](Self::of), where the sums within `x` are there already.
    pub(crate) fn with_first(
        xx: RowSums,
        x: &GroupedRows<'_>,
        y: &GroupedRows<'_>,
        functions: &[PairFunction],
        pass: &Pairwise<'_>,
    ) -> Result<Self> {
        let yy = RowSums::of(y, functions, pass)?;
        let (left, right) = pass.between(x.rows(), y.rows(), &SumBetween { left: x, right: y, functions })?;
        let joined = |blocks: &[BlockSums]| RowSums::joined(functions.len(), blocks.iter()).all;
        Ok(Self { xx, yy, xy: joined(&left), yx: joined(&right) })
    }

    /// The sums of function number `f`, which is `function`.
    pub(crate) fn pair_sums<'a>(
        &'a self,
        x: &'a Grouping,
        y: &'a Grouping,
        f: usize,
        function: PairFunction,
    ) -> PairSums<'a> {
        PairSums {
            x,
            y,
            function,
            xx: &self.xx.all[f],
            xx_own: &self.xx.own[f],
            yy: &self.yy.all[f],
            yy_own: &self.yy.own[f],
            xy: &self.xy[f],
            yx: &self.yx[f],
        }
    }
}
