use super::blur::{Blur, COVERAGE_SHIFT, high_product};

/// Pixels of a block: the unit in which rows are judged and blurred.
pub(super) const BLOCK: usize = 16;

/// A run of pixels in a padded image: its first pixel, around which the blur can read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window<'a> {
    pub(super) pixels: &'a [u8],
    pub(super) stride: usize,
    pub(super) start: usize,
}

/// Blurs a run: `columns` takes the column pass over the run and a halo on both sides, `alpha` the
/// row pass over the run alone. Both lengths are whole blocks and differ by twice the halo.
///
/// All of it is sums and products of whole numbers, so the wider registers that some machines have
/// change the speed and nothing else.
pub(super) fn blur_run(from: Window<'_>, blur: &Blur, columns: &mut [u16], alpha: &mut [u16]) {
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") {
        #[expect(unsafe_code, reason = "the feature that the function needs was just found")]
        // SAFETY: this machine has AVX2; the function is safe otherwise.
        return unsafe { blur_run_avx2(from, blur, columns, alpha) };
    }
    blur_run_anywhere(from, blur, columns, alpha);
}

/// The same, compiled for AVX2.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn blur_run_avx2(from: Window<'_>, blur: &Blur, columns: &mut [u16], alpha: &mut [u16]) {
    blur_run_anywhere(from, blur, columns, alpha);
}

#[inline(always)]
fn blur_run_anywhere(from: Window<'_>, blur: &Blur, columns: &mut [u16], alpha: &mut [u16]) {
    blur_columns(from, &blur.column, columns);
    blur_row(columns, (columns.len() - alpha.len()) / 2, &blur.row, alpha);
}

/// The column pass: `out[i]` from the column of the window's pixel i.
#[inline(always)]
fn blur_columns(from: Window<'_>, weights: &[u16], out: &mut [u16]) {
    let Window { pixels, stride, start } = from;
    for (block, out) in out.chunks_exact_mut(BLOCK).enumerate() {
        let at = start + block * BLOCK;
        let load =
            |at: usize| -> [u8; BLOCK] { pixels[at..at + BLOCK].try_into().expect("invariant: a block") };
        let middle = load(at);
        let mut sum: [u16; BLOCK] =
            std::array::from_fn(|i| high_product(u16::from(middle[i]) << COVERAGE_SHIFT, weights[0]));
        for (k, &weight) in weights.iter().enumerate().skip(1) {
            let (above, below) = (load(at - k * stride), load(at + k * stride));
            for i in 0..BLOCK {
                let pair = (u16::from(above[i]) + u16::from(below[i])) << COVERAGE_SHIFT;
                sum[i] += high_product(pair, weight);
            }
        }
        out.copy_from_slice(&sum);
    }
}

/// The row pass: `out[i]` from the neighbours of `columns[halo + i]`.
#[inline(always)]
fn blur_row(columns: &[u16], halo: usize, weights: &[u16], out: &mut [u16]) {
    for (block, out) in out.chunks_exact_mut(BLOCK).enumerate() {
        let at = halo + block * BLOCK;
        let load =
            |at: usize| -> [u16; BLOCK] { columns[at..at + BLOCK].try_into().expect("invariant: a block") };
        let middle = load(at);
        let mut sum: [u16; BLOCK] = std::array::from_fn(|i| high_product(2 * middle[i], weights[0]));
        for (k, &weight) in weights.iter().enumerate().skip(1) {
            let (left, right) = (load(at - k), load(at + k));
            for i in 0..BLOCK {
                sum[i] += high_product(left[i] + right[i], weight);
            }
        }
        out.copy_from_slice(&sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_machine_blurs_alike() {
        let pixels: Vec<u8> = (0..200 * 80_usize).map(|i| (i * i / 11 + i / 3) as u8).collect();
        for sigma in [0.4, 2.0, 10.0] {
            let blur = Blur::new(sigma).expect("valid");
            let halo = blur.radius().next_multiple_of(BLOCK / 2);
            let from = Window { pixels: &pixels, stride: 200, start: 40 * 200 + 8 };
            let (mut columns, mut one, mut other) = (vec![0; 64 + 2 * halo], [0; 64], [0; 64]);
            blur_run(from, &blur, &mut columns, &mut one);
            blur_run_anywhere(from, &blur, &mut columns, &mut other);
            assert_eq!(one, other);
            assert!(one.iter().any(|&alpha| alpha != one[0]));
        }
    }
}
