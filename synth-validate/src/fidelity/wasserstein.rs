use ndarray::{Array2, ArrayView2, s};
use synth_core::distance::{Between, Pairwise, Tile};
use synth_core::{Error, Result};

use super::check::check_sets;
use super::transport::transport;

/// Most rows of either set for which exact transport is computed.
pub const EXACT_TRANSPORT_ROWS: usize = 5_000;

/// Exponent of a Wasserstein distance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// W₁: mean distance moved.
    One,
    /// W₂: root of the mean squared distance moved.
    Two,
}

impl Order {
    /// `|distance|^p`, of a squared distance.
    pub(crate) fn cost(self, squared: f64) -> f64 {
        match self {
            Self::One => squared.sqrt(),
            Self::Two => squared,
        }
    }

    /// The p-th root.
    pub(crate) fn root(self, mean: f64) -> f64 {
        match self {
            Self::One => mean,
            Self::Two => mean.sqrt(),
        }
    }
}

/// Exact Wasserstein distance with Euclidean ground distance and uniform weights.
/// ```text
/// W_p = (min_π Σ π_ij |x_i − y_j|^p)^(1/p),   row sums 1/n, column sums 1/m
/// ```
/// Biased upwards at small n, strongly so in many dimensions: two samples of one distribution are
/// far apart. Compare with its null, not with 0.
///
/// # Shapes
/// - x: `[n, d]`, y: `[m, d]`; n and m need not be equal
///
/// # Errors
/// [`Error::Unsupported`] above [`EXACT_TRANSPORT_ROWS`] rows, with the hint to use sliced
/// distances; empty sets, other widths, values that are not finite.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_validate::fidelity::{Order, exact_wasserstein};
/// let (x, y) = (array![[0.0_f32], [1.0]], array![[3.0_f32], [0.0], [3.0], [0.0]]);
/// assert_eq!(exact_wasserstein(x.view(), y.view(), Order::One)?, 1.0);
/// assert_eq!(exact_wasserstein(x.view(), y.view(), Order::Two)?, 2.0_f64.sqrt());
/// # Ok::<(), synth_core::Error>(())
/// ```
/// # References
/// The solver follows the shortest augmenting paths of Jonker and Volgenant 1987, Computing 38,
/// 325–340, generalised from assignment to transportation.
pub fn exact_wasserstein(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, order: Order) -> Result<f64> {
    check_sets("exact transport", 1, x, y)?;
    check_exact_rows(x.nrows().max(y.nrows()))?;
    let squared = cross_matrix(x, y)?;
    Ok(exact_of_costs(&squared, order))
}

pub(crate) fn check_exact_rows(rows: usize) -> Result<()> {
    if rows <= EXACT_TRANSPORT_ROWS {
        return Ok(());
    }
    Err(Error::Unsupported {
        what: format!("exact transport of {rows} rows"),
        reason: format!("the limit is {EXACT_TRANSPORT_ROWS}; use `sliced_w1` or `sliced_w2`"),
    })
}

/// W_p from squared distances.
pub(crate) fn exact_of_costs(squared: &Array2<f64>, order: Order) -> f64 {
    let costs = squared.mapv(|value| order.cost(value));
    order.root(transport(costs.view()).cost)
}

/// All squared distances between two sets.
pub(crate) fn cross_matrix(x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>) -> Result<Array2<f64>> {
    let (strips, _) = Pairwise::new().between(x, y, &CrossStrips { width: y.nrows() })?;
    let mut matrix = Array2::zeros((x.nrows(), y.nrows()));
    let mut at = 0;
    for strip in strips {
        matrix.slice_mut(s![at..at + strip.nrows(), ..]).assign(&strip);
        at += strip.nrows();
    }
    Ok(matrix)
}

struct CrossStrips {
    width: usize,
}

impl Between for CrossStrips {
    type Left = Array2<f64>;
    type Right = ();

    fn left(&self, range: std::ops::Range<usize>) -> Array2<f64> {
        Array2::zeros((range.len(), self.width))
    }

    fn right(&self, _range: std::ops::Range<usize>) {}

    fn tile(&self, tile: &Tile<'_>, left: &mut Array2<f64>, _right: &mut ()) {
        left.slice_mut(s![.., tile.right()]).assign(tile.squared());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn too_many_rows_are_refused_with_the_way_out() {
        let (x, y) = (Array2::<f32>::zeros((5_001, 1)), Array2::<f32>::zeros((2, 1)));
        let error = exact_wasserstein(x.view(), y.view(), Order::One).expect_err("too many rows");
        assert!(error.to_string().contains("sliced_w1"), "{error}");
    }
}
