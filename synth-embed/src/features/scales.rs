//! The pictures that the blocks look at.

use super::filter::{blur, halve};
use super::plane::Plane;

/// Log contrast at four scales, each also blurred once more.
///
/// ```text
/// v = ln(I + 1/32) − median,   blur = [1 4 6 4 1]/16 along both axes
/// sharp = v, fine = blur v                              128 × 128
/// half = mean of 2 × 2 of fine,           half_smooth = blur half          64 × 64
/// quarter = mean of 2 × 2 of half_smooth, quarter_smooth = blur quarter    32 × 32
/// eighth = mean of 2 × 2 of quarter_smooth, eighth_smooth = blur eighth    16 × 16
/// ```
pub(super) struct Scales {
    pub(super) sharp: Plane,
    pub(super) fine: Plane,
    pub(super) half: Plane,
    pub(super) half_smooth: Plane,
    pub(super) quarter: Plane,
    pub(super) quarter_smooth: Plane,
    pub(super) eighth: Plane,
    pub(super) eighth_smooth: Plane,
}

impl Scales {
    pub(super) fn of(luminance: &Plane) -> Self {
        let sharp = contrast(luminance);
        let fine = blur(&sharp);
        let half = halve(&fine);
        let half_smooth = blur(&half);
        let quarter = halve(&half_smooth);
        let quarter_smooth = blur(&quarter);
        let eighth = halve(&quarter_smooth);
        let eighth_smooth = blur(&eighth);
        Self { sharp, fine, half, half_smooth, quarter, quarter_smooth, eighth, eighth_smooth }
    }
}

fn contrast(luminance: &Plane) -> Plane {
    let logs = luminance.map(|value| libm::logf(value + 1.0 / 32.0));
    let median = quantile(&logs, 0.5);
    logs.map(|value| value - median)
}

/// The value with the share `at` of all below it.
pub(super) fn quantile(plane: &Plane, at: f32) -> f32 {
    let mut values = plane.data.clone();
    let rank = (at * values.len() as f32) as usize;
    let (_, value, _) = values.select_nth_unstable_by(rank, f32::total_cmp);
    *value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exposure_cancels() {
        let plane =
            Plane::new(128, (0..128 * 128).map(|i| 0.3 + 0.4 * ((i * 37) % 101) as f32 / 101.0).collect());
        // Twice the light, 1/32 included, is the same contrast.
        let twice = plane.map(|value| 2.0 * value + 1.0 / 32.0);
        let (one, other) = (Scales::of(&plane), Scales::of(&twice));
        let differ =
            |a: &Plane, b: &Plane| a.data.iter().zip(&b.data).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(differ(&one.sharp, &other.sharp) < 1e-5);
        assert!(differ(&one.eighth_smooth, &other.eighth_smooth) < 1e-5);
        assert_eq!(quantile(&one.sharp, 0.5), 0.0);
    }
}
