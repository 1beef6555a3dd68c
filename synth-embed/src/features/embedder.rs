use image::DynamicImage;
use ndarray::Array2;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use synth_core::{Embedder, EmbedderId, Error, Result};

use super::blocks::DIM;
use super::describe::describe;

/// Parameters of [`Features`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FeaturesParams {
    /// Images whose shorter side is below this are refused, px. Range: ≥ 16. Default 16: below it the
    /// coarse scales see nothing but the enlargement.
    pub min_side_px: u32,
}

impl Default for FeaturesParams {
    fn default() -> Self {
        Self { min_side_px: SMALLEST_SIDE_PX }
    }
}

const SMALLEST_SIDE_PX: u32 = 16;

impl FeaturesParams {
    /// The same parameters with another smallest side.
    #[must_use]
    pub fn with_min_side_px(mut self, min_side_px: u32) -> Self {
        self.min_side_px = min_side_px;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if `min_side_px` < 16.
    pub fn build(self) -> Result<Features> {
        if self.min_side_px < SMALLEST_SIDE_PX {
            return Err(Error::invalid("min_side_px", "at least 16", self.min_side_px));
        }
        let identity = EmbedderId { name: NAME.into(), weights: None, preprocessing: PREPROCESSING.into() };
        Ok(Features { params: self, identity })
    }
}

const NAME: &str = "features-2";
const PREPROCESSING: &str = "luma-area-128";

/// The training-free image embedder; the [module](crate::features) gives its formula.
///
/// # Shapes
/// - input: any [`DynamicImage`] of at least 16 px a side
/// - output: `[n, 216]`, float32
///
/// # Examples
/// ```
/// use image::{DynamicImage, GrayImage, Luma};
/// use synth_core::Embedder;
/// use synth_embed::FeaturesParams;
///
/// let features = FeaturesParams::default().build()?;
/// let dark = DynamicImage::from(GrayImage::from_pixel(32, 24, Luma([40])));
/// let bright = DynamicImage::from(GrayImage::from_pixel(32, 24, Luma([200])));
/// let rows = features.embed(&[&dark, &bright])?;
/// assert_eq!(rows.dim(), (2, features.dim()));
/// assert_ne!(rows.row(0), rows.row(1));
///
/// let tiny = DynamicImage::new_luma8(8, 8);
/// assert!(features.embed(&[&tiny]).is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Features {
    params: FeaturesParams,
    identity: EmbedderId,
}

impl Features {
    /// The checked parameters.
    #[must_use]
    pub fn params(&self) -> &FeaturesParams {
        &self.params
    }

    fn check(&self, item: usize, image: &DynamicImage) -> Result<()> {
        let (width, height) = (image.width(), image.height());
        if width.min(height) < self.params.min_side_px {
            let expected = format!("at least {} px a side", self.params.min_side_px);
            return Err(Error::invalid(format!("image {item}"), expected, format!("{width} x {height}")));
        }
        Ok(())
    }
}

impl Embedder<DynamicImage> for Features {
    fn identity(&self) -> &EmbedderId {
        &self.identity
    }

    fn dim(&self) -> usize {
        DIM
    }

    fn embed(&self, items: &[&DynamicImage]) -> Result<Array2<f32>> {
        items.iter().enumerate().try_for_each(|(item, image)| self.check(item, image))?;
        let mut rows = Array2::zeros((items.len(), DIM));
        let out = rows.as_slice_mut().expect("invariant: a new array is contiguous");
        out.par_chunks_exact_mut(DIM)
            .zip(items)
            .for_each(|(row, image)| row.copy_from_slice(&describe(image)));
        Ok(rows)
    }
}
