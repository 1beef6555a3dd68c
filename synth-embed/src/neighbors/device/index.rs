use burn::tensor::Device;
use ndarray::{ArrayView2, Axis};
use rayon::prelude::*;
use synth_core::{Neighbor, NeighborIndex, Result};

use super::frame::Frame;
use super::shortlist::shortlists;
use crate::{ExactNeighbors, ExactNeighborsParams};

/// Queries whose lists are held at a time.
const QUERIES_AT_ONCE: usize = 16_384;

/// Exact nearest neighbours whose distances a burn device sifts: the answers of [`ExactNeighbors`], ids
/// and distances to the bit.
///
/// The device compares every query with every row in float32 and keeps the best of each 32 rows. The
/// host bounds what rounding can have made of these values, lists every row that may still be among
/// the nearest, and compares those as [`ExactNeighbors`] does.
///
/// - **Why that is exact.** The bound holds for any order of summation in float32. It is widened by four
///   times the error of a product known beforehand that runs along in every product, so a device that
///   rounds the factors (TF32, bfloat16) makes lists longer and not answers wrong. It does not hold for
///   a device that errs on other rows more than four times as much as on this one.
/// - **When it pays.** For thousands of queries at once: rows are sent to the device in each search.
///   Where most rows are about equally far from a query, nothing can be sifted out, and that query is
///   compared with all rows on the host.
///
/// Memory: that of [`ExactNeighbors`] and a second copy of the rows during a search; on the device about
/// 100 MB for rows of 384 numbers, however many there are.
///
/// # Examples
/// ```
/// use burn::tensor::Device;
/// use ndarray::array;
/// use synth_core::NeighborIndex;
/// use synth_embed::ExactNeighborsParams;
///
/// let mut index = ExactNeighborsParams::default().build_on(2, &Device::flex())?;
/// let ids = ["far", "near", "middle"].map(String::from);
/// index.add(&ids, array![[9.0_f32, 0.0], [1.0, 0.0], [4.0, 0.0]].view())?;
/// let found = index.search(array![[0.0_f32, 0.0]].view(), 2, &|id| id != "middle")?;
/// assert_eq!((found[0][0].id.as_str(), found[0][1].distance), ("near", 9.0));
/// assert!(ExactNeighborsParams::default().build_on(0, &Device::flex()).is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DeviceNeighbors {
    exact: ExactNeighbors,
    device: Device,
}

impl ExactNeighborsParams {
    /// An empty index for rows of length `dim` that computes on `device`.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub fn build_on(self, dim: usize, device: &Device) -> Result<DeviceNeighbors> {
        Ok(DeviceNeighbors { exact: self.build(dim)?, device: device.clone() })
    }
}

impl DeviceNeighbors {
    /// The checked parameters.
    #[must_use]
    pub fn params(&self) -> &ExactNeighborsParams {
        self.exact.params()
    }

    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.exact.len()
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.exact.is_empty()
    }

    /// For each query the `k` nearest rows as (index, distance).
    fn nearest(
        &self,
        queries: ArrayView2<'_, f32>,
        rows: ArrayView2<'_, f32>,
        k: usize,
    ) -> Result<Vec<Vec<(usize, f64)>>> {
        let metric = self.params().metric;
        let frame = Frame::around(metric, rows, queries);
        let framed = frame.apply(rows);
        let mut found = Vec::with_capacity(queries.nrows());
        for queries in queries.axis_chunks_iter(Axis(0), QUERIES_AT_ONCE) {
            let lists = shortlists(&framed, &frame.apply(queries), k, &self.device)?;
            let narrow = queries.axis_iter(Axis(0)).into_par_iter().zip(&lists).map(|(query, list)| {
                if 2 * list.len() > rows.nrows() {
                    return Ok(None);
                }
                let near =
                    metric.nearest(query.insert_axis(Axis(0)), rows.select(Axis(0), list).view(), k)?;
                Ok(Some(near.into_iter().flatten().map(|(at, distance)| (list[at], distance)).collect()))
            });
            let narrow: Vec<Option<Vec<_>>> = narrow.collect::<Result<_>>()?;
            let wide: Vec<usize> = (0..narrow.len()).filter(|&query| narrow[query].is_none()).collect();
            let compared = match wide.is_empty() {
                true => Vec::new(),
                false => metric.nearest(queries.select(Axis(0), &wide).view(), rows, k)?,
            };
            let mut compared = compared.into_iter();
            found.extend(narrow.into_iter().filter_map(|near| near.or_else(|| compared.next())));
        }
        Ok(found)
    }
}

impl NeighborIndex for DeviceNeighbors {
    fn add(&mut self, ids: &[String], rows: ArrayView2<'_, f32>) -> Result<()> {
        self.exact.add(ids, rows)
    }

    fn remove(&mut self, id: &str) -> bool {
        self.exact.remove(id)
    }

    /// # Errors
    /// [`Error::Component`](synth_core::Error::Component) also if the device fails, out of memory for instance.
    fn search(
        &self,
        queries: ArrayView2<'_, f32>,
        k: usize,
        filter: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Vec<Vec<Neighbor>>> {
        self.exact.search_by(queries, k, filter, |queries, rows, k| self.nearest(queries, rows, k))
    }
}
