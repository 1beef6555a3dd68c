use ndarray::{Array2, ArrayView2, Axis, s};
use rayon::prelude::*;
use synth_core::{Error, Result, Seed};

use super::check::check_sets;
use super::wasserstein::Order;

/// Directions projected at once; bounds the memory to this many columns.
const CHUNK: usize = 32;

/// `count` directions drawn uniformly from the unit sphere in `dim` dimensions, `[count, dim]`.
///
/// Direction i depends on (seed, i) only.
///
/// # Errors
/// [`Error::InvalidParam`] for no directions or no dimensions.
pub fn random_directions(dim: usize, count: usize, seed: Seed) -> Result<Array2<f64>> {
    if dim == 0 || count == 0 {
        return Err(Error::invalid(
            "directions",
            "at least one, of at least one dimension",
            format!("{count}×{dim}"),
        ));
    }
    let mut directions = Array2::zeros((count, dim));
    for (number, mut direction) in directions.rows_mut().into_iter().enumerate() {
        let mut stream = seed.stream(number as u64);
        // A vector of normals has length 0 with probability 0, and then is drawn again.
        while direction.dot(&direction) == 0.0 {
            direction.mapv_inplace(|_| stream.normal());
        }
        let length = direction.dot(&direction).sqrt();
        direction /= length;
    }
    Ok(directions)
}

/// Sliced Wasserstein distance along given unit directions.
/// ```text
/// SW_p = (mean over directions u of W_p(x·u, y·u)^p)^(1/p)
/// ```
/// Each one-dimensional distance is exact: sorted values coupled by their quantiles, for unequal
/// counts too. Costs n log n per direction and has no limit on rows.
///
/// # Shapes
/// - x: `[n, d]`, y: `[m, d]`, directions: `[count, d]`, rows of length 1
///
/// # Errors
/// [`Error::Shape`] for other widths or no directions, [`Error::InvalidParam`] for a direction
/// whose length is not 1; empty sets; values that are not finite.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_validate::fidelity::{Order, sliced_wasserstein};
/// let (x, y) = (array![[0.0_f32, 0.0], [1.0, 0.0]], array![[0.0_f32, 3.0], [1.0, 3.0]]);
/// let axes = array![[1.0, 0.0], [0.0, 1.0]];
/// // Equal along the first axis, moved by 3 along the second.
/// assert_eq!(sliced_wasserstein(x.view(), y.view(), axes.view(), Order::One)?, 1.5);
/// # Ok::<(), synth_core::Error>(())
/// ```
/// # References
/// Bonneel et al. 2015, Sliced and Radon Wasserstein Barycenters of Measures, J. Math. Imaging
/// Vis. 51, 22–45.
pub fn sliced_wasserstein(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    directions: ArrayView2<'_, f64>,
    order: Order,
) -> Result<f64> {
    check_sets("a sliced distance", 1, x, y)?;
    check_directions(x.ncols(), directions)?;
    let sides = |side: Side, count: usize| std::iter::repeat_n(side, count);
    let labels = sides(Side::X, x.nrows()).chain(sides(Side::Y, y.nrows())).collect();
    let [one, two] = sliced_distances(x, y, directions, &[labels])[0];
    Ok(match order {
        Order::One => one,
        Order::Two => two,
    })
}

fn check_directions(dim: usize, directions: ArrayView2<'_, f64>) -> Result<()> {
    if directions.ncols() != dim || directions.nrows() == 0 {
        let (expected, got) = (vec![directions.nrows().max(1), dim], directions.shape().to_vec());
        return Err(Error::Shape { what: "the matrix of directions", expected, got });
    }
    // Written so that a NaN fails too.
    let unit = |length: f64| (length - 1.0).abs() < 1e-6;
    let lengths = directions.rows().into_iter().map(|row| row.dot(&row).sqrt());
    match lengths.enumerate().find(|&(_, length)| !unit(length)) {
        Some((row, length)) => Err(Error::invalid(format!("direction {row}"), "of length 1", length)),
        None => Ok(()),
    }
}

/// Which set a pooled row counts to, if any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    X,
    Y,
    LeftOut,
}

