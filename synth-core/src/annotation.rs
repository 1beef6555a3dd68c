use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Error, ParameterValue, Result};

/// A label of a sample. Not image-only: records and texts have labels and spans.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Annotation {
    /// One object in an image.
    Instance(Instance),
    /// A label of the whole sample.
    Label {
        /// The class.
        category: String,
    },
    /// A description of the whole sample.
    Caption {
        /// The text.
        text: String,
    },
    /// A labelled stretch of a text, in bytes, end excluded.
    Span {
        /// The class.
        category: String,
        /// First byte.
        start: usize,
        /// One past the last byte.
        end: usize,
    },
}

/// One object in an image, labelled to the pixel.
///
/// **Convention.** The origin is the image's upper left corner, x to the right, y down; pixel
/// (i, j) covers [i, i + 1) × [j, j + 1).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Instance {
    /// The class: `void`.
    pub category: String,
    /// Smallest box around the visible pixels: x, y, width, height in px; zeros where nothing shows.
    pub bbox: [f64; 4],
    /// Number of visible pixels.
    pub area: u64,
    /// Whether any pixel shows.
    pub visible: bool,
    /// Which pixels show.
    pub segmentation: Segmentation,
    /// The object's own parameters: centre and radii in px, angle in degrees.
    pub attributes: BTreeMap<String, ParameterValue>,
}

/// The pixels of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Segmentation {
    /// Run lengths, exact.
    Rle(Rle),
    /// Closed outlines, each x0, y0, x1, y1, … in px.
    Polygons(Vec<Vec<f64>>),
}

/// A binary mask as COCO's uncompressed run-length encoding.
///
/// Runs of 0 and 1 alternate, beginning with 0 (so the first count may be 0), down the columns, from
/// the left column to the right one.
///
/// # Examples
/// ```
/// use synth_core::Rle;
/// // Two rows, three columns: the middle column is set.
/// let rle = Rle::new([2, 3], vec![2, 2, 2])?;
/// assert_eq!(rle.area(), 2);
/// assert_eq!(rle.to_mask(), [false, true, false, false, true, false]);
/// assert!(Rle::new([2, 3], vec![2, 2]).is_err(), "four of six pixels");
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RawRle", into = "RawRle")]
pub struct Rle {
    size: [u32; 2],
    counts: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
struct RawRle {
    size: [u32; 2],
    counts: Vec<u32>,
}

impl Rle {
    /// A mask of `size` = [height, width] px.
    ///
    /// # Errors
    /// [`Error::Shape`] if the counts do not add up to height × width, [`Error::InvalidParam`] for more
    /// than 2³² − 1 pixels.
    pub fn new(size: [u32; 2], counts: Vec<u32>) -> Result<Self> {
        let Some(pixels) = size[0].checked_mul(size[1]) else {
            let got = format!("{} × {}", size[0], size[1]);
            return Err(Error::invalid("size", "at most 2³² − 1 pixels", got));
        };
        let pixels = pixels as usize;
        let total: usize = counts.iter().map(|&count| count as usize).sum();
        if total != pixels {
            return Err(Error::Shape { what: "run-length counts", expected: vec![pixels], got: vec![total] });
        }
        Ok(Self { size, counts })
    }

    /// Height and width in px.
    #[must_use]
    pub fn size(&self) -> [u32; 2] {
        self.size
    }

    /// The run lengths.
    #[must_use]
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Number of set pixels.
    #[must_use]
    pub fn area(&self) -> u64 {
        self.counts.iter().skip(1).step_by(2).map(|&count| u64::from(count)).sum()
    }

    /// The set runs as (column, first row, rows), columns ascending; a run that COCO lets flow over
    /// a column's end is cut there.
    pub fn column_runs(&self) -> impl Iterator<Item = (u32, u32, u32)> + '_ {
        let height = self.size[0].max(1);
        let mut at = 0_u32;
        self.counts.iter().enumerate().flat_map(move |(i, &count)| {
            let (start, end) = (at, at + count);
            at = end;
            let set = i % 2 == 1;
            let first = start / height;
            let last = if set && end > start { (end - 1) / height + 1 } else { first };
            (first..last).map(move |column| {
                let top = start.max(column * height);
                let bottom = end.min((column * height).saturating_add(height));
                (column, top - column * height, bottom - top)
            })
        })
    }

    /// The mask row by row.
    #[must_use]
    pub fn to_mask(&self) -> Vec<bool> {
        let [height, width] = self.size.map(|side| side as usize);
        let mut mask = vec![false; height * width];
        for (column, top, rows) in self.column_runs() {
            for row in top..top + rows {
                mask[row as usize * width + column as usize] = true;
            }
        }
        mask
    }
}

impl TryFrom<RawRle> for Rle {
    type Error = Error;

    fn try_from(raw: RawRle) -> Result<Self> {
        Self::new(raw.size, raw.counts)
    }
}

impl From<Rle> for RawRle {
    fn from(rle: Rle) -> Self {
        Self { size: rle.size, counts: rle.counts }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_more_pixels_than_a_count_can_hold() {
        assert!(Rle::new([70_000, 70_000], vec![u32::MAX, 605_032_705]).is_err());
    }

    #[test]
    fn runs_over_a_columns_end_are_cut() {
        // Height 3: pixels 2..7 in column order are set.
        let rle = Rle::new([3, 3], vec![2, 5, 2]).expect("valid");
        let runs: Vec<_> = rle.column_runs().collect();
        assert_eq!(runs, [(0, 2, 1), (1, 0, 3), (2, 0, 1)]);
        assert_eq!(rle.area(), 5);
    }
}
