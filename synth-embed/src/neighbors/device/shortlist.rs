//! Which rows may be among the nearest of a query, by products on a device and a bound of their error.
//!
//! With `x`, `y` a row and a query in their [`Frame`](super::frame::Frame), the device computes
//!
//! ```text
//! t = |x|² − 2 x·y = |x − y|² − |y|²
//! ```
//!
//! for every pair and the least of each group of rows. Let u = 2⁻²⁴ be float32's unit roundoff, n the row
//! length, M = max |x|, Y = |y|. Then t errs by no more than
//!
//! ```text
//! E = 8 u M (M + Y) + 2 β M Y + n 2⁻¹²⁰,   β = 4 n u + 4 ρ
//! ```
//!
//! - rounding of the entries: 2 u M² + 4 u M Y; of |x|² to float32: u M²; of the last sum: u (M² + 2 M Y);
//! - the product: n u / (1 − n u) of |x| |y| in any order of summation (Higham 2002, *Accuracy and
//!   Stability of Numerical Algorithms*, §3.1), and twice what a device adds that rounds the factors. ρ
//!   is the relative error that the device makes on a *witness*, a query and a row whose entries are all
//!   2/3: of binary fractions 0.101010… each shorter one misses a third of its last place, with one sign,
//!   so the factors' rounding shows at least half of what it can do;
//! - entries and products below 2⁻¹²⁶ taken for zero: the last term.
//!
//! The k-th least `t + E` over groups bounds the k-th nearest row from above, since k groups hold k rows.
//! A group whose least `t − E` lies above it (and above what [`ExactNeighbors`](crate::ExactNeighbors)'
//! own rounding can reach) holds none of the k nearest.

