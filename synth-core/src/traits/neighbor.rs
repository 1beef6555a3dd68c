use std::fmt;

use ndarray::ArrayView2;

use crate::Result;

/// A row found near a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Neighbor {
    /// Id of the row.
    pub id: String,
    /// Its distance to the query, ≥ 0.
    pub distance: f64,
}

/// Finds the stored rows nearest to a query.
pub trait NeighborIndex: fmt::Debug + Send + Sync {
    /// Adds rows `[ids, dim]`.
    ///
    /// # Errors
    /// Another dimension, values that are not finite, or an id that is already there.
    fn add(&mut self, ids: &[String], rows: ArrayView2<'_, f32>) -> Result<()>;

    /// Removes a row; `false` where it was not there.
    fn remove(&mut self, id: &str) -> bool;

    /// For each query row the `k` nearest stored rows that pass `filter`, nearest first, ties by id.
    ///
    /// # Errors
    /// Another dimension, or values that are not finite.
    fn search(
        &self,
        queries: ArrayView2<'_, f32>,
        k: usize,
        filter: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Vec<Vec<Neighbor>>>;
}
