use std::ops::Range;

use serde::{Deserialize, Serialize};

/// To what size an image is resampled before the crop. Sides in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resize {
    /// Its own.
    Keep,
    /// The shorter side to this length; the longer one to `⌊length · long / short⌋`, as both
    /// torchvision and transformers do.
    ShortSide(u32),
    /// Exactly this, whatever the aspect ratio.
    Exact {
        /// Width, px.
        width: u32,
        /// Height, px.
        height: u32,
    },
}

impl Resize {
    /// Width and height of an image of `width` × `height` px afterwards.
    pub(super) fn target(self, width: usize, height: usize) -> [usize; 2] {
        match self {
            Self::Keep => [width, height],
            Self::Exact { width, height } => [width as usize, height as usize],
            Self::ShortSide(length) => {
                let short = width.min(height) as u64;
                [width, height].map(|side| (u64::from(length) * side as u64 / short) as usize)
            }
        }
    }
}

/// Size of the part that is cut out of the middle, px.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crop {
    /// Width, px. Range: 1 to 4096.
    pub width: u32,
    /// Height, px. Range: 1 to 4096.
    pub height: u32,
}

/// Where a crop begins when an odd number of pixels is left over, or missing.
///
/// A crop larger than the image is filled with black (level 0) around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Centering {
    /// Rounded down: transformers, `⌊(side − crop) / 2⌋`.
    #[default]
    Floor,
    /// The nearest, halves to the even one: torchvision, `round((side − crop) / 2)`; what is missing
    /// is added behind rather than before.
    HalfEven,
}

impl Centering {
    /// Position of the crop's first pixel in the image; negative where the crop is larger.
    fn offset(self, side: usize, crop: usize) -> isize {
        let spare = side as isize - crop as isize;
        match self {
            Self::Floor => spare.div_euclid(2),
            Self::HalfEven if spare < 0 => spare / 2,
            // Of the halves, spare = 1 and 2 modulo 4 lie below and on an odd number.
            Self::HalfEven => spare / 2 + isize::from(spare % 4 == 3),
        }
    }
}

/// One axis of a crop: which pixels of the image it holds, and where in the crop they begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Span {
    pub(super) kept: Range<usize>,
    pub(super) begins: usize,
}

impl Span {
    pub(super) fn new(centering: Centering, side: usize, crop: usize) -> Self {
        let offset = centering.offset(side, crop);
        let start = offset.max(0) as usize;
        Self { kept: start..side.min(start + crop), begins: (-offset).max(0) as usize }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_long_side_is_cut_to_whole_pixels() {
        // Python: int(256 * 640 / 480) and so on.
        assert_eq!(Resize::ShortSide(256).target(640, 480), [341, 256]);
        assert_eq!(Resize::ShortSide(256).target(480, 640), [256, 341]);
        assert_eq!(Resize::ShortSide(224).target(1, 32_768), [224, 7_340_032]);
        assert_eq!(Resize::ShortSide(7).target(3, 3), [7, 7]);
    }

    #[test]
    fn offsets_are_those_of_both_references() {
        // Python: (side - crop) // 2, and int(round((side - crop) / 2)) or the padding's -((crop - side) // 2).
        let offsets =
            |centering: Centering| [8, 9, 10, 11, 13, 7, 6, 5].map(|side| centering.offset(side, 8));
        assert_eq!(offsets(Centering::Floor), [0, 0, 1, 1, 2, -1, -1, -2]);
        assert_eq!(offsets(Centering::HalfEven), [0, 0, 1, 2, 2, 0, -1, -1]);
    }

    #[test]
    fn a_small_image_lies_inside_its_crop() {
        assert_eq!(Span::new(Centering::Floor, 5, 8), Span { kept: 0..5, begins: 2 });
        assert_eq!(Span::new(Centering::HalfEven, 5, 8), Span { kept: 0..5, begins: 1 });
        assert_eq!(Span::new(Centering::Floor, 11, 8), Span { kept: 1..9, begins: 0 });
    }
}
