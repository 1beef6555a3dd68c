//! One row per image: the blocks, one after another.

use image::DynamicImage;

use super::bending::bending;
use super::corners::corner_ratios;
use super::filter::halve;
use super::levels::Levels;
use super::morphology::closing_sizes;
use super::orientation::{harmonics, places, strengths};
use super::plane::{Plane, plane_from_image};
use super::scales::{Scales, quantile};
use super::spots::spots;
use super::texture::binary_patterns;

/// Length of a row.
pub(super) const DIM: usize = 216;
/// Side of the plane that every image is resampled to, px.
pub(super) const SIDE: usize = 128;

const INTENSITY: Levels = Levels { first: 0.05, step: 0.05, count: 19 };
const CONTRAST: Levels = Levels { first: -1.3, step: 0.1, count: 20 };

/// What each block is multiplied by; see the table in the module's documentation.
mod weight {
    pub(super) const INTENSITY: f32 = 0.4;
    pub(super) const CONTRAST: f32 = 1.5;
    pub(super) const LAYOUT: f32 = 0.5;
    pub(super) const SIZES: f32 = 2.1;
    pub(super) const HALF_DEPTH_SIZES: f32 = 1.5;
    pub(super) const CORNERS: f32 = 15.0;
    pub(super) const CURVATURE: f32 = 4.6;
    pub(super) const CURVATURE_SPREAD: f32 = 2.6;
    pub(super) const ONE_WAY: f32 = 5.4;
    pub(super) const CROSS: f32 = 1.0;
    pub(super) const HARMONICS: f32 = 1.0;
    pub(super) const STRENGTHS: f32 = 1.2;
    pub(super) const PLACES: f32 = 0.5;
    pub(super) const SPOTS: f32 = 3.4;
    pub(super) const PATTERNS: f32 = 2.4;
}

pub(super) fn describe(image: &DynamicImage) -> Vec<f32> {
    let luminance = plane_from_image(image, SIDE);
    let scales = Scales::of(&luminance);
    let bending = bending(&scales.fine);
    let mut row = Row(Vec::with_capacity(DIM));
    row.push(weight::INTENSITY, INTENSITY.soft_cdf(luminance.data.iter().copied()));
    row.push(weight::CONTRAST, CONTRAST.soft_cdf(scales.quarter.data.iter().copied()));
    row.push(weight::LAYOUT, halve(&halve(&scales.eighth_smooth)).data);
    row.push(weight::SIZES, closing_sizes(&scales.half));
    row.push(weight::HALF_DEPTH_SIZES, closing_sizes(&cut_at_half_depth(&scales.half_smooth)));
    row.push(weight::CORNERS, corner_ratios(&scales.sharp));
    row.push(weight::CURVATURE, bending.curvature);
    row.push(weight::CURVATURE_SPREAD, bending.spread);
    row.push(weight::ONE_WAY, bending.one_way);
    row.push(weight::CROSS, bending.cross);
    row.push(weight::HARMONICS, harmonics(&scales.fine));
    row.push(weight::STRENGTHS, strengths(&scales.half_smooth));
    row.push(weight::PLACES, places(&scales.half_smooth));
    row.push(weight::SPOTS, spots(&scales));
    for plane in [&scales.fine, &scales.half_smooth, &scales.quarter_smooth] {
        row.push(weight::PATTERNS, binary_patterns(plane));
    }
    row.0
}

struct Row(Vec<f32>);

impl Row {
    fn push(&mut self, weight: f32, block: impl IntoIterator<Item = f32>) {
        self.0.extend(block.into_iter().map(|value| weight * value));
    }
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
