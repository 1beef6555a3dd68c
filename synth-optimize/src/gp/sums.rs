//! Sums of products, each entry's in a fixed order, so that bits do not depend on how wide the vector registers
//! are that the caller was compiled for ([`pulp`] picks the widest at run time).

use std::ops::Range;

/// Numbers that are worked on side by side.
pub(crate) const LANES: usize = 8;

/// The least multiple of [`LANES`] that holds `n`.
pub(crate) fn padded(n: usize) -> usize {
    n.next_multiple_of(LANES)
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

/// Rows of a matrix, `values[k * stride..]`, as many columns wide as what they are added to.
#[derive(Clone, Copy)]
pub(crate) struct Rows<'a> {
    pub(crate) values: &'a [f64],
    pub(crate) stride: usize,
}

impl Rows<'_> {
    /// Adds `factor(k)` times row `k` to the target, from column `first` on, for each `k` in `rows(column)` one
    /// after another; columns of up to four chunks of [`LANES`] share the rows of their first, and stay in registers
    /// meanwhile. `first` and the length of the target are multiples of [`LANES`].
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
        // Row k is k + 1 in every column, so each column gains 2·1 + 3·2 + 4·3, the first 32 of them from row 1 on.
        let width = 7 * LANES;
        let values: Vec<f64> = (0..3 * width).map(|i| (i / width + 1) as f64).collect();
        let mut target = vec![0.5; width];
        let from = |column: usize| usize::from(column < 5 * LANES)..3;
        Rows { values: &values, stride: width }.add_to(&mut target, LANES, from, |k| (k + 2) as f64);
        for (column, sum) in target.iter().enumerate() {
            let expected = match column / LANES {
                0 => 0.5,
                1..=4 => 18.5,
                _ => 20.5,
            };
            assert_eq!(*sum, expected, "column {column}");
        }
    }
}
