//! Light and dark spots by size.

use super::filter::blur;
use super::plane::Plane;
use super::scales::Scales;

/// √ of the mean of the positive and of the negative part of each difference of Gaussians: what is
/// lighter, and what is darker, than its surroundings at that size. Eight differences, half an octave
/// apart, fine to coarse.
pub(super) fn spots(scales: &Scales) -> Vec<f32> {
    let softer = |plane: &Plane| blur(plane);
    [
        parts(&scales.sharp, &scales.fine),
        parts(&scales.fine, &softer(&scales.fine)),
        parts(&scales.half, &scales.half_smooth),
        parts(&scales.half_smooth, &softer(&scales.half_smooth)),
        parts(&scales.quarter, &scales.quarter_smooth),
        parts(&scales.quarter_smooth, &softer(&scales.quarter_smooth)),
        parts(&scales.eighth, &scales.eighth_smooth),
        parts(&scales.eighth_smooth, &softer(&scales.eighth_smooth)),
    ]
    .concat()
}

fn parts(sharp: &Plane, soft: &Plane) -> [f32; 2] {
    let (mut light, mut dark) = (0.0_f64, 0.0_f64);
    for (a, b) in sharp.data.iter().zip(&soft.data) {
        let difference = f64::from(a - b);
        light += difference.max(0.0);
        dark += (-difference).max(0.0);
    }
    let n = sharp.data.len() as f64;
    [light, dark].map(|sum| (sum / n).sqrt() as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dark_spot_is_dark_and_a_flat_plane_is_nothing() {
        assert_eq!(
            parts(&Plane::new(2, vec![-4.0, 0.0, 1.0, 0.0]), &Plane::new(2, vec![0.0; 4])),
            [0.5, 1.0]
        );
        let flat = Scales::of(&Plane::new(128, vec![0.4; 128 * 128]));
        assert!(spots(&flat).iter().all(|&value| value == 0.0));
    }
}