/// SW₁ and SW₂ for each labelling of the pooled rows, those of x first. Projections are made and
/// sorted once for all labellings, a few directions at a time.
pub(crate) fn sliced_distances(
    x: ArrayView2<'_, f32>,
    y: ArrayView2<'_, f32>,
    directions: ArrayView2<'_, f64>,
    labelings: &[Vec<Side>],
) -> Vec<[f64; 2]> {
    let mut sums = vec![[0.0; 2]; labelings.len()];
    for chunk in directions.axis_chunks_iter(Axis(0), CHUNK) {
        let along = [project(x, chunk), project(y, chunk)];
        let per_direction: Vec<Vec<[f64; 2]>> = (0..chunk.nrows())
            .into_par_iter()
            .map(|direction| {
                let values = along.iter().flat_map(|set| set.column(direction));
                let mut sorted: Vec<(f64, u32)> = values.copied().zip(0..).collect();
                sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
                labelings.iter().map(|labels| coupled_sides(&sorted, labels)).collect()
            })
            .collect();
        for powers in per_direction {
            for (sum, power) in sums.iter_mut().zip(powers) {
                *sum = [sum[0] + power[0], sum[1] + power[1]];
            }
        }
    }
    let count = directions.nrows() as f64;
    sums.into_iter().map(|[one, two]| [one / count, (two / count).sqrt()]).collect()
}

fn coupled_sides(sorted: &[(f64, u32)], labels: &[Side]) -> [f64; 2] {
    let side = |wanted: Side| -> Vec<f64> {
        sorted.iter().filter(|(_, row)| labels[*row as usize] == wanted).map(|pair| pair.0).collect()
    };
    coupled(&side(Side::X), &side(Side::Y))
}

/// `rows · directionsᵀ` in float64, a few thousand rows at a time.
fn project(rows: ArrayView2<'_, f32>, directions: ArrayView2<'_, f64>) -> Array2<f64> {
    let mut projected = Array2::zeros((rows.nrows(), directions.nrows()));
    for start in (0..rows.nrows()).step_by(1_024) {
        let end = (start + 1_024).min(rows.nrows());
        let wide = rows.slice(s![start..end, ..]).mapv(f64::from);
        projected.slice_mut(s![start..end, ..]).assign(&wide.dot(&directions.t()));
    }
    projected
}

/// `W₁` and `W₂²` of two sorted samples: each x holds m units of mass, each y holds n, and units
/// are coupled in order.
fn coupled(x: &[f64], y: &[f64]) -> [f64; 2] {
    let (n, m) = (x.len(), y.len());
    let (mut i, mut j, mut x_left, mut y_left) = (0, 0, m, n);
    let (mut one, mut two) = (0.0, 0.0);
    while i < n && j < m {
        let mass = x_left.min(y_left);
        let difference = (x[i] - y[j]).abs();
        one += mass as f64 * difference;
        two += mass as f64 * difference * difference;
        x_left -= mass;
        y_left -= mass;
        if x_left == 0 {
            (i, x_left) = (i + 1, m);
        }
        if y_left == 0 {
            (j, y_left) = (j + 1, n);
        }
    }
    let units = n as f64 * m as f64;
    [one / units, two / units]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fidelity::exact_wasserstein;

    #[test]
    fn one_dimension_equals_exact_transport() {
        let mut stream = Seed::from_u64(5).stream(0);
        let mut rows = |n| Array2::from_shape_simple_fn((n, 1), || stream.normal() as f32);
        let (x, y) = (rows(12), rows(9));
        let axis = ndarray::array![[-1.0]];
        for order in [Order::One, Order::Two] {
            let sliced = sliced_wasserstein(x.view(), y.view(), axis.view(), order).expect("valid");
            let exact = exact_wasserstein(x.view(), y.view(), order).expect("valid");
            assert!((sliced - exact).abs() < 1e-12, "{sliced} {exact}");
        }
    }

    #[test]
    fn directions_are_units_and_depend_on_their_number_only() {
        let few = random_directions(7, 3, Seed::from_u64(1)).expect("valid");
        let many = random_directions(7, 9, Seed::from_u64(1)).expect("valid");
        assert_eq!(few, many.slice(s![..3, ..]));
        assert!(many.rows().into_iter().all(|row| (row.dot(&row) - 1.0).abs() < 1e-12));
        assert!(random_directions(0, 3, Seed::from_u64(1)).is_err());
    }

    #[test]
    fn rejects_directions_of_other_length_or_width() {
        let x = Array2::<f32>::zeros((3, 2));
        let call =
            |directions: Array2<f64>| sliced_wasserstein(x.view(), x.view(), directions.view(), Order::One);
        assert!(matches!(call(ndarray::array![[2.0, 0.0]]), Err(Error::InvalidParam { .. })));
        assert!(matches!(call(ndarray::array![[f64::NAN, 0.0]]), Err(Error::InvalidParam { .. })));
        assert!(matches!(call(ndarray::array![[1.0]]), Err(Error::Shape { .. })));
    }
}
