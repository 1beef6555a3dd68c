//! Kernels of one column of the unit cube, in logarithms.

use std::f64::consts::PI;

use synth_core::{Stream, normal};

use crate::acquisition::log_cdf;

/// Below this width, in standard deviations, the density at the middle of a slot is exact enough.
const NARROW: f64 = 1e-3;

/// A normal distribution cut off at 0 and 1.
///
/// ```text
/// k(x) = φ((x − m)/s) / (s (Φ((1 − m)/s) − Φ(−m/s)))
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct TruncatedNormal {
    centre: f64,
    width: f64,
    /// ln of the mass inside before cutting.
    log_inside: f64,
}

impl TruncatedNormal {
    /// `centre` in [0, 1], `width` in (0, 1]: at least a third of the mass lies inside.
    pub(crate) fn new(centre: f64, width: f64) -> Self {
        let inside = normal::cdf((1.0 - centre) / width) - normal::cdf(-centre / width);
        Self { centre, width, log_inside: libm::log(inside) }
    }

    pub(crate) fn centre(&self) -> f64 {
        self.centre
    }

    pub(crate) fn width(&self) -> f64 {
        self.width
    }

    /// ln k(x) = `log_peak − ½ ((x − m)/s)²`.
    pub(crate) fn log_peak(&self) -> f64 {
        -0.5 * libm::log(2.0 * PI) - libm::log(self.width) - self.log_inside
    }

    /// ln of the mass of the part of the unit interval that begins at `low`.
    pub(crate) fn log_mass(&self, low: f64, extent: f64) -> f64 {
        let a = (low - self.centre) / self.width;
        let step = extent / self.width;
        if step < NARROW {
            let middle = a + 0.5 * step;
            return self.log_peak() - 0.5 * middle * middle + libm::log(extent);
        }
        let b = a + step;
        // In the lower tail nothing cancels.
        let (a, b) = if a > 0.0 { (-b, -a) } else { (a, b) };
        let (log_a, log_b) = (log_cdf(a), log_cdf(b));
        log_b + libm::log(-libm::expm1(log_a - log_b)) - self.log_inside
    }

    /// A draw, by drawing until one lies inside.
    pub(crate) fn draw(&self, stream: &mut Stream) -> f64 {
        loop {
            let x = self.centre + self.width * stream.normal();
            if (0.0..=1.0).contains(&x) {
                return x;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use synth_core::Seed;

    use super::*;

    fn density(kernel: &TruncatedNormal, x: f64) -> f64 {
        let z = (x - kernel.centre) / kernel.width;
        (kernel.log_peak() - 0.5 * z * z).exp()
    }

    #[test]
    fn integrates_to_one() {
        for (centre, width) in [(0.5, 1.0), (0.0, 0.3), (1.0, 1.0), (0.93, 0.05), (0.2, 0.01)] {
            let kernel = TruncatedNormal::new(centre, width);
            // Simpson's rule, 4,000 steps of at most 0.025 widths: error below 1e-9.
            let steps = 4_000;
            let weight = |i: i32| match i {
                0 => 1.0,
                i if i == steps => 1.0,
                i => 2.0 + 2.0 * f64::from(i % 2),
            };
            let at = |i: i32| f64::from(i) / f64::from(steps);
            let sum: f64 = (0..=steps).map(|i| weight(i) * density(&kernel, at(i))).sum();
            let total = sum / (3.0 * f64::from(steps));
            assert!((total - 1.0).abs() < 1e-8, "{centre} {width}: {total}");
        }
    }

    /// Values from the closed form, by mpmath at 40 digits.
    #[test]
    fn masses_are_right_in_both_tails() {
        let kernel = TruncatedNormal::new(0.3, 0.02);
        let masses: [(f64, f64, f64); 5] = [
            (0.3, 0.32, -1.074862326862071),
            (0.0, 0.1, -53.23128515051247),
            (0.5, 0.6, -53.23128515051247),
            (0.25, 0.35, -0.01249709506390489),
            (0.95, 1.0, -532.5261231376803),
        ];
        for (low, high, log) in masses {
            let mass = kernel.log_mass(low, high - low);
            assert!((mass - log).abs() < 1e-10 * log.abs().max(1.0), "{low} {high}: {mass} {log}");
        }
    }

    #[test]
    fn slots_sum_to_one_and_narrow_ones_are_the_density() {
        for (centre, width) in [(0.3, 0.01), (0.99, 0.2), (0.5, 1.0)] {
            let kernel = TruncatedNormal::new(centre, width);
            let total: f64 = (0..50).map(|i| kernel.log_mass(f64::from(i) / 50.0, 0.02).exp()).sum();
            assert!((total - 1.0).abs() < 1e-12, "{total}");
            let fine: f64 = (0..200_000).map(|i| kernel.log_mass(f64::from(i) * 5e-6, 5e-6).exp()).sum();
            assert!((fine - 1.0).abs() < 1e-8, "{fine}");
        }
    }

    #[test]
    fn draws_lie_inside_and_have_the_mean_of_the_formula() {
        let kernel = TruncatedNormal::new(0.1, 0.5);
        let mut stream = Seed::from_u64(2).stream(0);
        let n = 40_000;
        let mean = (0..n).map(|_| kernel.draw(&mut stream)).sum::<f64>() / f64::from(n);
        // m + s (φ(a) − φ(b)) / (Φ(b) − Φ(a)), a = −0.2, b = 1.8: 0.1 + 0.5 (0.3910427 − 0.0789502) / 0.5433301.
        assert!((mean - 0.3872033).abs() < 4.0 * 0.24 / f64::from(n).sqrt(), "{mean}");
    }
}
