//! Sums of products, each entry's in a fixed order, so that bits do not depend on how wide the vector registers
//! are that the caller was compiled for ([`pulp`] picks the widest at run time).

use std::ops::{Deref, DerefMut, Range};

/// Numbers that are worked on side by side.
pub(crate) const LANES: usize = 8;

/// The least multiple of [`LANES`] that holds `n`.
pub(crate) fn padded(n: usize) -> usize {
    n.next_multiple_of(LANES)
}

/// How far apart rows of `n` numbers lie: whole chunks, and an odd number of them, for where one column of many
/// rows falls into the same few places of the cache, they drive each other out.
pub(crate) fn row_distance(n: usize) -> usize {
    padded(n) | LANES
}

/// Zeros that begin where a line of the cache does, so that no chunk lies in two.
#[derive(Debug)]
pub(crate) struct Lines {
    values: Vec<f64>,
    start: usize,
}

impl Lines {
    pub(crate) fn zeros(len: usize) -> Self {
        let values = vec![0.0; len + LANES];
        let start = values.as_ptr().align_offset(LANES * size_of::<f64>()).min(LANES);
        Self { values, start }
    }
}

impl Deref for Lines {
    type Target = [f64];

    fn deref(&self) -> &[f64] {
        &self.values[self.start..]
    }
}

impl DerefMut for Lines {
    fn deref_mut(&mut self) -> &mut [f64] {
        &mut self.values[self.start..]
    }
}

/// Sum of products, in eight interleaved partial sums.
#[inline(always)]
pub(crate) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (a_chunks, b_chunks) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let tail: f64 = a_chunks.remainder().iter().zip(b_chunks.remainder()).map(|(a, b)| a * b).sum();
    for (a, b) in a_chunks.zip(b_chunks) {
        for lane in 0..LANES {
            sums[lane] += a[lane] * b[lane];
        }
    }
    total(&sums) + tail
}

/// Sum, in eight interleaved partial sums.
#[inline(always)]
pub(crate) fn sum(values: &[f64]) -> f64 {
    let (chunks, tail) = values.as_chunks::<LANES>();
    let mut sums = [0.0; LANES];
    for chunk in chunks {
        for lane in 0..LANES {
            sums[lane] += chunk[lane];
        }
    }
    total(&sums) + tail.iter().sum::<f64>()
}

/// Sum of partial sums.
#[inline(always)]
pub(crate) fn total(sums: &[f64; LANES]) -> f64 {
    let halves = [sums[0] + sums[4], sums[1] + sums[5], sums[2] + sums[6], sums[3] + sums[7]];
    (halves[0] + halves[2]) + (halves[1] + halves[3])
}

#[inline(always)]
pub(crate) fn add_scaled(target: &mut [f64], factor: f64, source: &[f64]) {
    target.iter_mut().zip(source).for_each(|(t, s)| *t += factor * s);
}

/// Rows of a matrix, `values[k * stride..]`, with at least as many columns as what they are added to.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) stride: usize,
}

impl Rows<'_> {
    /// Adds `factor(k)` times row `k` to the target, from column `first` on, for each `k` in `rows(column)` one
    /// after another. Up to four chunks of columns stay in registers meanwhile and share the rows of their
    /// first: a row that is one of those, but not of `rows(c)`, must be 0 in column c. `first` and the length of
    /// the target are multiples of [`LANES`].
    #[inline(always)]
    pub(crate) fn add_to(
        self,
        target: &mut [f64],
        first: usize,
        rows: impl Fn(usize) -> Range<usize>,
        factor: impl Fn(usize) -> f64,
    ) {
        let mut at = first;
        while at + 4 * LANES <= target.len() {
            self.add_panel::<4>(target, at, rows(at), &factor);
            at += 4 * LANES;
        }
        if at + 2 * LANES <= target.len() {
            self.add_panel::<2>(target, at, rows(at), &factor);
            at += 2 * LANES;
        }
        if at + LANES <= target.len() {
            self.add_panel::<1>(target, at, rows(at), &factor);
        }
    }

    #[inline(always)]
    fn add_panel<const CHUNKS: usize>(
        self,
        target: &mut [f64],
        at: usize,
        rows: Range<usize>,
        factor: &impl Fn(usize) -> f64,
    ) {
        let (target, _) = target[at..at + CHUNKS * LANES].as_chunks_mut::<LANES>();
        let mut sums = [[0.0; LANES]; CHUNKS];
        sums.copy_from_slice(target);
        for k in rows {
            let by = factor(k);
            let start = k * self.stride + at;
            let (row, _) = self.values[start..start + CHUNKS * LANES].as_chunks::<LANES>();
            for chunk in 0..CHUNKS {
                for lane in 0..LANES {
                    sums[chunk][lane] += by * row[chunk][lane];
                }
            }
        }
        target.copy_from_slice(&sums);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_added_to_every_column_from_the_first_on() {
        // Eight chunks from the second on: panels of four, of two and of one.
        let width = 8 * LANES;
        let entry = |k: usize, column: usize| (100 * k + column) as f64;
        let values: Vec<f64> = (0..3 * width).map(|i| entry(i / width, i % width)).collect();
        let mut target = vec![0.5; width];
        // The first panel takes rows 1 and 2, the others all three.
        let from = |column: usize| usize::from(column < 5 * LANES)..3;
        Rows { values: &values, stride: width }.add_to(&mut target, LANES, from, |k| (k + 2) as f64);
        for (column, got) in target.iter().enumerate() {
            let sum = |rows: Range<usize>| rows.map(|k| (k + 2) as f64 * entry(k, column)).sum::<f64>();
            let expected = match column / LANES {
                0 => 0.0,
                1..=4 => sum(1..3),
                _ => sum(0..3),
            };
            assert_eq!(*got, 0.5 + expected, "column {column}");
        }
    }

    #[test]
    fn zeros_begin_at_a_line_and_there_are_as_many_as_were_asked_for() {
        for len in [0, 1, 8, 1000] {
            let zeros = Lines::zeros(len);
            assert!(zeros.len() >= len && zeros.iter().all(|x| *x == 0.0));
            assert_eq!(zeros.as_ptr() as usize % 64, 0);
        }
        assert_eq!([1, 8, 9, 505, 1024].map(row_distance), [8, 8, 24, 520, 1032]);
    }
}
