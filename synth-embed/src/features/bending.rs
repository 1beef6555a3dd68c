//! How contours bend: curvature of the isophotes, its local spread, and where curved contours point.

use super::filter::{blur, halve};
use super::levels::Levels;
use super::plane::Plane;

/// Bounded curvature κ / (|κ| + 0.1): −1 … 1, straight at 0, ½ for a radius of 10 px.
const CURVATURE: Levels = Levels { first: -0.9, step: 0.1, count: 19 };
/// Bounded spread s / (s + 0.1).
const SPREAD: Levels = Levels { first: 0.05, step: 0.05, count: 19 };
const HALF_BENT: f32 = 0.1;
/// Gradients well below this are taken for noise, 1/px.
const EDGE: f32 = 0.03;
/// Curvatures at which a contour begins to count as curved, 1/px.
const CURVED: [f32; 5] = [0.01, 0.02, 0.04, 0.07, 0.12];

/// The three blocks.
pub(super) struct Bending {
    /// Square roots of the histogram of the bounded curvature, weighted by |∇v|².
    pub(super) curvature: Vec<f32>,
    /// Cumulative histogram of the curvature's bounded standard deviation near each contour.
    pub(super) spread: Vec<f32>,
    /// For each of five curvatures the length of the second harmonic of the contours' directions,
    /// 0 … 1: how far curved contours run one way, as those of parallel ellipses.
    pub(super) one_way: Vec<f32>,
    /// The same of the fourth harmonic: along a cross.
    pub(super) cross: Vec<f32>,
}

pub(super) fn bending(plane: &Plane) -> Bending {
    let contours = contours(plane);
    let shares =
        CURVATURE.weighted_shares(contours.iter().map(|c| (bounded(c.curvature), c.squared_gradient)));
    let mut averages = Averages::of(plane.side, &contours);
    averages.blur();
    let spread = averages.spread();
    for _ in 1..6 {
        averages.blur();
    }
    let (one_way, cross) = CURVED.iter().map(|&curved| averages.directions(curved)).unzip();
    let curvature = shares.iter().map(|share| share.sqrt() as f32).collect();
    Bending { curvature, spread, one_way, cross }
}

fn bounded(curvature: f32) -> f32 {
    curvature / (curvature.abs() + HALF_BENT)
}

#[derive(Clone, Copy, Default)]
struct Contour {
    /// Curvature of the isophote, 1/px: positive around a dark spot.
    curvature: f32,
    squared_gradient: f32,
    /// cos 2θ and sin 2θ of the gradient's direction, times `squared_gradient`.
    doubled: (f32, f32),
}

/// One per pixel; those on the border are empty.
///
/// ```text
/// κ = (v_xx v_y² + v_yy v_x² − 2 v_xy v_x v_y) / (|∇v|³ + 1e-7),   by central differences
/// ```
fn contours(plane: &Plane) -> Vec<Contour> {
    let side = plane.side;
    let mut out = vec![Contour::default(); side * side];
    for y in 1..side - 1 {
        let above = &plane.data[(y - 1) * side..y * side];
        let here = &plane.data[y * side..(y + 1) * side];
        let below = &plane.data[(y + 1) * side..(y + 2) * side];
        let cells = above.windows(3).zip(here.windows(3)).zip(below.windows(3));
        for (((a, h), b), out) in cells.zip(&mut out[y * side + 1..(y + 1) * side - 1]) {
            let (gx, gy) = (0.5 * (h[2] - h[0]), 0.5 * (b[1] - a[1]));
            let (xx, yy) = ((h[2] + h[0]) - 2.0 * h[1], (b[1] + a[1]) - 2.0 * h[1]);
            let xy = 0.25 * ((b[2] + a[0]) - (b[0] + a[2]));
            let squared_gradient = gx * gx + gy * gy;
            let turn = (xx * gy * gy + yy * gx * gx) - 2.0 * xy * gx * gy;
            *out = Contour {
                curvature: turn / (squared_gradient * squared_gradient.sqrt() + 1e-7),
                squared_gradient,
                doubled: (gx * gx - gy * gy, 2.0 * gx * gy),
            };
        }
    }
    out
}

/// Local sums over contours, on a grid of half the side.
///
/// A contour weighs w = |∇v| · |∇v|⁴ / (|∇v|⁴ + 0.03⁴): its strength, without noise. Curvatures are
/// clamped to ±1/px.
struct Averages {
    weight: Plane,
    curvature: Plane,
    squared_curvature: Plane,
    cosine: Plane,
    sine: Plane,
}