use burn::tensor::{Device, Tensor, TensorData};
use ndarray::{Array2, ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;
use synth_core::{Error, Result};

/// Rows that stand or fall together.
const GROUP: usize = 32;
/// Groups compared at a time, the witness not counted.
const GROUPS: usize = 511;
/// Queries compared at a time, the witness not counted.
const QUERIES: usize = 1023;
/// In place of |x|² where there is no row.
const NO_ROW: f32 = 1e30;
/// An entry of the witness.
const WITNESS: f32 = 2.0 / 3.0;
/// Unit roundoff of float32, 2⁻²⁴.
const ROUNDOFF: f64 = f32::EPSILON as f64 / 2.0;

/// For each query the rows, in ascending order, that may be among its `k` nearest.
///
/// Rows and queries are of one frame; `k` is at least 1 and at most the number of rows.
pub(super) fn shortlists(
    rows: &Array2<f32>,
    queries: &Array2<f32>,
    k: usize,
    device: &Device,
) -> Result<Vec<Vec<usize>>> {
    let norms: Vec<f64> = rows.outer_iter().map(squared_norm).collect();
    let largest = norms.iter().fold(0.0, |best: f64, &norm| best.max(norm)).sqrt();
    let mut lists: Vec<Shortlist> =
        queries.outer_iter().map(|query| Shortlist::new(k, squared_norm(query), rows.ncols())).collect();
    let queries: Vec<Tensor<2>> = queries
        .axis_chunks_iter(Axis(0), QUERIES)
        .map(|part| upload(with_witnesses(part, part.nrows() + 1), device))
        .collect();
    let blocks = rows.axis_chunks_iter(Axis(0), GROUP * GROUPS).zip(norms.chunks(GROUP * GROUPS));
    for (number, (rows, norms)) in blocks.enumerate() {
        let block = Block::on(device, rows, norms);
        for (queries, lists) in queries.iter().zip(lists.chunks_mut(QUERIES)) {
            let sifted = block.sift(queries)?;
            let least = sifted.least.axis_iter(Axis(0)).into_par_iter();
            lists.par_iter_mut().zip(least).for_each(|(list, least)| {
                list.see(number * GROUPS, least, list.error(largest, sifted.witness_error));
            });
        }
    }
    Ok(lists.into_iter().map(|list| list.rows(rows.nrows())).collect())
}

fn squared_norm(row: ArrayView1<'_, f32>) -> f64 {
    row.iter().map(|&value| f64::from(value) * f64::from(value)).sum()
}

/// The rows, zeros, and in the last place the witness; `count` in all.
fn with_witnesses(rows: ArrayView2<'_, f32>, count: usize) -> Array2<f32> {
    let mut padded = Array2::zeros((count, rows.ncols()));
    padded.slice_mut(s![..rows.nrows(), ..]).assign(&rows);
    padded.row_mut(count - 1).fill(WITNESS);
    padded
}

fn upload(matrix: Array2<f32>, device: &Device) -> Tensor<2> {
    let shape = [matrix.nrows(), matrix.ncols()];
    Tensor::from_data(TensorData::new(matrix.into_raw_vec_and_offset().0, shape), device)
}

/// Rows on the device: those of the groups, and a group with the witness.
struct Block {
    /// `[rows, n]`.
    rows: Tensor<2>,
    /// |x|², `[1, rows]`.
    norms: Tensor<2>,
}

/// What the device found.
struct Sifted {
    /// The least t of each group, `[queries, groups]`.
    least: Array2<f32>,
    /// ρ; infinite if the product is not a number.
    witness_error: f64,
}

impl Block {
    fn on(device: &Device, rows: ArrayView2<'_, f32>, squared_norms: &[f64]) -> Self {
        let count = (rows.nrows().div_ceil(GROUP) + 1) * GROUP;
        let mut norms = Array2::from_elem((1, count), NO_ROW);
        norms.iter_mut().zip(squared_norms).for_each(|(to, &from)| *to = from as f32);
        norms[(0, count - 1)] = 0.0;
        Self { rows: upload(with_witnesses(rows, count), device), norms: upload(norms, device) }
    }

    fn sift(&self, queries: &Tensor<2>) -> Result<Sifted> {
        let ([count, dim], [columns, _]) = (queries.dims(), self.rows.dims());
        let products = queries.clone().matmul(self.rows.clone().transpose());
        let scores = self.norms.clone() - products * 2.0;
        let least = scores.reshape([count, columns / GROUP, GROUP]).min_dim(2);
        let data = least.try_into_data().map_err(|error| Error::component("the device", error))?;
        let values: Vec<f32> =
            data.try_into_vec_as().map_err(|error| Error::component("reading a tensor back", error))?;
        let least = Array2::from_shape_vec((count, columns / GROUP), values)
            .map_err(|error| Error::component("reading a tensor back", error))?;
        let expected = -2.0 * dim as f64 * f64::from(WITNESS) * f64::from(WITNESS);
        let error = (f64::from(least[(count - 1, columns / GROUP - 1)]) / expected - 1.0).abs();
        Ok(Sifted {
            least: least.slice_move(s![..-1, ..-1]),
            witness_error: if error.is_nan() { f64::INFINITY } else { error },
        })
    }
}

/// A group with the bounds of its least |x − y|² − |y|².
struct Group {
    number: usize,
    low: f64,
    high: f64,
}

/// The groups that may hold a near row of one query.
struct Shortlist {
    k: usize,
    dim: f64,
    /// |y|².
    squared_norm: f64,
    groups: Vec<Group>,
    /// Groups that lie above hold none.
    cutoff: f64,
}

impl Shortlist {
    fn new(k: usize, squared_norm: f64, dim: usize) -> Self {
        Self { k, dim: dim as f64, squared_norm, groups: Vec::new(), cutoff: f64::INFINITY }
    }

    /// E for rows of norm up to `largest`.
    fn error(&self, largest: f64, witness_error: f64) -> f64 {
        let norm = self.squared_norm.sqrt();
        let product = 4.0 * self.dim * ROUNDOFF + 4.0 * witness_error;
        let error = 8.0 * ROUNDOFF * largest * (largest + norm)
            + 2.0 * product * largest * norm
            + self.dim * 2.0_f64.powi(-120);
        if error.is_nan() { f64::INFINITY } else { error }
    }

    /// Takes in groups `first`, `first` + 1, … by their least t.
    fn see(&mut self, first: usize, least: ArrayView1<'_, f32>, error: f64) {
        for (number, &least) in (first..).zip(least) {
            let least = f64::from(least);
            let (low, high) = match least.is_finite() {
                true => (least - error, least + error),
                false => (f64::NEG_INFINITY, f64::INFINITY),
            };
            if low <= self.cutoff {
                self.groups.push(Group { number, low, high });
            }
        }
        if self.groups.len() >= self.k {
            self.tighten();
        }
    }

    fn tighten(&mut self) {
        let mut highs: Vec<f64> = self.groups.iter().map(|group| group.high).collect();
        let (_, &mut high, _) = highs.select_nth_unstable_by(self.k - 1, f64::total_cmp);
        // What the exact index makes of a distance: 1e-9 of it, more for very long rows.
        let relative = 1e-8 + 1e-9 * self.dim;
        let squared_distance = high + self.squared_norm * (1.0 + 8.0 * ROUNDOFF);
        self.cutoff = high + relative * squared_distance.max(0.0);
        self.groups.retain(|group| group.low <= self.cutoff);
    }

    /// The rows of the groups, of `count` in all.
    fn rows(mut self, count: usize) -> Vec<usize> {
        self.groups.sort_unstable_by_key(|group| group.number);
        let rows = |group: &Group| group.number * GROUP..count.min((group.number + 1) * GROUP);
        self.groups.iter().flat_map(rows).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    fn list_of(k: usize, seen: &[(f32, f64)]) -> Vec<usize> {
        let mut list = Shortlist::new(k, 4.0, 3);
        for (number, &(least, error)) in seen.iter().enumerate() {
            list.see(number, array![least].view(), error);
        }
        list.groups.iter().map(|group| group.number).collect()
    }

    #[test]
    fn groups_whose_bounds_reach_the_nearest_stay() {
        // The second least upper bound is −1.5: of group 2.
        assert_eq!(list_of(2, &[(-1.0, 0.1), (-3.0, 0.1), (-2.0, 0.5), (-1.0, 0.6)]), [1, 2, 3]);
        // Whatever the order.
        assert_eq!(list_of(2, &[(-1.0, 0.6), (-2.0, 0.5), (-3.0, 0.1), (-1.0, 0.1)]), [0, 1, 2]);
        assert_eq!(list_of(5, &[(-1.0, 0.0), (9.0, 0.0)]), [0, 1], "fewer groups than are asked for");
    }

    #[test]
    fn a_group_of_which_nothing_is_known_stays_and_rules_none_out() {
        for unknown in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            assert_eq!(list_of(1, &[(-1.0, 0.0), (unknown, 0.0), (-2.0, 0.0)]), [1, 2]);
        }
        assert_eq!(list_of(1, &[(-1.0, f64::INFINITY), (-2.0, 0.0), (3.0, f64::INFINITY)]), [0, 1, 2]);
    }

    #[test]
    fn ties_within_the_rounding_of_the_exact_index_stay() {
        // |x − y|² is 3 and 3 + 1e-8: apart, but not by more than 1.1e-8 · 3.
        let list = |far: f64| {
            let mut list = Shortlist::new(1, 4.0, 1);
            list.see(0, array![-1.0_f32].view(), 0.0);
            list.groups.push(Group { number: 1, low: -1.0 + far, high: far });
            list.tighten();
            list.groups.len()
        };
        assert_eq!((list(1e-8), list(1e-7)), (2, 1));
    }

    #[test]
    fn last_group_ends_with_the_rows() {
        let mut list = Shortlist::new(1, 0.0, 2);
        list.see(0, array![5.0_f32, 1.0].view(), 0.0);
        assert_eq!(list.rows(GROUP + 3), (GROUP..GROUP + 3).collect::<Vec<_>>());
    }

    #[cfg(feature = "flex")]
    #[test]
    fn lists_of_clustered_rows_are_short_and_hold_the_nearest() {
        let mut stream = synth_core::Seed::from_u64(5).stream(0);
        let rows = Array2::from_shape_fn((4_000, 32), |(row, _)| {
            (0.1 * stream.normal()) as f32 + (row % 50) as f32 / 50.0
        });
        let queries = rows.slice(s![..;40, ..]).to_owned();
        let lists = shortlists(&rows, &queries, 5, &Device::flex()).expect("flex");
        for (query, list) in (0..4_000).step_by(40).zip(&lists) {
            assert!(list.contains(&query) && list.is_sorted());
            assert!((5..=6 * GROUP).contains(&list.len()), "{}", list.len());
        }
    }

    #[test]
    fn a_device_that_rounds_factors_shows_at_the_witness() {
        // The 11 bits of float16 and TF32, the 8 of bfloat16.
        for bits in [11, 8] {
            let unit = 2.0_f32.powi(bits);
            let short = (WITNESS * unit).round() / unit;
            let shown = (f64::from(short) / f64::from(WITNESS)).powi(2) - 1.0;
            // The most that two factors can lose: half of their last place each.
            let most = 2.0_f64.powi(1 - bits);
            assert!(2.0 * shown.abs() >= 0.99 * most, "{bits}: {shown} {most}");
        }
    }
}
