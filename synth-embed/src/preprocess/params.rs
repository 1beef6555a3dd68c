use serde::{Deserialize, Serialize};
use synth_core::{Error, Result};

use super::filter::Filter;
use super::geometry::{Centering, Crop, Resize};
use super::preprocessing::Preprocessing;

/// Parameters of [`Preprocessing`]; the default is that of [`dinov2`](Self::dinov2) at 224 px.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PreprocessingParams {
    /// To what size an image is resampled. Sides: 1 to 4096 px.
    pub resize: Resize,
    /// How it is resampled.
    pub filter: Filter,
    /// What is cut out of the middle; `None` keeps all, which [`Resize::Exact`] alone allows.
    pub crop: Option<Crop>,
    /// Where an odd crop begins.
    pub centering: Centering,
    /// What a level of 0 to 255 is multiplied by. Finite, > 0.
    pub scale: f64,
    /// Subtracted from each scaled channel, red first. Finite.
    pub mean: [f32; 3],
    /// What each channel is then divided by. Finite, > 0.
    pub std: [f32; 3],
}

/// Mean and standard deviation of the channels, of levels in [0, 1].
const IMAGENET: [[f32; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];
const OPENAI: [[f32; 3]; 2] =
    [[0.481_454_66, 0.457_827_5, 0.408_210_73], [0.268_629_54, 0.261_302_6, 0.275_777_1]];
const HALVES: [[f32; 3]; 2] = [[0.5; 3]; 2];
/// Of levels in [0, 255].
const LITE: [[f32; 3]; 2] = [[127.0; 3], [128.0; 3]];
const UNIT_SCALE: f64 = 1.0 / 255.0;

const MAX_SIDE_PX: u32 = 4096;

impl Default for PreprocessingParams {
    fn default() -> Self {
        Self::dinov2(224)
    }
}

impl PreprocessingParams {
    /// DINOv2: short side to 8/7 of the crop (256 for 224), bicubic, the middle, ImageNet's statistics.
    #[must_use]
    pub fn dinov2(crop_px: u32) -> Self {
        // As DINOv3 scales it: int(256 · crop / 224).
        let short = (u64::from(crop_px) * 8 / 7).try_into().unwrap_or(u32::MAX);
        Self::short_side(short, crop_px, UNIT_SCALE, IMAGENET)
    }

    /// CLIP: short side to the crop's, bicubic, the middle, OpenAI's statistics.
    #[must_use]
    pub fn clip(crop_px: u32) -> Self {
        Self::short_side(crop_px, crop_px, UNIT_SCALE, OPENAI)
    }

    /// SigLIP: both sides to `side_px`, bicubic, to [−1, 1].
    #[must_use]
    pub fn siglip(side_px: u32) -> Self {
        let resize = Resize::Exact { width: side_px, height: side_px };
        Self { resize, crop: None, ..Self::short_side(side_px, side_px, UNIT_SCALE, HALVES) }
    }

    /// EfficientNet-Lite: short side to the crop's + 32, bicubic, the middle, (level − 127) / 128.
    #[must_use]
    pub fn efficientnet_lite(crop_px: u32) -> Self {
        let params = Self::short_side(crop_px.saturating_add(32), crop_px, 1.0, LITE);
        Self { centering: Centering::HalfEven, ..params }
    }

    fn short_side(short: u32, crop: u32, scale: f64, [mean, std]: [[f32; 3]; 2]) -> Self {
        Self {
            resize: Resize::ShortSide(short),
            filter: Filter::Bicubic,
            crop: Some(Crop { width: crop, height: crop }),
            centering: Centering::Floor,
            scale,
            mean,
            std,
        }
    }

    /// The same with another centring.
    #[must_use]
    pub fn with_centering(mut self, centering: Centering) -> Self {
        self.centering = centering;
        self
    }

    /// Checks the parameters.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a side outside 1 to 4096 px, a `crop` of `None` without an exact
    /// size (then images of different shapes would give different lengths), a number that is not
    /// finite or makes a level so, a `scale` or `std` that is not positive.
    pub fn build(self) -> Result<Preprocessing> {
        let [width, height] = self.output_px()?;
        match self.resize {
            Resize::Keep => {}
            Resize::ShortSide(length) => check_side("resize.short_side", length)?,
            Resize::Exact { width, height } => {
                check_side("resize.exact.width", width)?;
                check_side("resize.exact.height", height)?;
            }
        }
        check_side("crop.width", width)?;
        check_side("crop.height", height)?;
        if !(self.scale.is_finite() && self.scale > 0.0) {
            return Err(Error::invalid("scale", "finite and > 0", self.scale));
        }
        if let Some(mean) = self.mean.iter().find(|mean| !mean.is_finite()) {
            return Err(Error::invalid("mean", "three finite numbers", mean));
        }
        if let Some(std) = self.std.iter().find(|&&std| !(std.is_finite() && std > 0.0)) {
            return Err(Error::invalid("std", "three finite numbers > 0", std));
        }
        let built = Preprocessing::new(self, [height as usize, width as usize]);
        if !built.is_finite() {
            let expected = "such that every level becomes a finite number";
            return Err(Error::invalid("scale, mean, std", expected, built.name()));
        }
        Ok(built)
    }

    /// Width and height that every image ends with.
    fn output_px(&self) -> Result<[u32; 2]> {
        match (self.crop, self.resize) {
            (Some(crop), _) => Ok([crop.width, crop.height]),
            (None, Resize::Exact { width, height }) => Ok([width, height]),
            (None, Resize::Keep | Resize::ShortSide(_)) => {
                let expected = "given, for `resize` leaves images of different shapes";
                Err(Error::invalid("crop", expected, "none"))
            }
        }
    }

    /// A name that differs wherever the numbers do.
    pub(super) fn name(&self) -> String {
        let Self { filter, scale, mean, std, .. } = self;
        let mut parts = match self.resize {
            Resize::Keep => vec!["keep".to_owned()],
            Resize::ShortSide(length) => vec![format!("short{length}"), filter.to_string()],
            Resize::Exact { width, height } => vec![size("squash", width, height), filter.to_string()],
        };
        if let Some(Crop { width, height }) = self.crop {
            parts.push(size("crop", width, height));
            if self.centering == Centering::HalfEven {
                parts.push("even".to_owned());
            }
        }
        let known = [
            ("imagenet", UNIT_SCALE, IMAGENET),
            ("openai", UNIT_SCALE, OPENAI),
            ("halves", UNIT_SCALE, HALVES),
            ("lite", 1.0, LITE),
        ];
        let known = known
            .iter()
            .find(|(_, by, statistics)| by.to_bits() == scale.to_bits() && *statistics == [*mean, *std]);
        parts.push(known.map_or_else(
            || format!("x{scale}m{}s{}", joined(mean), joined(std)),
            |known| known.0.to_owned(),
        ));
        parts.push(VERSION.to_owned());
        parts.join("-")
    }
}

/// Of everything that the parameters do not say: conversion to 8 bits, rounding. Raised with the numbers.
const VERSION: &str = "1";

fn size(what: &str, width: u32, height: u32) -> String {
    if width == height { format!("{what}{width}") } else { format!("{what}{width}x{height}") }
}

fn joined(numbers: &[f32; 3]) -> String {
    numbers.map(|number| number.to_string()).join(",")
}

fn check_side(name: &str, side: u32) -> Result<()> {
    if (1..=MAX_SIDE_PX).contains(&side) {
        return Ok(());
    }
    Err(Error::invalid(name, format!("1 to {MAX_SIDE_PX} px"), side))
}
