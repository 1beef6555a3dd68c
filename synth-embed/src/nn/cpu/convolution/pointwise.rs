use pulp::{Simd, WithSimd};

use super::{Aligned, TILE_PANELS, dispatch, lanes, relu6};

/// A convolution of one place: a product with the channels of each.
#[derive(Clone, Debug)]
pub(crate) struct Pointwise {
    inputs: usize,
    lanes: usize,
    /// For every [`TILE_PANELS`] panels of outputs `[inputs, panels, lanes]`.
    weight: Aligned,
    /// `[panels, lanes]`
    bias: Aligned,
}

/// Places one after another; the channels of each in panels that are `panel_step` apart.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) values: &'a [f32],
    pub(crate) panel_step: usize,
    pub(crate) places: usize,
}

/// Where the sums go: as many places one after another, the first panel of the tile at the beginning.
#[derive(Debug)]
pub(crate) struct Target<'a> {
    pub(crate) values: &'a mut [f32],
    pub(crate) panel_step: usize,
}

/// What becomes of a sum.
#[derive(Clone, Copy, Debug)]
pub(crate) enum After<'a> {
    /// It is clipped to [0, 6].
    Relu6,
    /// It stays.
    Nothing,
    /// What lies at the same place here is added.
    Add(&'a [f32]),
}

impl Pointwise {
    /// From `weight: [outputs, inputs]` and `bias: [outputs]`.
    pub(crate) fn new(weight: &[f32], bias: &[f32]) -> Self {
        let (lanes, inputs) = (lanes(), weight.len() / bias.len());
        let width = bias.len().next_multiple_of(lanes);
        let mut packed = Aligned::zeros(inputs * width);
        let mut padded = Aligned::zeros(width);
        padded[..bias.len()].copy_from_slice(bias);
        let tile = TILE_PANELS * lanes;
        for (output, weight) in weight.chunks(inputs).enumerate() {
            let first = output / tile * tile;
            let step = tile.min(width - first);
            for (input, weight) in weight.iter().enumerate() {
                packed[first * inputs + input * step + output - first] = *weight;
            }
        }
        Self { inputs, lanes, weight: packed, bias: padded }
    }

    /// Panels of the tile that begins at panel `first`.
    pub(super) fn tile_panels(&self, first: usize) -> usize {
        assert!(first.is_multiple_of(TILE_PANELS), "no tile begins at panel {first}");
        TILE_PANELS.min(self.bias.len() / self.lanes - first)
    }

    /// Weights `[inputs, V]` and bias of the tile that begins at panel `first`.
    #[inline(always)]
    pub(super) fn packed<S: Simd, const V: usize>(&self, first: usize) -> (&[S::f32s], [S::f32s; V]) {
        let first = first * S::F32_LANES;
        let weight = &self.weight[first * self.inputs..][..V * S::F32_LANES * self.inputs];
        let (bias, _) = S::as_simd_f32s(&self.bias[first..]);
        (S::as_simd_f32s(weight).0, std::array::from_fn(|panel| bias[panel]))
    }

    /// The panels from `first` on, [`TILE_PANELS`] or what is left, of every place of the source.
    pub(crate) fn apply(&self, first: usize, source: Source<'_>, target: Target<'_>, after: After<'_>) {
        dispatch(Apply { layer: self, first, source, target, after });
    }
}

struct Apply<'a> {
    layer: &'a Pointwise,
    first: usize,
    source: Source<'a>,
    target: Target<'a>,
    after: After<'a>,
}

impl WithSimd for Apply<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        match self.layer.tile_panels(self.first) {
            1 => self.panels::<S, 1>(simd),
            _ => self.panels::<S, TILE_PANELS>(simd),
        }
    }
}

impl Apply<'_> {
    #[inline(always)]
    fn panels<S: Simd, const V: usize>(mut self, simd: S) {
        let (weight, bias) = self.layer.packed::<S, V>(self.first);
        let mut at = 0;
        while at < self.source.places {
            // The sums of 14 places and two panels take 28 of 32 registers, of 6 places 12 of 16.
            at += match (S::F32_LANES, self.source.places - at) {
                (16, 14..) => self.tile::<S, 14, V>(simd, at, weight, bias),
                (16, 7..) => self.tile::<S, 7, V>(simd, at, weight, bias),
                (_, 6..) => self.tile::<S, 6, V>(simd, at, weight, bias),
                (_, 4..) => self.tile::<S, 4, V>(simd, at, weight, bias),
                (_, 2..) => self.tile::<S, 2, V>(simd, at, weight, bias),
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
        let lanes = S::F32_LANES;
        let mut sums = [bias; M];
        for (panel, weight) in weight.chunks(lanes * V).enumerate() {
            let x = &self.source.values[panel * self.source.panel_step + at * lanes..][..M * lanes];
            for (input, weight) in weight.chunks_exact(V).enumerate().take(lanes) {
                for (place, sums) in sums.iter_mut().enumerate() {
                    let x = simd.splat_f32s(x[place * lanes + input]);
                    for (sum, weight) in sums.iter_mut().zip(weight) {
                        *sum = simd.mul_add_f32s(x, *weight, *sum);
                    }
                }
            }
        }
        self.target.store(simd, at, &sums, self.after);
        M
    }
}

impl Target<'_> {
    /// Writes the sums of the `M` places from `at` on.
    #[inline(always)]
    pub(super) fn store<S: Simd, const M: usize, const V: usize>(
        &mut self,
        simd: S,
        at: usize,
        sums: &[[S::f32s; V]; M],
        after: After<'_>,
    ) {
        for panel in 0..V {
            let start = panel * self.panel_step + at * S::F32_LANES;
            let (out, _) = S::as_mut_simd_f32s(&mut self.values[start..][..M * S::F32_LANES]);
            let of_panel = sums.iter().map(|sums| sums[panel]);
            match after {
                After::Relu6 => out.iter_mut().zip(of_panel).for_each(|(out, x)| *out = relu6(simd, x)),
                After::Nothing => out.iter_mut().zip(of_panel).for_each(|(out, x)| *out = x),
                After::Add(residual) => {
                    let (residual, _) = S::as_simd_f32s(&residual[start..][..M * S::F32_LANES]);
                    for ((out, x), residual) in out.iter_mut().zip(of_panel).zip(residual) {
                        *out = simd.add_f32s(x, *residual);
                    }
                }
            }
        }
    }
}
