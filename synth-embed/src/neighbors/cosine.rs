//! Nearest rows by direction.

use ndarray::{ArrayView1, ArrayView2};
use rayon::prelude::*;

/// Rows compared at a time: they stay in the cache while a chunk of queries passes over them.
const BLOCK_ROWS: usize = 128;
/// Queries per parallel task.
const CHUNK_QUERIES: usize = 16;

/// For each query the `k` rows of smallest 1 − cos as (index, distance), equal distances by index.
pub(super) fn nearest(
    queries: ArrayView2<'_, f32>,
    rows: ArrayView2<'_, f32>,
    k: usize,
) -> Vec<Vec<(usize, f64)>> {
    let rows: Vec<Vec<f64>> = rows.outer_iter().map(unit).collect();
    let queries: Vec<Vec<f64>> = queries.outer_iter().map(unit).collect();
    let chunks: Vec<_> =
        queries.par_chunks(CHUNK_QUERIES).map(|chunk| nearest_of_chunk(chunk, &rows, k)).collect();
    chunks.into_iter().flatten().collect()
}

fn nearest_of_chunk(queries: &[Vec<f64>], rows: &[Vec<f64>], k: usize) -> Vec<Vec<(usize, f64)>> {
    let mut found: Vec<Vec<(usize, f64)>> = vec![Vec::with_capacity(k + 1); queries.len()];
    for (block, block_rows) in rows.chunks(BLOCK_ROWS).enumerate() {
        for (query, found) in queries.iter().zip(&mut found) {
            for (offset, row) in block_rows.iter().enumerate() {
                // Half the squared difference of unit vectors is 1 − cos, without its cancellation.
                let distance = 0.5 * squared_difference(query, row);
                keep(found, k, block * BLOCK_ROWS + offset, distance);
            }
        }
    }
    found
}

/// Rows come by ascending index, so a later one goes behind its equals.
fn keep(found: &mut Vec<(usize, f64)>, k: usize, index: usize, distance: f64) {
    if found.len() == k && found.last().is_some_and(|&(_, worst)| distance >= worst) {
        return;
    }
    let at = found.partition_point(|&(_, other)| other <= distance);
    found.insert(at, (index, distance));
    found.truncate(k);
}

/// The row scaled to length 1.
pub(super) fn unit(row: ArrayView1<'_, f32>) -> Vec<f64> {
    // Dividing by the largest entry first keeps the squares of tiny rows from vanishing.
    let largest = row.iter().fold(0.0_f64, |best, &value| best.max(f64::from(value).abs()));
    let scaled: Vec<f64> = row.iter().map(|&value| f64::from(value) / largest).collect();
    let norm = scaled.iter().map(|value| value * value).sum::<f64>().sqrt();
    scaled.into_iter().map(|value| value / norm).collect()
}

/// Σ (a − b)² in eight interleaved sums, always joined in the same order.
fn squared_difference(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0_f64; 8];
    let (a_blocks, a_rest) = a.as_chunks::<8>();
    let (b_blocks, b_rest) = b.as_chunks::<8>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..8 {
            let difference = a[lane] - b[lane];
            sums[lane] += difference * difference;
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| (a - b) * (a - b)).sum();
    sums.iter().sum::<f64>() + rest
}
