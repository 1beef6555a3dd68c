use std::fmt;

use image::DynamicImage;
use synth_core::{Error, Result};

use super::geometry::Span;
use super::levels::Levels;
use super::params::PreprocessingParams;
use super::resample::resample;

/// From an image to the numbers that a network takes; the [module](crate::preprocess) says how.
///
/// # Shapes
/// - input: any [`DynamicImage`] of at least 1 × 1 px
/// - output: `[3, height, width]`, red first, float32; the unit follows the parameters
///
/// # Examples
/// ```
/// use image::{DynamicImage, Rgb, RgbImage};
/// use synth_embed::preprocess::Preprocessing;
///
/// let preprocessing = Preprocessing::dinov2(224)?;
/// assert_eq!(preprocessing.name(), "short256-bicubic-crop224-imagenet-1");
/// assert_eq!(preprocessing.output_px(), [224, 224]);
/// let red = DynamicImage::from(RgbImage::from_pixel(640, 480, Rgb([255, 0, 0])));
/// let mut out = vec![0.0; preprocessing.output_len()];
/// preprocessing.apply(&red, &mut out)?;
/// assert_eq!(out[0], (1.0 - 0.485) / 0.229);
///
/// assert!(preprocessing.apply(&red, &mut [0.0; 12]).is_err(), "too short");
/// let error = Preprocessing::dinov2(225).unwrap_err().to_string();
/// assert_eq!(error, "`crop_px` must be a multiple of 14, got 225");
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone)]
pub struct Preprocessing {
    params: PreprocessingParams,
    output_px: [usize; 2],
    /// What each of 256 levels becomes, for each channel.
    values: [[f32; 256]; 3],
}

impl Preprocessing {
    /// [`PreprocessingParams::dinov2`], whose crop must be a multiple of 14 px.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for another crop.
    pub fn dinov2(crop_px: u32) -> Result<Self> {
        if !crop_px.is_multiple_of(14) {
            return Err(Error::invalid("crop_px", "a multiple of 14", crop_px));
        }
        PreprocessingParams::dinov2(crop_px).build()
    }

    /// [`PreprocessingParams::clip`].
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a crop outside 1 to 4096 px.
    pub fn clip(crop_px: u32) -> Result<Self> {
        PreprocessingParams::clip(crop_px).build()
    }

    /// [`PreprocessingParams::siglip`].
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a side outside 1 to 4096 px.
    pub fn siglip(side_px: u32) -> Result<Self> {
        PreprocessingParams::siglip(side_px).build()
    }

    /// [`PreprocessingParams::efficientnet_lite`].
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a crop outside 1 to 4064 px.
    pub fn efficientnet_lite(crop_px: u32) -> Result<Self> {
        PreprocessingParams::efficientnet_lite(crop_px).build()
    }

    /// Of checked parameters.
    pub(super) fn new(params: PreprocessingParams, output_px: [usize; 2]) -> Self {
        let value = |channel: usize, level: usize| {
            let scaled = (level as f64 * params.scale) as f32;
            (scaled - params.mean[channel]) / params.std[channel]
        };
        let values = [0, 1, 2].map(|channel| std::array::from_fn(|level| value(channel, level)));
        Self { params, output_px, values }
    }

    /// Whether every level has a value.
    pub(super) fn is_finite(&self) -> bool {
        self.values.iter().flatten().all(|value| value.is_finite())
    }

    /// The checked parameters.
    #[must_use]
    pub fn params(&self) -> &PreprocessingParams {
        &self.params
    }

    /// A short name with a version, different wherever the numbers are; for
    /// [`EmbedderId::preprocessing`](synth_core::EmbedderId).
    #[must_use]
    pub fn name(&self) -> String {
        self.params.name()
    }

    /// Height and width of every output, px.
    #[must_use]
    pub fn output_px(&self) -> [usize; 2] {
        self.output_px
    }

    /// Length of every output, 3 · height · width.
    #[must_use]
    pub fn output_len(&self) -> usize {
        3 * self.output_px[0] * self.output_px[1]
    }

    /// Writes `[3, height, width]` numbers. Single-threaded; call it for many images in parallel.
    ///
    /// # Errors
    /// [`Error::Shape`] if `out` has another length than [`output_len`](Self::output_len),
    /// [`Error::InvalidParam`] for an image without pixels, [`Error::Unsupported`] for a pixel type
    /// that the `image` crate may add. Then `out` is unchanged.
    pub fn apply(&self, image: &DynamicImage, out: &mut [f32]) -> Result<()> {
        let [height, width] = self.output_px;
        if out.len() != self.output_len() {
            let (expected, got) = (vec![3, height, width], vec![out.len()]);
            return Err(Error::Shape { what: "preprocessing output", expected, got });
        }
        let levels = Levels::new(image)?;
        let size = self.params.resize.target(levels.width, levels.height);
        let across = Span::new(self.params.centering, size[0], width);
        let down = Span::new(self.params.centering, size[1], height);
        let kept = [across.kept, down.kept.clone()];
        let planes = resample(levels, self.params.filter, size, kept);
        for (channel, (out, values)) in out.chunks_exact_mut(height * width).zip(&self.values).enumerate() {
            out.fill(values[0]);
            let rows = out.chunks_exact_mut(width).skip(down.begins);
            for (y, out) in rows.take(down.kept.len()).enumerate() {
                let levels = planes.row(channel % planes.count, y);
                for (out, &level) in out[across.begins..].iter_mut().zip(levels) {
                    *out = values[usize::from(level)];
                }
            }
        }
        Ok(())
    }
}

impl fmt::Debug for Preprocessing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Preprocessing").field("params", &self.params).finish_non_exhaustive()
    }
}

impl PartialEq for Preprocessing {
    fn eq(&self, other: &Self) -> bool {
        self.params == other.params
    }
}
