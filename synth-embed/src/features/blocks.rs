use std::ops::Range;

use super::embedder::Features;

/// One part of a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// What more of it means. Of a cumulative histogram more means that the values lie lower.
    meaning: &'static str,
    pub(super) length: usize,
    /// What its values are multiplied by.
    pub(super) weight: f32,
}

const fn block(meaning: &'static str, length: usize, weight: f32) -> Block {
    Block { meaning, length, weight }
}

/// In the order of a row, and of the table in the module's documentation.
pub(super) const BLOCKS: [Block; 15] = [
    block("dark pixels", 19, 0.4),
    block("pixels darker than the picture's median", 20, 4.0),
    block("brightness over the coarse layout", 16, 0.5),
    block("dark structures, by size", 14, 2.1),
    block("dark structures at half depth, by size", 14, 1.5),
    block("straight edges rather than corners", 5, 15.0),
    block("contours of many curvatures", 20, 6.0),
    block("contours of even curvature", 19, 2.6),
    block("alignment of curved contours", 5, 5.4),
    block("curved contours along a cross", 5, 1.0),
    block("alignment of edges", 3, 1.0),
    block("weak edges", 16, 1.2),
    block("edges towards the upper left", 14, 0.5),
    block("spots and blobs", 16, 3.4),
    block("fine texture patterns", 30, 2.4),
];

/// Length of a row.
pub(super) const DIM: usize = {
    let (mut sum, mut at) = (0, 0);
    while at < BLOCKS.len() {
        sum += BLOCKS[at].length;
        at += 1;
    }
    sum
};

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
        let named = |block: &Block| {
            start += block.length;
            (block.meaning, start - block.length..start)
        };
        BLOCKS.iter().map(named).collect()
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

    /// The rows of the table in the module's documentation end in `| length | weight |`.
    #[test]
    fn the_documented_table_is_the_code() {
        let lines = include_str!("mod.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
        let documented: Vec<(usize, f32)> = lines
            .filter_map(|line| {
                let mut cells = line.trim_end_matches('|').rsplit('|').map(str::trim);
                let (weight, length) = (cells.next()?, cells.next()?);
                Some((length.parse().ok()?, weight.parse().ok()?))
            })
            .collect();
        assert_eq!(documented, BLOCKS.map(|block| (block.length, block.weight)));
        assert_eq!(documented.iter().map(|(length, _)| length).sum::<usize>(), 216);
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
