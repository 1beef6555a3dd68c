use pulp::{Simd, WithSimd};

use super::dispatch;
use super::pointwise::{After, Pointwise, Target};

const SIDE: usize = 3;
const STRIDE: usize = 2;

/// The convolution of three channels that lie apart, as images come: 3 × 3, stride 2, clipped to [0, 6].
#[derive(Clone, Debug)]
pub(crate) struct Stem(Pointwise);

/// Three planes with zeros around them, `[3, rows, columns]`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Planes<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) columns: usize,
}

impl Stem {
    /// From `weight: [outputs, 3, 3, 3]` and `bias: [outputs]`.
    pub(crate) fn new(weight: &[f32], bias: &[f32]) -> Self {
        Self(Pointwise::new(weight, bias))
    }

    /// Places of the planes that `places` of the result need along an axis.
    pub(crate) fn needs(places: usize) -> usize {
        (places - 1) * STRIDE + SIDE
    }

    /// Row `row` of the result, `places` of them, as [`Pointwise::apply`].
    pub(crate) fn apply(
        &self,
        first: usize,
        source: Planes<'_>,
        row: usize,
        places: usize,
        target: Target<'_>,
    ) {
        dispatch(Apply { layer: &self.0, first, source, row, places, target });
    }
}

struct Apply<'a> {
    layer: &'a Pointwise,
    first: usize,
    source: Planes<'a>,
    row: usize,
    places: usize,
    target: Target<'a>,
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.layer.tile_panels(self.first) {
            1 => self.panels::<S, 1>(simd),
            _ => self.panels::<S, 2>(simd),
        }
    }
}

impl Apply<'_> {
    #[inline(always)]
    fn panels<S: Simd, const V: usize>(mut self, simd: S) {
        let (weight, bias) = self.layer.packed::<S, V>(self.first);
        let mut at = 0;
        while at < self.places {
            at += match (S::F32_LANES, self.places - at) {
                (16, 14..) => self.tile::<S, 14, V>(simd, at, weight, bias),
                (_, 6..) => self.tile::<S, 6, V>(simd, at, weight, bias),
                _ => self.tile::<S, 1, V>(simd, at, weight, bias),
            };
        }
    }

    /// `M` places from `at` on; returns `M`.
    #[inline(always)]
    fn tile<S: Simd, const M: usize, const V: usize>(
        &mut self,
        simd: S,
        at: usize,
        weight: &[S::f32s],
        bias: [S::f32s; V],
    ) -> usize {
        let Planes { values, rows, columns } = self.source;
        let mut sums = [bias; M];
        for (line, weight) in weight.chunks_exact(SIDE * V).enumerate() {
            let y = line / SIDE * rows + self.row * STRIDE + line % SIDE;
            let line = &values[y * columns + at * STRIDE..][..(M - 1) * STRIDE + SIDE];
            for (x, weight) in weight.chunks_exact(V).enumerate() {
                for (place, sums) in sums.iter_mut().enumerate() {
                    let x = simd.splat_f32s(line[place * STRIDE + x]);
                    for (sum, weight) in sums.iter_mut().zip(weight) {
                        *sum = simd.mul_add_f32s(x, *weight, *sum);
                    }
                }
            }
        }
        self.target.store(simd, at, &sums, After::Relu6);
        M
    }
}
