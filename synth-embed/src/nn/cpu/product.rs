//! Matrix products of the crate `gemm`, behind bounds checks.

use super::super::Threads;

/// A matrix inside a slice: element (i, j) is `values[i * row_step + j * column_step]`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix<'a> {
    pub(super) values: &'a [f32],
    pub(super) rows: usize,
    pub(super) columns: usize,
    pub(super) row_step: usize,
    pub(super) column_step: usize,
}

impl<'a> Matrix<'a> {
    /// Row after row without gaps.
    pub(super) fn dense(values: &'a [f32], rows: usize, columns: usize) -> Self {
        Self { values, rows, columns, row_step: columns, column_step: 1 }
    }

    fn is_within(&self) -> bool {
        let last =
            self.rows.saturating_sub(1) * self.row_step + self.columns.saturating_sub(1) * self.column_step;
        self.rows == 0 || self.columns == 0 || last < self.values.len()
    }
}

/// `x W` into `y`, with `x: [rows, inputs]`, `weight: [inputs, outputs]`, `y: [rows, outputs]`, all dense.
pub(in crate::nn) fn multiply(
    x: &[f32],
    weight: &[f32],
    y: &mut [f32],
    rows: usize,
    into: Into,
    threads: Threads,
) {
    let (inputs, outputs) = (x.len() / rows, y.len() / rows);
    let (x, weight) = (Matrix::dense(x, rows, inputs), Matrix::dense(weight, inputs, outputs));
    product(x, weight, y, into, threads);
}

/// What becomes of the values that a product meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::nn) enum Into {
    /// It is added to them.
    Add,
    /// It replaces them.
    Replace,
}

/// `a b` into the dense `out: [a.rows, b.columns]`. No sum is split between threads.
#[expect(unsafe_code, reason = "gemm's one entry takes pointers; the assertions bound what it touches")]
pub(super) fn product(a: Matrix<'_>, b: Matrix<'_>, out: &mut [f32], into: Into, threads: Threads) {
    assert!(a.is_within() && b.is_within(), "a factor reaches beyond its slice: {a:?}, {b:?}");
    assert_eq!(a.columns, b.rows, "the factors do not fit");
    assert_eq!(out.len(), a.rows * b.columns, "the product does not fit its place");
    let parallelism = match threads {
        Threads::One => gemm::Parallelism::None,
        Threads::All => gemm::Parallelism::Rayon(0),
    };
    // SAFETY: gemm reads element (i, j) of each factor at the steps given, i below its rows and j below
    // its columns: the largest such place lies within the slice, as asserted. It writes
    // `a.rows * b.columns` dense values, the length of `out`, which nothing else borrows.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            1,
            b.columns as isize,
            into == Into::Add,
            a.values.as_ptr(),
            a.column_step as isize,
            a.row_step as isize,
            b.values.as_ptr(),
            b.column_step as isize,
            b.row_step as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            parallelism,
        );
    }
}
