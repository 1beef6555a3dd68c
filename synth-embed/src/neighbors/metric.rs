use ndarray::ArrayView2;
use serde::{Deserialize, Serialize};
use synth_core::distance::{Pairwise, nearest};
use synth_core::{Error, Result};

use super::cosine;

/// What "near" means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// |a − b|.
    #[default]
    Euclidean,
    /// 1 − a·b / (|a| |b|), in 0 … 2; a row of zeros has none and is refused.
    Cosine,
}

impl Metric {
    /// Whether rows of length `dim` can be compared: finite, and for cosine not zero.
    pub(super) fn check(self, what: &'static str, rows: ArrayView2<'_, f32>, dim: usize) -> Result<()> {
        if rows.ncols() != dim {
            let (expected, got) = (vec![rows.nrows(), dim], rows.shape().to_vec());
            return Err(Error::Shape { what, expected, got });
        }
        if let Some(((row, column), _)) = rows.indexed_iter().find(|(_, value)| !value.is_finite()) {
            return Err(Error::NonFinite { what: what.into(), at: format!("row {row}, column {column}") });
        }
        let zero = rows.outer_iter().position(|row| row.iter().all(|&value| value == 0.0));
        match zero {
            Some(row) if self == Self::Cosine => Err(Error::invalid(
                what,
                "a row with a direction, for the cosine metric",
                format!("zeros in row {row}"),
            )),
            _ => Ok(()),
        }
    }

    /// For each query the nearest of `rows` as (index, distance), equal distances by index.
    ///
    /// A distance depends on its two rows alone, to the bit, so every index that asks here gives the
    /// same number for the same pair. There must be at least `k` rows.
    pub(super) fn nearest(
        self,
        queries: ArrayView2<'_, f32>,
        rows: ArrayView2<'_, f32>,
        k: usize,
    ) -> Result<Vec<Vec<(usize, f64)>>> {
        match self {
            Self::Euclidean => {
                let found = nearest(queries, rows, k, &Pairwise::new())?;
                let pairs = found.indices.outer_iter().zip(found.squared.outer_iter());
                Ok(pairs
                    .map(|(at, squared)| at.iter().copied().zip(squared.iter().map(|s| s.sqrt())).collect())
                    .collect())
            }
            Self::Cosine => Ok(cosine::nearest(queries, rows, k)),
        }
    }
}
