//! Oriented gradients: histograms, their rotation-invariant harmonics, and the structure tensor.

use super::filter::{blur, gradient};
use super::plane::Plane;

/// Gradient statistics of one plane.
pub(super) struct Oriented {
    /// Share of gradient energy in each of 8 unsigned directions, whole plane.
    pub(super) directions: Vec<f32>,
    /// Lengths of the harmonics cos/sin 2θ, 4θ, 6θ of the gradient directions, weighted by length, 0 … 1.
    pub(super) harmonics: [f32; 3],
    pub(super) magnitudes: Vec<f32>,
}

pub(super) fn oriented(plane: &Plane) -> Oriented {
    let gradients = gradient(plane);
    let mut directions = vec![0.0_f64; 8];
    let mut moments = [0.0_f64; 6];
    let mut total = 0.0_f64;
    let mut magnitudes = Vec::with_capacity(gradients.len());
    for &(gx, gy) in &gradients {
        let square = gx * gx + gy * gy;
        let length = square.sqrt();
        magnitudes.push(length);
        if square < 1e-12 {
            continue;
        }
        // cos 2θ and sin 2θ without trigonometry, then angle addition.
        let (c2, s2) = ((gx * gx - gy * gy) / square, 2.0 * gx * gy / square);
        let (c4, s4) = (c2 * c2 - s2 * s2, 2.0 * c2 * s2);
        let (c6, s6) = (c4 * c2 - s4 * s2, c4 * s2 + s4 * c2);
        let w = f64::from(length);
        for (moment, value) in moments.iter_mut().zip([c2, s2, c4, s4, c6, s6]) {
            *moment += w * f64::from(value);
        }
        total += w;
        for (k, direction) in directions.iter_mut().enumerate() {
            let (c, s) = BINS[k];
            // A raised-cosine bin: ((1 + cos(2θ − 2θ_k)) / 2)^4.
            let near = 0.5 * (1.0 + (c2 * c + s2 * s));
            let near = near * near;
            *direction += w * f64::from(near * near);
        }
    }
    let sum: f64 = directions.iter().sum();
    let share = if sum > 0.0 { 1.0 / sum } else { 0.0 };
    let scale = if total > 0.0 { 1.0 / total } else { 0.0 };
    let harmonic = |k: usize| {
        let (c, s) = (moments[2 * k] * scale, moments[2 * k + 1] * scale);
        (c * c + s * s).sqrt() as f32
    };
    Oriented {
        directions: directions.iter().map(|value| (value * share) as f32).collect(),
        harmonics: [harmonic(0), harmonic(1), harmonic(2)],
        magnitudes,
    }
}

const R: f32 = std::f32::consts::FRAC_1_SQRT_2;
const BINS: [(f32, f32); 8] =
    [(1.0, 0.0), (R, R), (0.0, 1.0), (-R, R), (-1.0, 0.0), (-R, -R), (0.0, -1.0), (R, -R)];

/// Eigenvalues of the structure tensor, smoothed by two binomial passes: square roots (√λ1, √λ2).
pub(super) fn structure(plane: &Plane, passes: usize) -> Vec<(f32, f32)> {
    let gradients = gradient(plane);
    let smooth = |f: fn((f32, f32)) -> f32| {
        let mut out = Plane::new(plane.side, gradients.iter().map(|&g| f(g)).collect());
        for _ in 0..passes {
            out = blur(&out);
        }
        out
    };
    let (xx, yy, xy) = (smooth(|(x, _)| x * x), smooth(|(_, y)| y * y), smooth(|(x, y)| x * y));
    xx.data
        .iter()
        .zip(&yy.data)
        .zip(&xy.data)
        .map(|((&xx, &yy), &xy)| {
            let half = 0.5 * (xx + yy);
            let difference = 0.5 * (xx - yy);
            let root = (difference * difference + xy * xy).sqrt();
            ((half + root).max(0.0).sqrt(), (half - root).max(0.0).sqrt())
        })
        .collect()
}
