use ndarray::{ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use synth_core::{Divergence, Embeddings, Error, FittedDivergence, Result, Seed};

use super::check::check_sets;
use super::fitted::FittedQuadratic;
use super::kernel::CubicKernel;
use super::mmd::both_estimators;
use super::pair_function::PairFunction;
use super::quadratic::{Estimator, Quadratic};

/// Rows of a KID subset, where both sets have as many.
pub const KID_SUBSET_ROWS: usize = 1_000;

/// KID over subsets of equal size.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KidSubsets {
    /// Mean over the subsets.
    pub mean: f64,
    /// Population standard deviation over the subsets. It shrinks with their size, not with their
    /// number, and is no standard error of the mean.
    pub std: f64,
    /// Rows of each subset.
    pub rows: usize,
    /// How many subsets.
    pub subsets: usize,
}

pub(crate) fn kid_form(dim: usize) -> Quadratic {
    let function = PairFunction::Cubic { dim: dim as f64 };
    Quadratic { function, estimator: Estimator::Unbiased, scale: 1.0 }
}

/// Kernel inception distance over all rows: unbiased MMD² with `k(a, b) = (a·b/d + 1)³`.
///
/// Any embedding will do; the name is that of the first one used.
///
/// # Errors
/// Fewer than two rows, other widths, values that are not finite.
///
/// # References
/// Bińkowski et al. 2018, Demystifying MMD GANs, <https://arxiv.org/abs/1801.01401>.
pub fn kid(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>) -> Result<f64> {
    let function = PairFunction::Cubic { dim: x.ncols().max(1) as f64 };
    Ok(both_estimators("KID", function, 1.0, x, y)?.0)
}

/// KID over given subsets: the rows of subset `s` are `x_rows[s]` and `y_rows[s]`.
///
/// # Errors
/// As [`kid`]; [`Error::Shape`] if there are not as many subsets of x as of y, or none;
/// [`Error::InvalidParam`] for a row out of range.
pub fn kid_of_subsets(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    x_rows: &[Vec<usize>],
    y_rows: &[Vec<usize>],
) -> Result<KidSubsets> {
    if x_rows.len() != y_rows.len() || x_rows.is_empty() {
        let (expected, got) = (vec![x_rows.len().max(1)], vec![y_rows.len()]);
        return Err(Error::Shape { what: "the list of KID subsets", expected, got });
    }
    let pick =
        |rows: ArrayView2<'_, f32>, chosen: &[usize]| match chosen.iter().find(|&&row| row >= rows.nrows()) {
            Some(row) => Err(Error::invalid("row", format!("below {}", rows.nrows()), row)),
            None => Ok(rows.select(Axis(0), chosen)),
        };
    let pairs = x_rows.iter().zip(y_rows);
    let values = pairs
        .map(|(x_rows, y_rows)| kid(pick(x, x_rows)?.view(), pick(y, y_rows)?.view()))
        .collect::<Result<Vec<f64>>>()?;
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    Ok(KidSubsets { mean, std: variance.sqrt(), rows: x_rows[0].len(), subsets: values.len() })
}

/// KID over `subsets` seeded subsets of min([`KID_SUBSET_ROWS`], n, m) rows, drawn without
/// replacement within a subset.
///
/// # Errors
/// As [`kid`]; [`Error::InvalidParam`] for no subsets.
pub fn kid_subsets(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    subsets: usize,
    seed: Seed,
) -> Result<KidSubsets> {
    check_sets("KID", 2, x, y)?;
    if subsets == 0 {
        return Err(Error::invalid("subsets", "at least 1", subsets));
    }
    let rows = KID_SUBSET_ROWS.min(x.nrows()).min(y.nrows());
    let draw = |n: usize, purpose: &str| -> Vec<Vec<usize>> {
        let seed = seed.derive(purpose);
        (0..subsets as u64).map(|number| some_rows(n, rows, seed, number)).collect()
    };
    kid_of_subsets(x, y, &draw(x.nrows(), "kid/x"), &draw(y.nrows(), "kid/y"))
}

fn some_rows(n: usize, count: usize, seed: Seed, number: u64) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..n).collect();
    seed.stream(number).shuffle(&mut rows);
    rows.truncate(count);
    rows
}

/// [`kid`] as a [`Divergence`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Kid {
    /// Relabellings for the p-value of each estimate; 0 for none. Default 199.
    pub permutations: usize,
}

impl Default for Kid {
    fn default() -> Self {
        Self { permutations: 199 }
    }
}

impl Divergence for Kid {
    fn name(&self) -> &str {
        "kid"
    }

    fn fit(&self, reference: &Embeddings, seed: Seed) -> Result<Box<dyn FittedDivergence>> {
        let (kernel, form) = (CubicKernel::new(reference.dim()), kid_form(reference.dim()));
        let fitted = FittedQuadratic::new("KID", form, Some(kernel), reference, seed)?;
        Ok(Box::new(fitted.with_permutations(self.permutations)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn rejects_rows_out_of_range_and_unequal_lists() {
        let x = array![[0.0_f32], [1.0], [2.0]];
        let beyond = kid_of_subsets(x.view(), x.view(), &[vec![0, 3]], &[vec![0, 1]]);
        assert!(matches!(beyond, Err(Error::InvalidParam { .. })));
        let unequal = kid_of_subsets(x.view(), x.view(), &[vec![0, 1]], &[]);
        assert!(matches!(unequal, Err(Error::Shape { .. })));
        assert!(kid_subsets(x.view(), x.view(), 0, Seed::from_u64(0)).is_err());
    }

    #[test]
    fn subsets_of_everything_are_the_full_value() {
        let (x, y) = (array![[0.0_f32], [1.0], [2.0]], array![[1.0_f32], [3.0], [5.0]]);
        let all = kid(x.view(), y.view()).expect("valid");
        let subsets = kid_subsets(x.view(), y.view(), 4, Seed::from_u64(0)).expect("valid");
        assert!((subsets.mean - all).abs() < 1e-12 && subsets.std < 1e-12 && subsets.rows == 3);
    }
}
