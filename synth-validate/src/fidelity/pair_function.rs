use ndarray::ArrayView2;

use super::exp::exp_in_place;

/// A symmetric function of two rows, evaluated on a stretch of squared distances.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum PairFunction {
    /// `exp(−d² / 2σ²)`.
    Rbf { sigma: f64 },
    /// `d`.
    Distance,
    /// `(a·b / dim + 1)³`, the kernel of KID.
    Cubic { dim: f64 },
}

impl PairFunction {
    /// Replaces the squared distances of one row by the function's values; `norm` and `norms` are
    /// the squared lengths of the row and of its partners.
    pub(crate) fn apply(self, squared: &mut [f64], norm: f64, norms: &[f64]) {
        match self {
            Self::Rbf { sigma } => exp_in_place(squared, -0.5 / (sigma * sigma)),
            Self::Distance => squared.iter_mut().for_each(|value| *value = value.sqrt()),
            Self::Cubic { dim } => {
                for (value, other) in squared.iter_mut().zip(norms) {
                    let base = (norm + other - *value) * (0.5 / dim) + 1.0;
                    *value = base * base * base;
                }
            }
        }
    }

    /// The function of a row with itself.
    pub(crate) fn of_itself(self, norm: f64) -> f64 {
        match self {
            Self::Rbf { .. } => 1.0,
            Self::Distance => 0.0,
            Self::Cubic { dim } => (norm / dim + 1.0).powi(3),
        }
    }
}

/// `|row|²` of each row.
pub(crate) fn squared_norms(rows: ArrayView2<'_, f32>) -> Vec<f64> {
    rows.rows().into_iter().map(|row| row.iter().map(|&value| f64::from(value).powi(2)).sum()).collect()
}

/// The sum in eight interleaved parts: a fixed order that vectorises.
pub(crate) fn sum(values: &[f64]) -> f64 {
    let chunks = values.chunks_exact(8);
    let tail: f64 = chunks.remainder().iter().sum();
    let mut parts = [0.0; 8];
    for chunk in chunks {
        for (part, value) in parts.iter_mut().zip(chunk) {
            *part += value;
        }
    }
    parts.iter().sum::<f64>() + tail
}
