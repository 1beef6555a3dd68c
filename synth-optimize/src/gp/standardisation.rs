//! Outcomes on a common scale.

/// y ↦ (y − centre) / scale, safe for values near the ends of the floating-point range.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Standardisation {
    pub(crate) centre: f64,
    pub(crate) scale: f64,
}

impl Standardisation {
    pub(crate) fn of(values: &[f64]) -> Self {
        let n = values.len().max(1) as f64;
        let largest = values.iter().fold(0.0_f64, |m, y| m.max(y.abs()));
        if largest == 0.0 {
            return Self { centre: 0.0, scale: 1.0 };
        }
        let mean = values.iter().map(|y| y / largest).sum::<f64>() / n;
        let square = values.iter().map(|y| (y / largest - mean) * (y / largest - mean)).sum::<f64>() / n;
        let spread = libm::sqrt(square);
        // Differences that are only rounding are no signal.
        let scale =
            if spread > 1e-14 * mean.abs().max(f64::MIN_POSITIVE) { spread * largest } else { largest };
        Self { centre: mean * largest, scale: scale.max(f64::MIN_POSITIVE) }
    }

    pub(crate) fn apply(self, y: f64) -> f64 {
        // Halves keep the difference of two huge values representable.
        (0.5 * y - 0.5 * self.centre) / self.scale * 2.0
    }

    pub(crate) fn undo(self, z: f64) -> f64 {
        self.centre + z * self.scale
    }
}
