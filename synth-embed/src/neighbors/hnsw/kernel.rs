//! Sums over two rows in float32, on the widest vector unit that the machine has.
//!
//! The order of the additions is fixed and nothing is fused, so the bits are the same at every
//! width: the graph they decide on is the same on every machine.

use pulp::{Arch, Simd, WithSimd};

/// Sums kept side by side, whatever number of them a register holds: four AVX2 registers, so that no
/// addition waits for the one before.
pub(super) const LANES: usize = 32;

/// Σ (a − b)².
pub(super) fn squared_difference(arch: Arch, a: &[f32], b: &[f32]) -> f32 {
    arch.dispatch(Plain { a, b })
}

/// Σ (p·a − q·b)².
pub(super) fn squared_difference_scaled(arch: Arch, (a, p): (&[f32], f32), (b, q): (&[f32], f32)) -> f32 {
    arch.dispatch(Scaled { a, b, p, q })
}

struct Plain<'a> {
    a: &'a [f32],
    b: &'a [f32],
}

impl WithSimd for Plain<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        folded(simd, self.a, self.b, |a, b| simd.sub_f32s(a, b))
    }
}

struct Scaled<'a> {
    a: &'a [f32],
    b: &'a [f32],
    p: f32,
    q: f32,
}

impl WithSimd for Scaled<'_> {
    type Output = f32;

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) -> f32 {
        let (p, q) = (simd.splat_f32s(self.p), simd.splat_f32s(self.q));
        folded(simd, self.a, self.b, |a, b| simd.sub_f32s(simd.mul_f32s(p, a), simd.mul_f32s(q, b)))
    }
}

/// The sum of the squares of `difference`. Inlined into a function compiled for the unit `S`.
#[inline(always)]
fn folded<S: Simd>(simd: S, a: &[f32], b: &[f32], difference: impl Fn(S::f32s, S::f32s) -> S::f32s) -> f32 {
    // As many as the narrowest unit needs; of a wider one the first `LANES / S::F32_LANES`.
    let mut sums = [simd.splat_f32s(0.0); LANES];
    let mut add = |a: &[f32; LANES], b: &[f32; LANES]| {
        let pairs = S::as_simd_f32s(a).0.iter().zip(S::as_simd_f32s(b).0);
        for (sum, (&a, &b)) in sums[..LANES / S::F32_LANES].iter_mut().zip(pairs) {
            let difference = difference(a, b);
            *sum = simd.add_f32s(*sum, simd.mul_f32s(difference, difference));
        }
    };
    let (a_blocks, a_rest) = a.as_chunks::<LANES>();
    let (b_blocks, b_rest) = b.as_chunks::<LANES>();
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        add(a, b);
    }
    if !a_rest.is_empty() {
        let (mut a, mut b) = ([0.0; LANES], [0.0; LANES]);
        a[..a_rest.len()].copy_from_slice(a_rest);
        b[..b_rest.len()].copy_from_slice(b_rest);
        add(&a, &b);
    }
    let mut lanes = [0.0_f32; LANES];
    S::as_mut_simd_f32s(&mut lanes).0.copy_from_slice(&sums[..LANES / S::F32_LANES]);
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            lanes[lane] += lanes[lane + width];
        }
        width /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use synth_core::Seed;

    #[test]
    fn equal_the_sums_in_float64_at_every_length() {
        let mut stream = Seed::from_u64(3).stream(0);
        for len in [1, 2, 31, 32, 33, 63, 65, 384, 1000] {
            let mut row = || (0..len).map(|_| stream.normal() as f32).collect::<Vec<_>>();
            let (a, b) = (row(), row());
            let squared = |p: f32, q: f32| -> f64 {
                let term = |(&a, &b): (&f32, &f32)| f64::from(p) * f64::from(a) - f64::from(q) * f64::from(b);
                a.iter().zip(&b).map(term).map(|difference| difference * difference).sum()
            };
            // len / 32 + 6 additions, and two roundings of a difference that is squared.
            let bound = (len as f64 / 32.0 + 10.0) * 2.0_f64.powi(-24);
            let (plain, expected) = (f64::from(squared_difference(Arch::new(), &a, &b)), squared(1.0, 1.0));
            assert!((plain - expected).abs() <= bound * expected, "{len}: {plain} {expected}");
            let (scaled, expected) =
                (f64::from(squared_difference_scaled(Arch::new(), (&a, 0.3), (&b, 0.7))), squared(0.3, 0.7));
            // Products round before they are subtracted, so by their own size.
            let size = expected + squared(0.3, 0.0) + squared(0.0, 0.7);
            assert!((scaled - expected).abs() <= 4.0 * bound * size, "{len}: {scaled} {expected}");
        }
    }

    #[test]
    fn bits_do_not_depend_on_the_vector_unit() {
        let mut stream = Seed::from_u64(4).stream(0);
        for len in [1, 7, 32, 40, 384, 1001] {
            let mut row = || (0..len).map(|_| stream.normal() as f32).collect::<Vec<_>>();
            let (a, b) = (row(), row());
            for arch in [Arch::new(), Arch::Scalar] {
                let plain = squared_difference(arch, &a, &b);
                assert_eq!(plain.to_bits(), squared_difference(Arch::Scalar, &a, &b).to_bits(), "{len}");
                let scaled = squared_difference_scaled(arch, (&a, 0.3), (&b, 0.7));
                let scalar = squared_difference_scaled(Arch::Scalar, (&a, 0.3), (&b, 0.7));
                assert_eq!(scaled.to_bits(), scalar.to_bits(), "{len}");
            }
        }
    }
}
