use rayon::prelude::*;

use super::super::Threads;
use super::elementwise::softmax_rows;
use super::product::{Into, Matrix, dense, product};

/// The shape of one item's attention.
#[derive(Clone, Copy, Debug)]
pub(in crate::nn) struct Heads {
    pub(in crate::nn) rows: usize,
    pub(in crate::nn) heads: usize,
    pub(in crate::nn) dim: usize,
    /// Whether a row sees only itself and earlier ones.
    pub(in crate::nn) causal: bool,
}

/// softmax(Q Kᵀ) V head by head: `qkv: [rows, 3 dim]`, `out: [rows, dim]`.
pub(in crate::nn) fn attend(qkv: &[f32], out: &mut [f32], shape: Heads, threads: Threads) {
    let head_dim = shape.dim / shape.heads;
    let mut gathered = vec![0.0; out.len()];
    let head = |scores: &mut Vec<f32>, (head, gathered): (usize, &mut [f32])| {
        scores.resize(shape.rows * shape.rows, 0.0);
        let part = |which: usize| &qkv[which * shape.dim + head * head_dim..];
        attend_with_head(part, scores, gathered, shape);
    };
    match threads {
        Threads::One => {
            let mut scores = Vec::new();
            gathered.chunks_mut(shape.rows * head_dim).enumerate().for_each(|item| head(&mut scores, item));
        }
        Threads::All => {
            gathered.par_chunks_mut(shape.rows * head_dim).enumerate().for_each_init(Vec::new, head);
        }
    }
    for (at, row) in out.chunks_mut(shape.dim).enumerate() {
        for (part, head) in row.chunks_mut(head_dim).zip(gathered.chunks(shape.rows * head_dim)) {
            part.copy_from_slice(&head[at * head_dim..][..head_dim]);
        }
    }
}

/// One head: `out: [rows, head_dim]`; `part` gives queries, keys and values from their first value on.
fn attend_with_head<'a>(
    part: impl Fn(usize) -> &'a [f32],
    scores: &mut [f32],
    out: &mut [f32],
    shape: Heads,
) {
    let (rows, head_dim, step) = (shape.rows, shape.dim / shape.heads, 3 * shape.dim);
    let matrix =
        |which| Matrix { values: part(which), rows, columns: head_dim, row_step: step, column_step: 1 };
    let keys = Matrix { values: part(1), rows: head_dim, columns: rows, row_step: 1, column_step: step };
    product(matrix(0), keys, dense(scores, rows), Into::Replace);
    softmax_rows(scores, rows, shape.causal);
    product(Matrix::dense(scores, rows, rows), matrix(2), dense(out, rows), Into::Replace);
}
