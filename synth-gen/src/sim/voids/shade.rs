use super::blur::high_product;

/// What a void does to the pixels under it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Tone {
    /// Takes this share, in 2⁻¹⁶, where the coverage is full.
    Darken(u16),
    /// Adds this many times the pixel, in 2⁻¹⁶, where the coverage is full.
    Lighten(u32),
}

impl Tone {
    /// The tone of a void that multiplies its pixels by `factor`, in [0, 4].
    pub(super) fn new(factor: f64) -> Self {
        let change = libm::round((factor - 1.0) * 65536.0);
        if change > 0.0 { Self::Lighten(change as u32) } else { Self::Darken((-change).min(65535.0) as u16) }
    }
}

/// The samples that images are made of.
pub(super) trait Subpixel: Copy {
    /// Less `loss` 2⁻¹⁶ of itself, rounded; of 8 bits the product is cut to 16 bits first.
    fn darkened(self, loss: u16) -> Self;
    /// More by `gain` 2⁻¹⁶ of itself, rounded; not above the largest value.
    fn lightened(self, gain: u32) -> Self;
}

impl Subpixel for u8 {
    #[inline(always)]
    fn darkened(self, loss: u16) -> Self {
        let value = u16::from(self) << 8;
        ((value - high_product(value, loss) + 128) >> 8) as Self
    }

    #[inline(always)]
    fn lightened(self, gain: u32) -> Self {
        let value = u64::from(self);
        (value + ((value * u64::from(gain) + 0x8000) >> 16)).min(255) as Self
    }
}

impl Subpixel for u16 {
    #[inline(always)]
    fn darkened(self, loss: u16) -> Self {
        self - ((u32::from(self) * u32::from(loss) + 0x8000) >> 16) as Self
    }

    #[inline(always)]
    fn lightened(self, gain: u32) -> Self {
        let value = u64::from(self);
        (value + ((value * u64::from(gain) + 0x8000) >> 16)).min(65535) as Self
    }
}

/// Applies a tone to pixels of `channels` samples each; `alpha` holds their coverage, 65 535 where full.
#[inline(always)]
pub(super) fn shade<S: Subpixel>(samples: &mut [S], channels: usize, alpha: &[u16], tone: Tone) {
    match (tone, channels) {
        (Tone::Darken(share), 1) => {
            for (sample, &alpha) in samples.iter_mut().zip(alpha) {
                *sample = sample.darkened(high_product(alpha, share));
            }
        }
        (Tone::Darken(share), _) => {
            for (pixel, &alpha) in samples.chunks_exact_mut(channels).zip(alpha) {
                let loss = high_product(alpha, share);
                pixel.iter_mut().for_each(|sample| *sample = sample.darkened(loss));
            }
        }
        (Tone::Lighten(share), _) => {
            for (pixel, &alpha) in samples.chunks_exact_mut(channels).zip(alpha) {
                let gain = ((u64::from(alpha) * u64::from(share) + 0x8000) >> 16) as u32;
                pixel.iter_mut().for_each(|sample| *sample = sample.lightened(gain));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaded<S: Subpixel>(sample: S, alpha: u16, factor: f64) -> S {
        let mut samples = [sample];
        shade(&mut samples, 1, &[alpha], Tone::new(factor));
        samples[0]
    }

    #[test]
    fn full_coverage_multiplies_by_the_factor_as_closely_as_documented() {
        for factor in (0..=400).map(|hundredths| f64::from(hundredths) / 100.0) {
            for value in 0..=255_u8 {
                let want = (f64::from(value) * factor).min(255.0);
                assert!((f64::from(shaded(value, 65535, factor)) - want).abs() <= 0.52, "{value} × {factor}");
            }
            for value in (0..=65535_u16).step_by(5) {
                let want = (f64::from(value) * factor).min(65535.0);
                let got = f64::from(shaded(value, 65535, factor));
                assert!((got - want).abs() <= 3.0, "{value} × {factor}: {got}");
            }
        }
    }

    #[test]
    fn no_coverage_changes_nothing() {
        for factor in [0.0, 0.5, 4.0] {
            assert!((0..=255_u8).all(|value| shaded(value, 0, factor) == value));
            assert!((0..=65535_u16).all(|value| shaded(value, 0, factor) == value));
        }
    }

    #[test]
    fn channels_share_their_pixels_coverage() {
        let mut samples = [100_u8, 50, 200, 100, 50, 200];
        shade(&mut samples, 3, &[65535, 0], Tone::new(0.5));
        assert_eq!(samples, [50, 25, 100, 100, 50, 200]);
    }
}
