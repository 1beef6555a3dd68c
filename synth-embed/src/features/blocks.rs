use std::ops::Range;

use super::embedder::Features;

/// What more of each block means, with its length, in the order of a row. Of a cumulative histogram
/// more means that the values lie lower.
const BLOCKS: [(&str, usize); 15] = [
    ("dark pixels", 19),
    ("pixels darker than the picture's median", 20),
    ("brightness over the coarse layout", 16),
    ("dark structures, by size", 14),
    ("dark structures at half depth, by size", 14),
    ("straight edges rather than corners", 5),
    ("contours of many curvatures", 20),
    ("contours of even curvature", 19),
    ("alignment of curved contours", 5),
    ("curved contours along a cross", 5),
    ("alignment of edges", 3),
    ("weak edges", 16),
    ("edges towards the upper left", 14),
    ("spots and blobs", 16),
    ("fine texture patterns", 30),
];

impl Features {
    /// The parts of a row in words, each with its columns: what *more* of it means, so that a
    /// difference of two sets can be read.
    ///
    /// # Examples
    /// ```
    /// let blocks = synth_embed::Features::blocks();
    /// assert_eq!(blocks[0], ("dark pixels", 0..19));
    /// ```
    #[must_use]
    pub fn blocks() -> Vec<(&'static str, Range<usize>)> {
        let mut start = 0;
        let block = |&(name, length): &(&'static str, usize)| {
            start += length;
            (name, start - length..start)
        };
        BLOCKS.iter().map(block).collect()
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage, Luma};
    use synth_core::Embedder;

    use super::*;
    use crate::FeaturesParams;

    #[test]
    fn the_blocks_cover_a_row() {
        let features = FeaturesParams::default().build().expect("valid");
        let blocks = Features::blocks();
        assert_eq!(blocks.last().map(|(_, columns)| columns.end), Some(features.dim()));
        assert!(blocks.windows(2).all(|pair| pair[0].1.end == pair[1].1.start));
    }

    /// More of the first block is what its name says.
    #[test]
    fn a_darker_picture_has_more_dark_pixels() {
        let features = FeaturesParams::default().build().expect("valid");
        let flat = |level| DynamicImage::from(GrayImage::from_pixel(32, 32, Luma([level])));
        let rows = features.embed(&[&flat(60), &flat(180)]).expect("embeds");
        let sum = |row: usize| rows.row(row).iter().take(19).sum::<f32>();
        assert!(sum(0) > sum(1));
    }
}
