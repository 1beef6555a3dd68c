//! Cholesky factors that grow by rows and never fail.

use synth_core::{Error, Result};

use super::vectorized::vectorized;

/// Sum of products, in eight interleaved partial sums: a fixed order, so the bits do not depend on how wide
/// the vector registers are that the caller was compiled for ([`pulp`] picks the widest at run time).
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; 8];
    let (a_chunks, b_chunks) = (a.chunks_exact(8), b.chunks_exact(8));
    let tail: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let halves = [sums[0] + sums[4], sums[1] + sums[5], sums[2] + sums[6], sums[3] + sums[7]];
    (halves[0] + halves[2]) + (halves[1] + halves[3]) + tail
}

#[inline(always)]
pub(crate) fn add_scaled(target: &mut [f64], factor: f64, source: &[f64]) {
    target.iter_mut().zip(source).for_each(|(t, s)| *t += factor * s);
}

/// The lower factor L of a symmetric positive definite matrix A + jitter·I = L Lᵀ.
#[derive(Clone, Debug)]
pub(crate) struct Cholesky {
    n: usize,
    stride: usize,
    lower: Vec<f64>,
    jitter: f64,
}

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
        let mut upper = vec![0.0; n * n];
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
                    row[..=i].iter_mut().enumerate().for_each(|(j, l)| *l = upper[j * n + i]);
                }
                return Ok(Self { n, stride, lower, jitter });
            }
        }
        Err(Error::NotConverged { iterations: JITTERS.len(), residual: scale })
    }

    pub(crate) fn len(&self) -> usize {
        self.n
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
                for i in 0..self.n {
                    let row = self.row(i);
                    b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
                }
            },
        );
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

    /// The lower triangle of A⁻¹ = L⁻ᵀ L⁻¹, row-major `n × n`.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        let (mut whitening, mut inverse) = (vec![0.0; n * n], vec![0.0; n * n]);
        vectorized(
            #[inline(always)]
            || {
                self.invert_lower(&mut whitening);
                for first in (0..n).step_by(4) {
                    let rows = Rows { values: &whitening, stride: n, first, count: (n - first).min(4) };
                    for i in 0..first + rows.count {
                        rows.add_to(&mut inverse[i * n..=i * n + i], 0, |k| whitening[k * n + i]);
                    }
                }
            },
        );
        inverse
    }

    /// L⁻¹ into zeros, row after row: `w_i = (e_i − Σ_{j<i} L_ij w_j)/L_ii`.
    #[inline(always)]
    fn invert_lower(&self, whitening: &mut [f64]) {
        let n = self.n;
        for i in 0..n {
            let (done, current) = whitening.split_at_mut(i * n);
            let (factors, target) = (self.row(i), &mut current[..=i]);
            for first in (0..i).step_by(4) {
                let rows = Rows { values: done, stride: n, first, count: (i - first).min(4) };
                rows.add_to(&mut target[..first + rows.count], 0, |j| -factors[j]);
            }
            target[i] = 1.0;
            target.iter_mut().for_each(|w| *w /= factors[i]);
        }
    }
}

/// Up to four rows of a matrix, `values[(first + r) * stride..]`.
#[derive(Clone, Copy)]
struct Rows<'a> {
    values: &'a [f64],
    stride: usize,
    first: usize,
    count: usize,
}

impl Rows<'_> {
    /// Adds `factor(k)` times row `k` from column `from` on to the target, one row after another. Four
    /// at a time, so that the target stays in registers; no sum runs across a vector, so the bits do not
    /// depend on its width.
    #[inline(always)]
    fn add_to(self, target: &mut [f64], from: usize, factor: impl Fn(usize) -> f64) {
        let len = target.len();
        let row = |r: usize| &self.values[(self.first + r) * self.stride + from..][..len];
        if self.count < 4 {
            (0..self.count).for_each(|r| add_scaled(target, factor(self.first + r), row(r)));
            return;
        }
        let (a, b, c, d) = (row(0), row(1), row(2), row(3));
        let f = |r: usize| factor(self.first + r);
        let (fa, fb, fc, fd) = (f(0), f(1), f(2), f(3));
        for at in 0..len {
            target[at] = target[at] + fa * a[at] + fb * b[at] + fc * c[at] + fd * d[at];
        }
    }
}

/// Rows of Lᵀ, one after another: `u_i = (a_i − Σ_{k<i} L_ik u_k)/L_ii` from the diagonal on.
#[inline(always)]
fn factor(matrix: &[f64], n: usize, jitter: f64, upper: &mut [f64]) -> bool {
    for i in 0..n {
        let (done, current) = upper.split_at_mut(i * n);
        let row = &mut current[i..n];
        row.iter_mut().enumerate().for_each(|(at, u)| *u = matrix[(i + at) * n + i]);
        row[0] += jitter;
        for first in (0..i).step_by(4) {
            let rows = Rows { values: done, stride: n, first, count: (i - first).min(4) };
            rows.add_to(row, i, |k| -done[k * n + i]);
        }
        let pivot = row[0];
        // A pivot within rounding of nothing would make the solution noise.
        if !(pivot.is_finite() && pivot > 4.0 * f64::EPSILON * matrix[i * n + i]) {
            return false;
        }
        let root = libm::sqrt(pivot);
        row.iter_mut().for_each(|u| *u /= root);
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
        let entry = |i: usize, j: usize| inverse[i.max(j) * 3 + i.min(j)];
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

    #[test]
    fn singular_and_indefinite_matrices_get_jitter() {
        let ones = Cholesky::new(&[1.0; 25], 5, 0).expect("jitter helps");
        assert!(ones.jitter() > 0.0 && ones.jitter() <= 1e-11);
        assert!(Cholesky::new(&[1.0, 0.0, 2.0, 1.0], 2, 0).expect("jitter helps").jitter() > 0.1);
        assert!(Cholesky::new(&[0.0; 4], 2, 0).is_ok());
        assert!(Cholesky::new(&[f64::NAN, 0.0, 0.0, 1.0], 2, 0).is_err());
    }
}
