use ndarray::{Array2, ArrayView2};
use serde::{Deserialize, Serialize};
use synth_core::{Error, Result};

use super::exponential::exp;
use super::sums::{LANES, total};
use super::vectorized::vectorized;

/// How fast a covariance of numbers falls with distance.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KernelFamily {
    /// Twice differentiable functions: `(1 + √5 r + 5/3 r²) exp(−√5 r)`.
    #[default]
    Matern52,
    /// Infinitely smooth functions: `exp(−r²/2)`.
    Rbf,
}

impl KernelFamily {
    /// Correlation at squared scaled distance `s = r²`, and its derivative with respect to `s`.
    #[inline(always)]
    pub(crate) fn value_and_slope(self, s: f64) -> (f64, f64) {
        match self {
            Self::Rbf => {
                let value = exp(-0.5 * s);
                (value, -0.5 * value)
            }
            Self::Matern52 => {
                // The square root of IEEE 754 has one result: the same on every machine.
                let a = (5.0 * s).sqrt();
                let e = exp(-a);
                ((1.0 + a + 5.0 / 3.0 * s) * e, -5.0 / 6.0 * (1.0 + a) * e)
            }
        }
    }

    /// Squared scaled distances become correlations; their slopes go to `slopes`.
    pub(crate) fn correlate(self, distances: &mut [f64], slopes: &mut [f64]) {
        vectorized(
            #[inline(always)]
            || {
                for (s, slope) in distances.iter_mut().zip(slopes.iter_mut()) {
                    (*s, *slope) = self.value_and_slope(*s);
                }
            },
        );
    }
}

/// What one column of a Gaussian process's inputs holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// Numbers, best scaled to [0, 1].
    Number,
    /// Level indices 0, 1, …, `levels − 1`, without an order.
    Category {
        /// How many levels there are.
        levels: usize,
    },
}

/// Covariance function of a Gaussian process over numbers and categories.
///
/// ```text
/// k(x, x') = v · [(1 − a) · k_num · k_cat + a · (k_num + k_cat)/2]
/// k_num    = family(r),   r² = Σ_j (x_j − x'_j)² / l_j²
/// k_cat    = exp(−Σ_c [x_c ≠ x'_c] (t_c[x_c] + t_c[x'_c]))
/// ```
///
/// `k_cat` has one rate per level, so that the data say which levels are alike and which stand
/// apart; it is positive definite because off the diagonal it is the rank-one `e^{−t_i} e^{−t_j}`. The
/// sum lets a category shift the whole function, the product lets it change its shape (the two
/// together: Ru et al. 2020, "Bayesian optimisation over multiple continuous and categorical inputs",
/// eq. 3). Without categories `k = v · k_num`, without numbers `k = v · k_cat`.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// Family of the numeric part.
    pub family: KernelFamily,
    /// Signal variance v, > 0.
    pub variance: f64,
    /// Length scales l, one per number column, > 0, in the columns' unit.
    pub length_scales: Vec<f64>,
    /// Rates t, one list per category column with one entry per level, ≥ 0.
    pub category_rates: Vec<Vec<f64>>,
    /// Share a of the additive part, in [0, 1]; used only where there are numbers and categories.
    pub additive_share: f64,
}

impl Kernel {
    /// Checks the kernel against the columns it is to work on.
    pub(crate) fn check(&self, columns: &[Column]) -> Result<()> {
        let numbers = columns.iter().filter(|c| **c == Column::Number).count();
        if self.length_scales.len() != numbers {
            return Err(shape("length_scales", numbers, self.length_scales.len()));
        }
        let levels = columns.iter().filter_map(|c| match c {
            Column::Category { levels } => Some(*levels),
            Column::Number => None,
        });
        if self.category_rates.len() != columns.len() - numbers {
            return Err(shape("category_rates", columns.len() - numbers, self.category_rates.len()));
        }
        for (rates, levels) in self.category_rates.iter().zip(levels) {
            if rates.len() != levels {
                return Err(shape("category_rates", levels, rates.len()));
            }
        }
        let positive = |name: &str, x: f64| match x.is_finite() && x > 0.0 {
            true => Ok(()),
            false => Err(Error::invalid(name, "a positive finite number", x)),
        };
        positive("variance", self.variance)?;
        self.length_scales.iter().try_for_each(|l| positive("length_scales", *l))?;
        if let Some(rate) = self.category_rates.iter().flatten().find(|t| !(t.is_finite() && **t >= 0.0)) {
            return Err(Error::invalid("category_rates", "numbers >= 0", rate));
        }
        if !(0.0..=1.0).contains(&self.additive_share) {
            return Err(Error::invalid("additive_share", "a number in [0, 1]", self.additive_share));
        }
        Ok(())
    }

