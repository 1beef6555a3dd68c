use std::fmt;

use ndarray::{Array2, ArrayView2};

use crate::Result;

/// A way to find a low-dimensional view of rows.
pub trait Projection: fmt::Debug + Send + Sync {
    /// Learns from rows `[n, dim]`.
    ///
    /// # Errors
    /// Too few rows, or values that are not finite.
    fn fit(&self, rows: ArrayView2<'_, f32>) -> Result<Box<dyn FittedProjection>>;
}

/// A learned [`Projection`]. Loading is the implementor's own constructor from the saved bytes.
pub trait FittedProjection: fmt::Debug + Send + Sync {
    /// Length of a row that goes in, and of one that comes out.
    fn dims(&self) -> (usize, usize);

    /// Rows `[n, dims.0]` → `[n, dims.1]`, float64.
    ///
    /// # Errors
    /// [`Error::Shape`](crate::Error::Shape) for rows of another length.
    fn transform(&self, rows: ArrayView2<'_, f32>) -> Result<Array2<f64>>;

    /// Everything needed to load it again; the same projection gives the same bytes.
    ///
    /// # Errors
    /// If it cannot be serialised.
    fn save(&self) -> Result<Vec<u8>>;
}
