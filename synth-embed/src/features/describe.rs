//! One row per image: the blocks, one after another.

use image::DynamicImage;

use super::bending::bending;
use super::blocks::BLOCKS;
use super::corners::corner_ratios;
use super::filter::halve;
use super::levels::Levels;
use super::morphology::closing_sizes;
use super::orientation::{harmonics, places, strengths};
use super::plane::{Plane, plane_from_image};
use super::scales::{Scales, quantile};
use super::spots::spots;
use super::texture::binary_patterns;

/// Side of the plane that every image is resampled to, px.
pub(super) const SIDE: usize = 128;

const INTENSITY: Levels = Levels { first: 0.05, step: 0.05, count: 19 };
const CONTRAST: Levels = Levels { first: -1.3, step: 0.1, count: 20 };

pub(super) fn describe(image: &DynamicImage) -> Vec<f32> {
    let blocks = BLOCKS.into_iter().zip(parts(image));
    blocks.flat_map(|(block, part)| part.into_iter().map(move |value| block.weight * value)).collect()
}

/// The blocks before their weights.
fn parts(image: &DynamicImage) -> [Vec<f32>; BLOCKS.len()] {
    let luminance = plane_from_image(image, SIDE);
    let scales = Scales::of(&luminance);
    let bending = bending(&scales.fine);
    let patterns = [&scales.fine, &scales.half_smooth, &scales.quarter_smooth].map(binary_patterns);
    [
        INTENSITY.soft_cdf(luminance.data.iter().copied()),
        CONTRAST.soft_cdf(scales.quarter.data.iter().copied()),
        halve(&halve(&scales.eighth_smooth)).data,
        closing_sizes(&scales.half),
        closing_sizes(&cut_at_half_depth(&scales.half_smooth)),
        corner_ratios(&scales.sharp),
        bending.curvature,
        bending.spread,
        bending.one_way,
        bending.cross,
        harmonics(&scales.fine).to_vec(),
        strengths(&scales.half_smooth),
        places(&scales.half_smooth),
        spots(&scales),
        patterns.concat(),
    ]
}

/// 0 in the dark parts and 1 elsewhere, soft: cut half way from the median, which is 0, to the level
/// d below which the darkest 2 % lie.
///
/// ```text
/// clamp((v − d/2) · 4 / (|d| + 0.1) + ½, 0, 1)
/// ```
fn cut_at_half_depth(plane: &Plane) -> Plane {
    let depth = quantile(plane, 0.02);
    let slope = 4.0 / (depth.abs() + 0.1);
    plane.map(|value| ((value - 0.5 * depth) * slope + 0.5).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_has_the_length_of_its_block() {
        let lengths = parts(&DynamicImage::new_luma8(20, 20)).map(|part| part.len());
        assert_eq!(lengths, BLOCKS.map(|block| block.length));
    }
}
