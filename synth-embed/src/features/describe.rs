//! One row per image: the blocks, one after another.

use image::DynamicImage;

use super::curvature::curvature;
use super::filter::{blur, halve};
use super::levels::Levels;
use super::morphology::Morphology;
use super::orientation::{oriented, structure};
use super::plane::{Plane, plane_from_image};
use super::texture::binary_patterns;

/// Length of a row.
pub(super) const DIM: usize = 189;

/// Appends blocks, each multiplied by its weight.
#[derive(Debug, Default)]
struct Row {
    values: Vec<f32>,
}

impl Row {
    fn push(&mut self, weight: f32, block: impl IntoIterator<Item = f32>) {
        self.values.extend(block.into_iter().map(|value| weight * value));
    }
}

pub(super) fn describe(image: &DynamicImage) -> Vec<f32> {
    let plane = plane_from_image(image, 128);
    let mut row = Row::default();
    let intensity = Levels { first: 0.05, step: 0.05, count: 19 };
    row.push(1.0, intensity.soft_cdf(plane.data.iter().copied()));
    let contrast = contrast(&plane);
    let fine = blur(&contrast);
    let half = halve(&fine);
    let half_smooth = blur(&half);
    let quarter = halve(&half_smooth);
    let quarter_smooth = blur(&quarter);
    let sixteenth = halve(&blur(&halve(&quarter_smooth)));
    let levels = Levels { first: -1.3, step: 0.1, count: 20 };
    row.push(3.0, levels.soft_cdf(quarter.data.iter().copied()));
    row.push(1.0, halve(&sixteenth).data);
    let mut morphology = Morphology::default();
    row.push(8.0, morphology.spectrum(&half, &[1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 19, 24]));
    for plane in [&fine, &half_smooth, &quarter_smooth] {
        row.push(3.0, oriented(plane).harmonics);
        row.push(4.0, binary_patterns(plane));
    }
    let tensor = structure(&fine, 2);
    let strength = Levels { first: 0.015, step: 0.015, count: 10 };
    row.push(3.0, strength.soft_cdf(tensor.iter().map(|pair| pair.0)));
    row.push(3.0, strength.soft_cdf(tensor.iter().map(|pair| pair.1)));
    let ratio = Levels { first: 0.1, step: 0.1, count: 9 };
    row.push(3.0, ratio.weighted_soft_cdf(tensor.iter().map(|&(a, b)| (b / (a + 1e-3), a))));
    let magnitude = Levels { first: 0.02, step: 0.02, count: 16 };
    row.push(3.0, magnitude.soft_cdf(oriented(&half_smooth).magnitudes.into_iter()));
    let bend = Levels { first: -0.9, step: 0.1, count: 19 };
    let bends = curvature(&blur(&fine));
    let bounded = |k: f32| k / (k.abs() + 0.1);
    row.push(2.0, bend.weighted_soft_cdf(bends.iter().map(|&(k, w)| (bounded(k), w))));
    row.push(2.0, bend.weighted_soft_cdf(bends.iter().map(|&(k, w)| (bounded(k), w * bounded(k).abs()))));
    row.values
}

/// ln(v + 1/32) less its median.
fn contrast(plane: &Plane) -> Plane {
    let logs = plane.map(|value| libm::logf(value + 1.0 / 32.0));
    let mut sorted = logs.data.clone();
    let (_, median, _) = sorted.select_nth_unstable_by(plane.data.len() / 2, f32::total_cmp);
    let median = *median;
    logs.map(|value| value - median)
}