impl Averages {
    fn of(side: usize, contours: &[Contour]) -> Self {
        let sum = |value: fn(&Contour) -> f32| {
            let weighted = contours.iter().map(|contour| weight(contour.squared_gradient) * value(contour));
            halve(&Plane::new(side, weighted.collect()))
        };
        Self {
            weight: sum(|_| 1.0),
            curvature: sum(|c| c.curvature.clamp(-1.0, 1.0)),
            squared_curvature: sum(|c| c.curvature.clamp(-1.0, 1.0) * c.curvature.clamp(-1.0, 1.0)),
            cosine: sum(|c| c.doubled.0 / (c.squared_gradient + 1e-9)),
            sine: sum(|c| c.doubled.1 / (c.squared_gradient + 1e-9)),
        }
    }

    fn blur(&mut self) {
        let planes = [
            &mut self.weight,
            &mut self.curvature,
            &mut self.squared_curvature,
            &mut self.cosine,
            &mut self.sine,
        ];
        for plane in planes {
            *plane = blur(plane);
        }
    }

    fn spread(&self) -> Vec<f32> {
        let sums = self.weight.data.iter().zip(&self.curvature.data).zip(&self.squared_curvature.data);
        SPREAD.weighted_soft_cdf(sums.map(|((&weight, &curvature), &squared)| {
            let mean = curvature / (weight + TINY);
            let deviation = (squared / (weight + TINY) - mean * mean).max(0.0).sqrt();
            (deviation / (deviation + HALF_BENT), weight)
        }))
    }

    /// With f = κ² / (κ² + κ0²) of the local mean curvature κ and the local mean (c, s) of cos 2θ,
    /// sin 2θ: |Σ w f (c, s)| / Σ w f, and the same of the doubled angle, (c² − s², 2 c s).
    fn directions(&self, curved: f32) -> (f32, f32) {
        let (mut total, mut second, mut fourth) = (0.0_f64, [0.0_f64; 2], [0.0_f64; 2]);
        for at in 0..self.weight.data.len() {
            let weight = self.weight.data[at];
            let mean = self.curvature.data[at] / (weight + TINY);
            let share = mean * mean / (mean * mean + curved * curved);
            let (c, s) = (self.cosine.data[at], self.sine.data[at]);
            total += f64::from(share * weight);
            second[0] += f64::from(share * c);
            second[1] += f64::from(share * s);
            let share = share / (weight + TINY);
            fourth[0] += f64::from(share * (c * c - s * s));
            fourth[1] += f64::from(share * (2.0 * c * s));
        }
        let length = |[c, s]: [f64; 2]| ((c * c + s * s).sqrt() / (total + 1e-6)) as f32;
        (length(second), length(fourth))
    }
}

const TINY: f32 = 1e-5;

fn weight(squared_gradient: f32) -> f32 {
    let fourth = squared_gradient * squared_gradient;
    squared_gradient.sqrt() * fourth / (fourth + EDGE * EDGE * EDGE * EDGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A soft-edged dark ellipse with half-axes `a`, `b` on a light ground.
    fn ellipse(a: f32, b: f32) -> Plane {
        let value = |i: usize| {
            let (x, y) = ((i % 128) as f32 - 63.5, (i / 128) as f32 - 63.5);
            let r = ((x / a) * (x / a) + (y / b) * (y / b)).sqrt();
            ((r - 1.0) * a.min(b) / 4.0).clamp(-0.5, 0.5)
        };
        blur(&Plane::new(128, (0..128 * 128).map(value).collect()))
    }

    /// The share of contours whose bounded curvature lies from about `low` to about `high`.
    fn between(roots: &[f32], low: f32, high: f32) -> f32 {
        let level = |at: usize| 0.1 * at as f32 - 0.95;
        let inside = |&(at, _): &(usize, &f32)| level(at) >= low && level(at) <= high;
        roots.iter().enumerate().filter(inside).map(|(_, root)| root * root).sum()
    }

    #[test]
    fn a_dark_disc_bends_by_one_over_its_radius() {
        // 1/κ = 30: 0.033 / 0.133 = 0.25, give or take the grid.
        let dark = bending(&ellipse(30.0, 30.0)).curvature;
        assert!(between(&dark, 0.1, 0.4) > 0.8 && between(&dark, -1.0, 0.0) < 0.02, "{dark:?}");
        let light = bending(&ellipse(30.0, 30.0).map(|value| -value)).curvature;
        assert!(between(&light, -0.4, -0.1) > 0.8, "{light:?}");
    }

    #[test]
    fn an_ellipse_points_one_way_and_a_disc_none() {
        let disc = bending(&ellipse(30.0, 30.0)).one_way;
        let flat = bending(&ellipse(36.0, 18.0)).one_way;
        assert!(disc[0] < 0.02, "{disc:?}");
        assert!(flat[0] > 0.2, "{flat:?}");
    }

    #[test]
    fn a_flat_plane_has_no_contour() {
        let flat = bending(&Plane::new(128, vec![0.7; 128 * 128]));
        let all = [flat.curvature, flat.spread, flat.one_way, flat.cross].concat();
        assert!(all.iter().all(|&value| value == 0.0), "{all:?}");
    }
}
