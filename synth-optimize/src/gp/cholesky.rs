//! Cholesky factors that grow by rows and never fail.

use synth_core::{Error, Result};

use super::sums::{LANES, Lines, Rows, add_scaled, dot, padded, row_distance, total};
use super::vectorized::vectorized;

/// The lower factor L of a symmetric positive definite matrix A + jitter·I = L Lᵀ.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky {
    n: usize,
    stride: usize,
    lower: Vec<f64>,
    jitter: f64,
}

/// So many right-hand sides are solved together.
pub(crate) const SIDE_BY_SIDE: usize = 4 * LANES;

/// Jitters tried, relative to the mean of the diagonal; the last makes any finite matrix with
/// entries below its diagonal positive definite for the sizes in use.
const JITTERS: [f64; 9] = [0.0, 1e-12, 1e-11, 1e-10, 1e-9, 1e-8, 1e-6, 1e-3, 1.0];

impl Cholesky {
    /// Factors the lower triangle of `matrix` (row-major, `n × n`) with the least jitter that works,
    /// leaving room for `room` further rows.
    pub(crate) fn new(matrix: &[f64], n: usize, room: usize) -> Result<Self> {
        for (i, row) in matrix.chunks_exact(n.max(1)).enumerate() {
            if let Some(j) = row[..=i].iter().position(|entry| !entry.is_finite()) {
                return Err(Error::NonFinite { what: "covariance".into(), at: format!("[{i}, {j}]") });
            }
        }
        let scale = (0..n).map(|i| matrix[i * n + i].abs()).sum::<f64>() / n.max(1) as f64;
        let stride = n + room;
        let distance = row_distance(n);
        let mut upper = Lines::zeros(n * distance);
        let mut jitters = JITTERS.iter().map(|j| j * scale).collect::<Vec<_>>();
        jitters.push(f64::MIN_POSITIVE.max(scale * n as f64 * 2.0));
        for jitter in jitters {
            let done = vectorized(
                #[inline(always)]
                || factor(matrix, n, jitter, &mut upper),
            );
            if done {
                let mut lower = vec![0.0; stride * stride];
                for (i, row) in lower.chunks_exact_mut(stride.max(1)).take(n).enumerate() {
                    row[..=i].iter_mut().enumerate().for_each(|(j, l)| *l = upper[j * distance + i]);
                }
                return Ok(Self { n, stride, lower, jitter });
            }
        }
        Err(Error::NotConverged { iterations: JITTERS.len(), residual: scale })
    }

    pub(crate) fn len(&self) -> usize {
        self.n
    }

    /// How many rows it may grow to.
    pub(crate) fn capacity(&self) -> usize {
        self.stride
    }

    pub(crate) fn jitter(&self) -> f64 {
        self.jitter
    }