    /// Weights of the product and of each summand.
    pub(crate) fn weights(&self) -> (f64, f64) {
        match (self.length_scales.is_empty(), self.category_rates.is_empty()) {
            (false, false) => {
                (self.variance * (1.0 - self.additive_share), self.variance * self.additive_share / 2.0)
            }
            _ => (self.variance, 0.0),
        }
    }
}

fn shape(what: &'static str, expected: usize, got: usize) -> Error {
    Error::Shape { what, expected: vec![expected], got: vec![got] }
}

/// A point as a process sees it: numbers, and levels of categories.
pub(crate) type Point<'a> = (&'a [f64], &'a [usize]);

/// Inputs split by kind: numbers row by row and column by column, levels row by row.
#[derive(Clone, Debug)]
pub(crate) struct Inputs {
    pub(crate) n: usize,
    pub(crate) numbers: Vec<f64>,
    pub(crate) columns: Vec<Vec<f64>>,
    pub(crate) levels: Vec<usize>,
    pub(crate) category_dim: usize,
}

impl Inputs {
    pub(crate) fn new(columns: &[Column], x: ArrayView2<'_, f64>) -> Result<Self> {
        if x.ncols() != columns.len() {
            return Err(Error::Shape {
                what: "inputs",
                expected: vec![x.nrows(), columns.len()],
                got: vec![x.nrows(), x.ncols()],
            });
        }
        let number_dim = columns.iter().filter(|c| **c == Column::Number).count();
        let mut inputs = Self::empty(number_dim, columns.len() - number_dim);
        let (mut numbers, mut levels_of_row) = (Vec::new(), Vec::new());
        for (at, row) in x.rows().into_iter().enumerate() {
            numbers.clear();
            levels_of_row.clear();
            for (column, value) in columns.iter().zip(row) {
                match column {
                    Column::Number if value.is_finite() => numbers.push(*value),
                    Column::Category { levels }
                        if *value >= 0.0 && *value < *levels as f64 && value.trunc() == *value =>
                    {
                        levels_of_row.push(*value as usize);
                    }
                    Column::Number => {
                        return Err(Error::NonFinite { what: "inputs".into(), at: format!("row {at}") });
                    }
                    Column::Category { levels } => {
                        return Err(Error::invalid("inputs", format!("a level below {levels}"), value));
                    }
                }
            }
            inputs.push(&numbers, &levels_of_row);
        }
        Ok(inputs)
    }

    pub(crate) fn empty(number_dim: usize, category_dim: usize) -> Self {
        let columns = vec![Vec::new(); number_dim];
        Self { n: 0, numbers: Vec::new(), columns, levels: Vec::new(), category_dim }
    }

    pub(crate) fn numbers_of(&self, i: usize) -> &[f64] {
        let dim = self.columns.len();
        &self.numbers[i * dim..(i + 1) * dim]
    }

    pub(crate) fn levels_of(&self, i: usize) -> &[usize] {
        &self.levels[i * self.category_dim..(i + 1) * self.category_dim]
    }

    pub(crate) fn push(&mut self, numbers: &[f64], levels: &[usize]) {
        self.numbers.extend_from_slice(numbers);
        self.columns.iter_mut().zip(numbers).for_each(|(column, x)| column.push(*x));
        self.levels.extend_from_slice(levels);
        self.n += 1;
    }

    pub(crate) fn push_row_of(&mut self, other: &Self, i: usize) {
        self.push(other.numbers_of(i), other.levels_of(i));
    }

    pub(crate) fn empty_like(&self) -> Self {
        Self::empty(self.columns.len(), self.category_dim)
    }
}

/// A kernel with its reciprocals and sums prepared for many evaluations.
#[derive(Clone, Debug)]
pub(crate) struct Covariance {
    family: KernelFamily,
    inverse_squares: Vec<f64>,
    /// e⁻ᵗ of the rates.
    falls: Vec<Vec<f64>>,
    product: f64,
    summand: f64,
    pub(crate) variance: f64,
}

impl Covariance {
    pub(crate) fn new(kernel: &Kernel) -> Self {
        let (product, summand) = kernel.weights();
        Self {
            family: kernel.family,
            inverse_squares: kernel.length_scales.iter().map(|l| 1.0 / (l * l)).collect(),
            falls: kernel
                .category_rates
                .iter()
                .map(|rates| rates.iter().map(|rate| libm::exp(-rate)).collect())
                .collect(),
            product,
            summand,
            variance: kernel.variance,
        }
    }

    #[inline]
    fn scaled_distance(&self, a: &[f64], b: &[f64]) -> f64 {
        let mut sum = 0.0;
        for ((a, b), w) in a.iter().zip(b).zip(&self.inverse_squares) {
            let d = a - b;
            sum += d * d * w;
        }
        sum
    }

    #[inline]
    fn categorical(&self, a: &[usize], b: &[usize]) -> f64 {
        let fall = |((a, b), falls): ((&usize, &usize), &Vec<f64>)| match a == b {
            true => 1.0,
            false => falls[*a] * falls[*b],
        };
        a.iter().zip(b).zip(&self.falls).map(fall).product()
    }

