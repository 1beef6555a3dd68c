//! Rows of 8-bit levels from any kind of image.

use std::ops::Range;

use image::DynamicImage;
use synth_core::{Error, Result};

/// A stored number that becomes one of 256 levels.
trait Sample: Copy {
    fn level(self) -> u8;
}

impl Sample for u8 {
    fn level(self) -> u8 {
        self
    }
}

impl Sample for u16 {
    /// Rounded: 65,535 = 255 · 257.
    fn level(self) -> u8 {
        ((u32::from(self) + 128) / 257) as u8
    }
}

impl Sample for f32 {
    /// Clamped to [0, 1] and rounded; NaN is black.
    fn level(self) -> u8 {
        (self.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
    }
}

/// An image seen as one plane of levels where it is grey, else as three.
#[derive(Clone, Copy, Debug)]
pub(super) struct Levels<'a> {
    image: &'a DynamicImage,
    pub(super) planes: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

impl<'a> Levels<'a> {
    /// # Errors
    /// [`Error::InvalidParam`] without pixels, [`Error::Unsupported`] for a pixel type that the
    /// `image` crate may add.
    pub(super) fn new(image: &'a DynamicImage) -> Result<Self> {
        use DynamicImage as D;
        let (width, height) = (image.width() as usize, image.height() as usize);
        if width == 0 || height == 0 {
            return Err(Error::invalid("image", "at least 1 × 1 px", format!("{width} × {height} px")));
        }
        let planes = match image {
            D::ImageLuma8(_) | D::ImageLumaA8(_) | D::ImageLuma16(_) | D::ImageLumaA16(_) => 1,
            D::ImageRgb8(_) | D::ImageRgba8(_) | D::ImageRgb16(_) | D::ImageRgba16(_) => 3,
            D::ImageRgb32F(_) | D::ImageRgba32F(_) => 3,
            other => {
                let what = format!("an image of {:?} pixels", other.color());
                let reason = "convert it to 8- or 16-bit grey or RGB, or 32-bit float RGB".to_owned();
                return Err(Error::Unsupported { what, reason });
            }
        };
        Ok(Self { image, planes, width, height })
    }

    /// Writes `columns` of row `y`, plane by plane; each plane has its equal share of `out`, whose rest
    /// is left alone.
    pub(super) fn read_row<L: From<u8>>(&self, y: usize, columns: Range<usize>, out: &mut [L]) {
        use DynamicImage as D;
        let pixels = y * self.width + columns.start..y * self.width + columns.end;
        let share = out.len() / self.planes;
        match self.image {
            D::ImageLuma8(image) => split::<_, _, 1>(image, pixels, out, share),
            D::ImageLumaA8(image) => split::<_, _, 2>(image, pixels, out, share),
            D::ImageRgb8(image) => split::<_, _, 3>(image, pixels, out, share),
            D::ImageRgba8(image) => split::<_, _, 4>(image, pixels, out, share),
            D::ImageLuma16(image) => split::<_, _, 1>(image, pixels, out, share),
            D::ImageLumaA16(image) => split::<_, _, 2>(image, pixels, out, share),
            D::ImageRgb16(image) => split::<_, _, 3>(image, pixels, out, share),
            D::ImageRgba16(image) => split::<_, _, 4>(image, pixels, out, share),
            D::ImageRgb32F(image) => split::<_, _, 3>(image, pixels, out, share),
            D::ImageRgba32F(image) => split::<_, _, 4>(image, pixels, out, share),
            _ => unreachable!("invariant: `new` lets no other kind through"),
        }
    }
}

fn split<T: Sample, L: From<u8>, const STRIDE: usize>(
    samples: &[T],
    pixels: Range<usize>,
    out: &mut [L],
    share: usize,
) {
    let (pixels, _) = samples[pixels.start * STRIDE..pixels.end * STRIDE].as_chunks::<STRIDE>();
    for (channel, plane) in out.chunks_exact_mut(share).enumerate() {
        for (pixel, level) in pixels.iter().zip(plane) {
            *level = pixel[channel].level().into();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_scaled_and_rounded() {
        for value in 0..=u16::MAX {
            let exact = (f64::from(value) / 257.0).round();
            assert_eq!(f64::from(value.level()), exact, "{value}");
        }
    }

    #[test]
    fn floats_are_clamped() {
        let levels = [-1.0, f32::NAN, 0.0, 0.5, 1.0, 7.0, f32::INFINITY].map(f32::level);
        assert_eq!(levels, [0, 0, 0, 128, 255, 255, 255]);
    }
}