    #[inline(always)]
    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.lower[i * self.stride..i * self.stride + i + 1]
    }

    /// ½ ln det A.
    pub(crate) fn half_log_det(&self) -> f64 {
        (0..self.n).map(|i| libm::log(self.row(i)[i])).sum()
    }

    /// L⁻¹ b, in place.
    pub(crate) fn solve_lower(&self, b: &mut [f64]) {
        vectorized(
            #[inline(always)]
            || {
                let whole = self.n / LANES * LANES;
                for first in (0..whole).step_by(LANES) {
                    self.solve_lower_block(b, first);
                }
                for i in whole..self.n {
                    let row = self.row(i);
                    b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
                }
            },
        );
    }

    /// Rows `first` to `first + LANES` of [`solve_lower`](Self::solve_lower): side by side for what they take from
    /// the rows before, then one after another.
    #[inline(always)]
    fn solve_lower_block(&self, b: &mut [f64], first: usize) {
        let (solved, block) = b.split_at_mut(first);
        let (solved, _) = solved.as_chunks::<LANES>();
        let rows: [&[f64]; LANES] = std::array::from_fn(|r| self.row(first + r));
        let mut sums = [[0.0; LANES]; LANES];
        for (at, b) in solved.iter().enumerate() {
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let row = &row[at * LANES..(at + 1) * LANES];
                for lane in 0..LANES {
                    sums[lane] += row[lane] * b[lane];
                }
            }
        }
        for r in 0..LANES {
            let row = &rows[r][first..];
            let mut left = block[r] - total(&sums[r]);
            for c in 0..r {
                left -= row[c] * block[c];
            }
            block[r] = left / row[r];
        }
    }

    /// L⁻¹ b of each, in place.
    pub(crate) fn solve_lower_each(&self, each: &mut [Vec<f64>]) {
        let mut panel = Lines::zeros(self.n * SIDE_BY_SIDE.min(padded(each.len())));
        for together in each.chunks_mut(SIDE_BY_SIDE) {
            let width = padded(together.len());
            for (column, b) in together.iter().enumerate() {
                (0..self.n).for_each(|i| panel[i * width + column] = b[i]);
            }
            vectorized(
                #[inline(always)]
                || self.solve_panel(&mut panel[..self.n * width], width),
            );
            for (column, b) in together.iter_mut().enumerate() {
                (0..self.n).for_each(|i| b[i] = panel[i * width + column]);
            }
        }
    }

    /// L⁻¹ B of a matrix B with rows of so many columns, in place.
    #[inline(always)]
    fn solve_panel(&self, panel: &mut [f64], width: usize) {
        for i in 0..self.n {
            let (done, current) = panel.split_at_mut(i * width);
            let (factors, target) = (self.row(i), &mut current[..width]);
            Rows { values: done, stride: width }.add_to(target, 0, |_| 0..i, |j| -factors[j]);
            let scale = 1.0 / factors[i];
            target.iter_mut().for_each(|b| *b *= scale);
        }
    }

    /// L⁻ᵀ b, in place.
    pub(crate) fn solve_upper(&self, b: &mut [f64]) {
        vectorized(
            #[inline(always)]
            || {
                for i in (0..self.n).rev() {
                    let row = self.row(i);
                    b[i] /= row[i];
                    let value = b[i];
                    add_scaled(&mut b[..i], -value, &row[..i]);
                }
            },
        );
    }

    /// A⁻¹ b, in place.
    pub(crate) fn solve(&self, b: &mut [f64]) {
        self.solve_lower(b);
        self.solve_upper(b);
    }

    /// Adds a row to A: `solved` = L⁻¹ times its covariances with the rows before, `variance` its
    /// diagonal entry. The new pivot is kept above `floor`.
    pub(crate) fn push(&mut self, solved: &[f64], variance: f64, floor: f64) {
        debug_assert!(self.n < self.stride && solved.len() == self.n);
        let pivot = libm::sqrt((variance + self.jitter - dot(solved, solved)).max(floor));
        let start = self.n * self.stride;
        self.lower[start..start + self.n].copy_from_slice(solved);
        self.lower[start + self.n] = pivot;
        self.n += 1;
    }

    /// The lower triangle of A⁻¹ = L⁻ᵀ L⁻¹.
    pub(crate) fn inverse(&self) -> Lower {
        let (n, distance) = (self.n, row_distance(self.n));
        let (mut whitening, mut inverse) = (Lines::zeros(n * distance), Lines::zeros(n * distance));
        vectorized(
            #[inline(always)]
            || {
                self.invert_lower(&mut whitening, distance);
                let rows = Rows { values: &whitening, stride: distance };
                for i in 0..n {
                    let target = &mut inverse[i * distance..][..padded(i + 1)];
                    rows.add_to(target, 0, |_| i..n, |k| rows.values[k * distance + i]);
                }
            },
        );
        Lower { values: inverse, distance }
    }

    /// L⁻¹ into zeros, row after row: `w_i = (e_i − Σ_{j<i} L_ij w_j)/L_ii`.
    #[inline(always)]
    fn invert_lower(&self, whitening: &mut [f64], distance: usize) {
        for i in 0..self.n {
            let (done, current) = whitening.split_at_mut(i * distance);
            let (factors, target) = (self.row(i), &mut current[..padded(i + 1)]);
            let rows = Rows { values: done, stride: distance };
            // Row j is 0 beyond column j.
            rows.add_to(target, 0, |column| column..i, |j| -factors[j]);
            target[i] = 1.0;
            let scale = 1.0 / factors[i];
            target.iter_mut().for_each(|w| *w *= scale);
        }
    }
}

