use std::collections::BTreeMap;

use ndarray::{Array2, ArrayView2, Axis};
use serde::{Deserialize, Serialize};
use synth_core::{Error, Neighbor, NeighborIndex, Result};

use super::Metric;

/// Parameters of [`ExactNeighbors`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExactNeighborsParams {
    /// What "near" means. Default: Euclidean.
    pub metric: Metric,
}

impl ExactNeighborsParams {
    /// The same parameters with another metric.
    #[must_use]
    pub fn with_metric(mut self, metric: Metric) -> Self {
        self.metric = metric;
        self
    }

    /// An empty index for rows of length `dim`.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] if `dim` is 0.
    pub fn build(self, dim: usize) -> Result<ExactNeighbors> {
        if dim == 0 {
            return Err(Error::invalid("dim", "at least 1", 0));
        }
        Ok(ExactNeighbors { params: self, dim, slots: BTreeMap::new(), ids: Vec::new(), rows: Vec::new() })
    }
}

/// Exact nearest neighbours by comparing every query with every row, block by block.
///
/// Answers depend on the stored rows alone, not on the order they were added in, other queries or
/// the thread count. Euclidean distances come from [`synth_core::distance`] (good to about 1e-9 of
/// themselves, 0 between copies); cosine distances are float64, good to about 1e-15.
///
/// Memory: the rows, and one more copy of those that pass while a search with a filter runs, or one
/// after rows were added out of the order of their ids.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_core::NeighborIndex;
/// use synth_embed::ExactNeighborsParams;
///
/// let mut index = ExactNeighborsParams::default().build(2)?;
/// let ids = ["far", "near", "middle"].map(String::from);
/// index.add(&ids, array![[9.0_f32, 0.0], [1.0, 0.0], [4.0, 0.0]].view())?;
/// let found = index.search(array![[0.0_f32, 0.0]].view(), 2, &|id| id != "middle")?;
/// assert_eq!(found[0][0].id, "near");
/// assert_eq!(found[0][1].distance, 9.0);
/// assert!(index.add(&ids, array![[0.0_f32, 0.0]].view()).is_err(), "three ids, one row");
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ExactNeighbors {
    params: ExactNeighborsParams,
    dim: usize,
    /// Where the row of an id lies; in the order of ids.
    slots: BTreeMap<String, usize>,
    /// The id of each slot.
    ids: Vec<String>,
    /// Rows by slot.
    rows: Vec<f32>,
}

impl ExactNeighbors {
    /// The checked parameters.
    #[must_use]
    pub fn params(&self) -> &ExactNeighborsParams {
        &self.params
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    fn view(&self) -> ArrayView2<'_, f32> {
        ArrayView2::from_shape((self.ids.len(), self.dim), &self.rows)
            .expect("invariant: every id has one row of the index's length")
    }

    /// Searches the rows that pass. `nearest` gives, for each query, the nearest of the rows it is handed
    /// as (index, distance), equal distances by index; there are at least as many as asked for.
    pub(super) fn search_by(
        &self,
        queries: ArrayView2<'_, f32>,
        k: usize,
        filter: &(dyn Fn(&str) -> bool + Sync),
        nearest: impl FnOnce(ArrayView2<'_, f32>, ArrayView2<'_, f32>, usize) -> Result<Vec<Vec<(usize, f64)>>>,
    ) -> Result<Vec<Vec<Neighbor>>> {
        self.params.metric.check("queries", queries, self.dim)?;
        // In the order of ids, so that equal distances come by id.
        let (ids, slots): (Vec<&String>, Vec<usize>) =
            self.slots.iter().filter(|(id, _)| filter(id)).map(|(id, &slot)| (id, slot)).unzip();
        let k = k.min(slots.len());
        if k == 0 || queries.nrows() == 0 {
            return Ok(vec![Vec::new(); queries.nrows()]);
        }
        let in_place = slots.len() == self.ids.len() && slots.iter().enumerate().all(|(i, &slot)| i == slot);
        let copied: Array2<f32>;
        let rows = if in_place {
            self.view()
        } else {
            copied = self.view().select(Axis(0), &slots);
            copied.view()
        };
        let named = |(at, distance): (usize, f64)| Neighbor { id: ids[at].clone(), distance };
        let found = nearest(queries, rows, k)?;
        Ok(found.into_iter().map(|row| row.into_iter().map(named).collect()).collect())
    }
}

impl NeighborIndex for ExactNeighbors {
    fn add(&mut self, ids: &[String], rows: ArrayView2<'_, f32>) -> Result<()> {
        if ids.len() != rows.nrows() {
            return Err(Error::Shape { what: "ids", expected: vec![rows.nrows()], got: vec![ids.len()] });
        }
        self.params.metric.check("rows to add", rows, self.dim)?;
        let mut sorted: Vec<&String> = ids.iter().collect();
        sorted.sort_unstable();
        let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0]);
        if let Some(id) = twice.or_else(|| ids.iter().find(|id| self.slots.contains_key(*id))) {
            return Err(Error::AlreadyExists { what: "row", name: id.clone() });
        }
        for (id, row) in ids.iter().zip(rows.outer_iter()) {
            self.slots.insert(id.clone(), self.ids.len());
            self.ids.push(id.clone());
            self.rows.extend(row);
        }
        Ok(())
    }

    fn remove(&mut self, id: &str) -> bool {
        let Some(slot) = self.slots.remove(id) else {
            return false;
        };
        let last = self.ids.len() - 1;
        self.ids.swap_remove(slot);
        self.rows.copy_within(last * self.dim.., slot * self.dim);
        self.rows.truncate(last * self.dim);
        if let Some(moved) = self.ids.get(slot) {
            self.slots.insert(moved.clone(), slot);
        }
        true
    }

    fn search(
        &self,
        queries: ArrayView2<'_, f32>,
        k: usize,
        filter: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Vec<Vec<Neighbor>>> {
        self.search_by(queries, k, filter, |queries, rows, k| self.params.metric.nearest(queries, rows, k))
    }
}