    /// k between two points.
    #[inline]
    pub(crate) fn between(&self, a: Point<'_>, b: Point<'_>) -> f64 {
        let numeric = if self.inverse_squares.is_empty() {
            1.0
        } else {
            self.family.value_and_slope(self.scaled_distance(a.0, b.0)).0
        };
        self.joined(numeric, self.categorical(a.1, b.1))
    }

    #[inline]
    fn joined(&self, numeric: f64, categorical: f64) -> f64 {
        self.product * numeric * categorical + self.summand * (numeric + categorical)
    }

    /// k of a point with every row of `inputs`, and the factors `c_i` in
    /// `∂k_i/∂x_j = c_i (x_j − x_ij) / l_j²`.
    pub(crate) fn row_with_slopes(
        &self,
        point: Point<'_>,
        inputs: &Inputs,
        k: &mut [f64],
        slopes: &mut [f64],
    ) {
        debug_assert!(k.len() == inputs.n && slopes.len() == inputs.n);
        k.fill(0.0);
        vectorized(
            #[inline(always)]
            || {
                for ((x, column), w) in point.0.iter().zip(&inputs.columns).zip(&self.inverse_squares) {
                    for (k, xi) in k.iter_mut().zip(column) {
                        *k += (x - xi) * (x - xi) * w;
                    }
                }
            },
        );
        self.family.correlate(k, slopes);
        for (i, (k, slope)) in k.iter_mut().zip(slopes).enumerate() {
            let categorical = self.categorical(point.1, inputs.levels_of(i));
            *k = self.joined(*k, categorical);
            *slope *= 2.0 * (self.product * categorical + self.summand);
        }
    }

    /// Adds `Σ_i weights_i ∂k_i/∂x` to `gradient`, from the slopes of [`row_with_slopes`](Self::row_with_slopes).
    pub(crate) fn add_gradient(
        &self,
        point: &[f64],
        inputs: &Inputs,
        slopes: &[f64],
        weights: &[f64],
        gradient: &mut [f64],
    ) {
        vectorized(
            #[inline(always)]
            || {
                let columns = inputs.columns.iter().zip(&self.inverse_squares);
                for ((g, x), (column, w)) in gradient.iter_mut().zip(point).zip(columns) {
                    *g += w * weighted_gap(*x, column, slopes, weights);
                }
            },
        );
    }

    /// k of one point with every row.
    pub(crate) fn row(&self, point: Point<'_>, inputs: &Inputs, k: &mut [f64]) {
        self.row_with_slopes(point, inputs, k, &mut vec![0.0; inputs.n]);
    }

    /// The lower triangle of the covariances among the rows, row-major.
    pub(crate) fn lower(&self, inputs: &Inputs) -> Vec<f64> {
        let n = inputs.n;
        let mut matrix = vec![0.0; n * n];
        for i in 0..n {
            let point = (inputs.numbers_of(i), inputs.levels_of(i));
            for j in 0..=i {
                matrix[i * n + j] = self.between(point, (inputs.numbers_of(j), inputs.levels_of(j)));
            }
        }
        matrix
    }
}

/// `Σ_i a_i b_i (x − x_i)`, in eight interleaved partial sums.
#[inline(always)]
fn weighted_gap(x: f64, xs: &[f64], a: &[f64], b: &[f64]) -> f64 {
    let (a, b) = (&a[..xs.len()], &b[..xs.len()]);
    let (a, a_tail) = a.as_chunks::<LANES>();
    let (b, b_tail) = b.as_chunks::<LANES>();
    let (chunks, tail) = xs.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for ((xs, a), b) in chunks.iter().zip(a).zip(b) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane] * (x - xs[lane]);
        }
    }
    let rest = tail.iter().zip(a_tail).zip(b_tail).map(|((xi, a), b)| a * b * (x - xi));
    total(&sums) + rest.sum::<f64>()
}

impl Kernel {
    /// The matrix of covariances `k(a_i, b_j)`.
    ///
    /// # Shapes
    /// - `a`: `[n, columns]`, `b`: `[m, columns]`; categories as level indices
    /// - output: `[n, m]`
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::InvalidParam`] or [`Error::NonFinite`] if inputs, columns and
    /// kernel do not fit.
    pub fn matrix(
        &self,
        columns: &[Column],
        a: ArrayView2<'_, f64>,
        b: ArrayView2<'_, f64>,
    ) -> Result<Array2<f64>> {
        self.check(columns)?;
        let (left, right) = (Inputs::new(columns, a)?, Inputs::new(columns, b)?);
        let covariance = Covariance::new(self);
        Ok(Array2::from_shape_fn((left.n, right.n), |(i, j)| {
            covariance
                .between((left.numbers_of(i), left.levels_of(i)), (right.numbers_of(j), right.levels_of(j)))
        }))
    }
}