/// The lower triangle of a symmetric matrix; beyond the diagonal there are partial sums.
#[derive(Debug)]
pub(crate) struct Lower {
    values: Lines,
    distance: usize,
}

impl Lower {
    /// Row `i` up to the diagonal.
    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.values[i * self.distance..=i * self.distance + i]
    }
}

/// Rows of Lᵀ, one after another: `u_i = (a_i − Σ_{k<i} L_ik u_k)/L_ii` from the diagonal on. Columns before the
/// diagonal and from n on hold no sense; no other column takes from them.
#[inline(always)]
fn factor(matrix: &[f64], n: usize, jitter: f64, upper: &mut [f64]) -> bool {
    let (width, distance) = (padded(n), row_distance(n));
    for i in 0..n {
        let (done, current) = upper.split_at_mut(i * distance);
        let row = &mut current[..width];
        row[i..n].iter_mut().enumerate().for_each(|(at, u)| *u = matrix[(i + at) * n + i]);
        row[i] += jitter;
        let first = i / LANES * LANES;
        Rows { values: done, stride: distance }.add_to(row, first, |_| 0..i, |k| -done[k * distance + i]);
        let pivot = row[i];
        // A pivot within rounding of nothing would make the solution noise.
        if !(pivot.is_finite() && pivot > 4.0 * f64::EPSILON * matrix[i * n + i].abs()) {
            return false;
        }
        // Not libm's: its SSE instruction between those for wide registers waits for these.
        let scale = 1.0 / pivot.sqrt();
        row[first..].iter_mut().for_each(|u| *u *= scale);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matrix() -> Vec<f64> {
        vec![4.0, 0.0, 0.0, 2.0, 5.0, 0.0, 1.0, 3.0, 6.0]
    }

    #[test]
    fn factors_solves_and_inverts() {
        let factor = Cholesky::new(&matrix(), 3, 0).expect("positive definite");
        assert_eq!(factor.jitter(), 0.0);
        // det = 4·5·6 + 2·(2·3·1) − 4·9 − 5·1 − 6·4 = 67, by hand.
        assert!((2.0 * factor.half_log_det() - libm::log(67.0)).abs() < 1e-14);
        let mut b = vec![1.0, 2.0, 3.0];
        factor.solve(&mut b);
        let full = |i: usize, j: usize| matrix()[i.max(j) * 3 + i.min(j)];
        for (i, expected) in [1.0, 2.0, 3.0].into_iter().enumerate() {
            let got: f64 = (0..3).map(|j| full(i, j) * b[j]).sum();
            assert!((got - expected).abs() < 1e-14);
        }
        let inverse = factor.inverse();
        let entry = |i: usize, j: usize| inverse.row(i.max(j))[i.min(j)];
        for i in 0..3 {
            for j in 0..3 {
                let got: f64 = (0..3).map(|k| full(i, k) * entry(k, j)).sum();
                assert!((got - f64::from(u8::from(i == j))).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn grows_to_the_factor_of_the_larger_matrix() {
        let whole = Cholesky::new(&matrix(), 3, 0).expect("positive definite");
        let mut grown = Cholesky::new(&[4.0, 0.0, 2.0, 5.0], 2, 1).expect("positive definite");
        let mut column = vec![1.0, 3.0];
        grown.solve_lower(&mut column);
        grown.push(&column, 6.0, 0.0);
        for (a, b) in whole.row(2).iter().zip(grown.row(2)) {
            assert!((a - b).abs() < 1e-15);
        }
    }

    /// `A_ij = exp(−(i − j)²/8)` and ¼ on the diagonal.
    fn entry(i: usize, j: usize) -> f64 {
        let d = i.abs_diff(j) as f64;
        libm::exp(-d * d / 8.0) + if i == j { 0.25 } else { 0.0 }
    }

    fn bells(n: usize) -> Vec<f64> {
        (0..n * n).map(|at| entry(at / n, at % n)).collect()
    }

    fn right_hand_side(n: usize, column: usize) -> Vec<f64> {
        (0..n).map(|i| libm::sin((column + 1) as f64 * (i as f64 + 0.5))).collect()
    }

    /// Whole blocks of rows and what is left of them, panels of every width.
    #[test]
    fn factor_and_inverse_agree_with_the_matrix_at_every_size() {
        for n in 0..=75 {
            let factor = Cholesky::new(&bells(n), n, 3).expect("positive definite");
            let inverse = factor.inverse();
            for i in 0..n {
                for j in 0..=i {
                    let got: f64 = factor.row(i).iter().zip(factor.row(j)).map(|(a, b)| a * b).sum();
                    assert!((got - entry(i, j)).abs() < 1e-14, "L Lᵀ at ({i}, {j}) of {n}");
                }
                for j in 0..n {
                    let got: f64 = (0..n).map(|k| entry(i, k) * inverse.row(k.max(j))[k.min(j)]).sum();
                    assert!((got - f64::from(u8::from(i == j))).abs() < 1e-13, "A A⁻¹ at ({i}, {j}) of {n}");
                }
            }
        }
    }

    /// More right-hand sides than lie side by side, and fewer left over than fill a chunk.
    #[test]
    fn right_hand_sides_are_solved_together_as_alone() {
        let n = 53;
        let factor = Cholesky::new(&bells(n), n, 0).expect("positive definite");
        let mut each: Vec<Vec<f64>> = (0..45).map(|column| right_hand_side(n, column)).collect();
        factor.solve_lower_each(&mut each);
        for (column, together) in each.iter().enumerate() {
            let given = right_hand_side(n, column);
            let mut alone = given.clone();
            factor.solve_lower(&mut alone);
            for i in 0..n {
                let back: f64 = factor.row(i).iter().zip(together).map(|(l, x)| l * x).sum();
                assert!((back - given[i]).abs() < 1e-13, "L x at {i} of column {column}");
                assert!((alone[i] - together[i]).abs() < 1e-13);
            }
            let mut one = [given];
            factor.solve_lower_each(&mut one);
            assert_eq!(one[0], *together, "column {column}: bits depend on the neighbours");
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_width_of_the_registers() {
        let n = 61;
        let mut narrow = Lines::zeros(n * row_distance(n));
        assert!(factor(&bells(n), n, 0.0, &mut narrow));
        let wide = Cholesky::new(&bells(n), n, 0).expect("positive definite");
        for i in 0..n {
            let column: Vec<f64> = (0..=i).map(|j| narrow[j * row_distance(n) + i]).collect();
            assert_eq!(wide.row(i), column);
        }
    }

    #[test]
    fn singular_and_indefinite_matrices_get_jitter() {
        let ones = Cholesky::new(&[1.0; 25], 5, 0).expect("jitter helps");
        assert!(ones.jitter() > 0.0 && ones.jitter() <= 1e-11);
        let regular: Vec<f64> =
            (0..25).map(|at| if at % 6 == 0 { 1.0 + ones.jitter() } else { 1.0 }).collect();
        let regular = Cholesky::new(&regular, 5, 0).expect("positive definite");
        (0..5).for_each(|i| assert_eq!(ones.row(i), regular.row(i), "what failed before leaves no trace"));
        let negative = Cholesky::new(&[-1e-16], 1, 0).expect("jitter helps");
        assert!(negative.row(0)[0] > 0.0 && negative.row(0)[0].is_finite());
        assert!(Cholesky::new(&[1.0, 0.0, 2.0, 1.0], 2, 0).expect("jitter helps").jitter() > 0.1);
        assert!(Cholesky::new(&[0.0; 4], 2, 0).is_ok());
        assert!(Cholesky::new(&[f64::NAN, 0.0, 0.0, 1.0], 2, 0).is_err());
    }
}
