//! Cholesky factors that grow by rows and never fail.

use synth_core::{Error, Result};

/// Sum of products, in eight interleaved partial sums: fixed order, and wide enough for SIMD.
#[inline]
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

#[inline]
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
        if let Some(at) = (0..n * n).find(|i| i % n <= i / n && !matrix[*i].is_finite()) {
            return Err(Error::NonFinite {
                what: "covariance".into(),
                at: format!("[{}, {}]", at / n, at % n),
            });
        }
        let scale = (0..n).map(|i| matrix[i * n + i].abs()).sum::<f64>() / n.max(1) as f64;
        let stride = n + room;
        let mut lower = vec![0.0; stride * stride];
        let mut jitters = JITTERS.iter().map(|j| j * scale).collect::<Vec<_>>();
        jitters.push(f64::MIN_POSITIVE.max(scale * n as f64 * 2.0));
        for jitter in jitters {
            if factor(matrix, n, jitter, &mut lower, stride) {
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

    pub(crate) fn row(&self, i: usize) -> &[f64] {
        &self.lower[i * self.stride..i * self.stride + i + 1]
    }

    /// ½ ln det A.
    pub(crate) fn half_log_det(&self) -> f64 {
        (0..self.n).map(|i| libm::log(self.row(i)[i])).sum()
    }

    /// L⁻¹ b, in place.
    pub(crate) fn solve_lower(&self, b: &mut [f64]) {
        for i in 0..self.n {
            let row = self.row(i);
            b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
        }
    }

    /// L⁻ᵀ b, in place.
    pub(crate) fn solve_upper(&self, b: &mut [f64]) {
        for i in (0..self.n).rev() {
            let row = self.row(i);
            b[i] /= row[i];
            let value = b[i];
            add_scaled(&mut b[..i], -value, &row[..i]);
        }
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

    /// (L⁻¹)ᵀ, row-major: row j holds column j of L⁻¹, zero before j.
    pub(crate) fn inverse_transposed(&self) -> Vec<f64> {
        let n = self.n;
        let mut inverse = vec![0.0; n * n];
        for (j, column) in inverse.chunks_exact_mut(n).enumerate() {
            column[j] = 1.0 / self.row(j)[j];
            for i in j + 1..n {
                let row = self.row(i);
                column[i] = -dot(&row[j..i], &column[j..i]) / row[i];
            }
        }
        inverse
    }

    /// The lower triangle of A⁻¹, row-major `n × n`.
    pub(crate) fn inverse(&self) -> Vec<f64> {
        let n = self.n;
        let columns = self.inverse_transposed();
        let mut inverse = vec![0.0; n * n];
        for i in 0..n {
            for j in 0..=i {
                inverse[i * n + j] = dot(&columns[i * n + i..(i + 1) * n], &columns[j * n + i..(j + 1) * n]);
            }
        }
        inverse
    }
}

fn factor(matrix: &[f64], n: usize, jitter: f64, lower: &mut [f64], stride: usize) -> bool {
    for i in 0..n {
        let (done, current) = lower.split_at_mut(i * stride);
        for j in 0..i {
            let row = &done[j * stride..j * stride + j + 1];
            current[j] = (matrix[i * n + j] - dot(&row[..j], &current[..j])) / row[j];
        }
        let pivot = matrix[i * n + i] + jitter - dot(&current[..i], &current[..i]);
        // A pivot within rounding of nothing would make the solution noise.
        if !(pivot.is_finite() && pivot > 4.0 * f64::EPSILON * matrix[i * n + i]) {
            return false;
        }
        current[i] = libm::sqrt(pivot);
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
