use pulp::{Simd, WithSimd};

use super::{Aligned, dispatch, lanes, relu6};

/// A convolution of each channel alone, clipped to [0, 6]; kernel 3 × 3 or 5 × 5, stride 1 or 2.
#[derive(Clone, Debug)]
pub(crate) struct Depthwise {
    side: usize,
    stride: usize,
    /// `[panels, side · side, lanes]`
    weight: Aligned,
    /// `[panels, lanes]`
    bias: Aligned,
}

impl Depthwise {
    /// From `weight: [channels, side, side]` and `bias: [channels]`.
    ///
    /// # Panics
    /// For another side or stride: the caller has checked them.
    pub(crate) fn new(weight: &[f32], bias: &[f32], side: usize, stride: usize) -> Self {
        assert!(matches!((side, stride), (3 | 5, 1 | 2)), "no kernel of side {side} and stride {stride}");
        let (lanes, taps) = (lanes(), side * side);
        let width = bias.len().next_multiple_of(lanes);
        let mut packed = Aligned::zeros(taps * width);
        let mut padded = Aligned::zeros(width);
        padded[..bias.len()].copy_from_slice(bias);
        for (channel, kernel) in weight.chunks(taps).enumerate() {
            let (panel, lane) = (channel / lanes, channel % lanes);
            for (tap, weight) in kernel.iter().enumerate() {
                packed[(panel * taps + tap) * lanes + lane] = *weight;
            }
        }
        Self { side, stride, weight: packed, bias: padded }
    }

    /// Places of the source from one of the result to the next.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }

    /// Places of a source with zeros around it that `places` of the result need along an axis.
    pub(crate) fn needs(&self, places: usize) -> usize {
        (places - 1) * self.stride + self.side
    }

    /// One panel: `source: [rows, needs(columns), lanes]`, all rows that those of `out: [_, columns,
    /// lanes]` need.
    pub(crate) fn apply(&self, panel: usize, source: &[f32], out: &mut [f32], columns: usize) {
        dispatch(Apply { layer: self, panel, source, out, columns });
    }
}

struct Apply<'a> {
    layer: &'a Depthwise,
    panel: usize,
    source: &'a [f32],
    out: &'a mut [f32],
    columns: usize,
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match (self.layer.side, self.layer.stride) {
            (3, 1) => self.rows::<S, 3, 1>(simd),
            (3, _) => self.rows::<S, 3, 2>(simd),
            (_, 1) => self.rows::<S, 5, 1>(simd),
            _ => self.rows::<S, 5, 2>(simd),
        }
    }
}

/// Weights and bias of a panel, and the row of the result that is being made.
struct Row<'a, S: Simd> {
    simd: S,
    /// From the first row that is needed.
    source: &'a [S::f32s],
    width: usize,
    weight: &'a [S::f32s],
    bias: S::f32s,
}

impl Apply<'_> {
    #[inline(always)]
    fn rows<S: Simd, const K: usize, const STRIDE: usize>(self, simd: S) {
        let (weight, _) = S::as_simd_f32s(&self.layer.weight);
        let weight = &weight[self.panel * K * K..][..K * K];
        let bias = S::as_simd_f32s(&self.layer.bias).0[self.panel];
        let (source, _) = S::as_simd_f32s(self.source);
        let (out, _) = S::as_mut_simd_f32s(self.out);
        let width = (self.columns - 1) * STRIDE + K;
        for (row, out) in out.chunks_exact_mut(self.columns).enumerate() {
            let row = Row { simd, source: &source[row * STRIDE * width..], width, weight, bias };
            let mut at = 0;
            while at < out.len() {
                at += match out.len() - at {
                    7.. => row.tile::<7, K, STRIDE>(at, out),
                    4.. => row.tile::<4, K, STRIDE>(at, out),
                    2.. => row.tile::<2, K, STRIDE>(at, out),
                    _ => row.tile::<1, K, STRIDE>(at, out),
                };
            }
        }
    }
}

impl<S: Simd> Row<'_, S> {
    /// `T` places from `at` on; returns `T`.
    #[inline(always)]
    fn tile<const T: usize, const K: usize, const STRIDE: usize>(
        &self,
        at: usize,
        out: &mut [S::f32s],
    ) -> usize {
        let mut sums = [self.bias; T];
        for (y, weight) in self.weight.chunks_exact(K).enumerate() {
            let line = &self.source[y * self.width + at * STRIDE..][..(T - 1) * STRIDE + K];
            for (x, weight) in weight.iter().enumerate() {
                for (place, sum) in sums.iter_mut().enumerate() {
                    *sum = self.simd.mul_add_f32s(line[place * STRIDE + x], *weight, *sum);
                }
            }
        }
        for (out, sum) in out[at..][..T].iter_mut().zip(sums) {
            *out = relu6(self.simd, sum);
        }
        T
    }
}
