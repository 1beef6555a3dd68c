//! Matrix products of the crate `gemm`, behind bounds checks.

use ndarray::ArrayViewMut2;

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

/// A matrix of so many rows, one after another without gaps.
pub(super) fn dense(values: &mut [f32], rows: usize) -> ArrayViewMut2<'_, f32> {
    let columns = values.len() / rows.max(1);
    ArrayViewMut2::from_shape((rows, columns), values).expect("invariant: rows of equal length")
}

/// What becomes of the values that a product meets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Into {
    /// It is added to them.
    Add,
    /// It replaces them.
    Replace,
}

/// `a b` into `out: [a.rows, b.columns]`, whose rows are dense, by the caller's thread.
#[expect(unsafe_code, reason = "gemm's one entry takes pointers; the assertions bound what it touches")]
pub(super) fn product(a: Matrix<'_>, b: Matrix<'_>, mut out: ArrayViewMut2<'_, f32>, into: Into) {
    assert!(a.is_within() && b.is_within(), "a factor reaches beyond its slice: {a:?}, {b:?}");
    assert_eq!(a.columns, b.rows, "the factors do not fit");
    assert_eq!(out.dim(), (a.rows, b.columns), "the product does not fit its place");
    let [row_step, column_step] = [out.strides()[0], out.strides()[1]];
    // SAFETY: gemm reads element (i, j) of each factor at the steps given, i below its rows and j below
    // its columns: the largest such place lies within the slice, as asserted. It writes the
    // `[a.rows, b.columns]` elements of `out` at its own steps, which nothing else borrows.
    unsafe {
        gemm::gemm(
            a.rows,
            b.columns,
            a.columns,
            out.as_mut_ptr(),
            column_step,
            row_step,
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
            gemm::Parallelism::None,
        );
    }
}
