use ndarray::{Array2, ArrayView1, ArrayView2, Axis};
use rayon::prelude::*;

use crate::Metric;
use crate::neighbors::cosine::unit;

/// Where rows lie for the device: moved so that their mean is the origin, and scaled by a power of two
/// so that no entry is beyond 1.
///
/// Distances between rows stay what they are but for the scale; products become small, and with them
/// their rounding.
#[derive(Clone, Debug)]
pub(super) struct Frame {
    metric: Metric,
    centre: Vec<f64>,
    scale: f64,
}

impl Frame {
    pub(super) fn around(metric: Metric, rows: ArrayView2<'_, f32>, queries: ArrayView2<'_, f32>) -> Self {
        let mut centre = vec![0.0; rows.ncols()];
        for row in rows.outer_iter() {
            centre.iter_mut().zip(plain(metric, row)).for_each(|(sum, value)| *sum += value);
        }
        centre.iter_mut().for_each(|sum| *sum /= rows.nrows() as f64);
        let frame = Self { metric, centre, scale: 1.0 };
        let largest_of = |rows: ArrayView2<'_, f32>| -> f64 {
            let largest = |row| frame.entries(row).fold(0.0, |best: f64, entry| best.max(entry.abs()));
            rows.axis_iter(Axis(0)).into_par_iter().map(largest).reduce(|| 0.0, f64::max)
        };
        let largest = largest_of(rows).max(largest_of(queries));
        let scale = if largest > 0.0 { 2.0_f64.powi(-1 - libm::ilogb(largest)) } else { 1.0 };
        Self { scale, ..frame }
    }

    /// The rows as float32 within ±1.
    pub(super) fn apply(&self, rows: ArrayView2<'_, f32>) -> Array2<f32> {
        let mut framed = Array2::zeros(rows.dim());
        framed.axis_iter_mut(Axis(0)).into_par_iter().zip(rows.axis_iter(Axis(0))).for_each(
            |(mut framed, row)| {
                framed.iter_mut().zip(self.entries(row)).for_each(|(to, from)| *to = from as f32);
            },
        );
        framed
    }

    fn entries(&self, row: ArrayView1<'_, f32>) -> impl Iterator<Item = f64> {
        plain(self.metric, row)
            .into_iter()
            .zip(&self.centre)
            .map(|(value, centre)| (value - centre) * self.scale)
    }
}

/// The row whose Euclidean distances order neighbours as the metric does.
fn plain(metric: Metric, row: ArrayView1<'_, f32>) -> Vec<f64> {
    match metric {
        Metric::Euclidean => row.iter().copied().map(f64::from).collect(),
        Metric::Cosine => unit(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn rows_are_centred_and_fill_the_unit_box() {
        let (rows, queries) = (array![[1000.0_f32, 6.0], [1002.0, 2.0]], array![[1001.0_f32, 4.0]]);
        let frame = Frame::around(Metric::Euclidean, rows.view(), queries.view());
        // Largest entry 2: scaled by 1/4.
        assert_eq!(frame.apply(rows.view()), array![[-0.25, 0.5], [0.25, -0.5]]);
        assert_eq!(frame.apply(queries.view()), array![[0.0, 0.0]]);
    }

    #[test]
    fn rows_at_the_ends_of_float32_fit() {
        for size in [1e-45_f32, 1e-30, 1e30, 3e38] {
            let rows = array![[size, 0.0], [-size, 0.0]];
            let framed = Frame::around(Metric::Euclidean, rows.view(), rows.view()).apply(rows.view());
            assert!((0.5..=1.0).contains(&framed[(0, 0)]) && framed[(1, 0)] == -framed[(0, 0)], "{framed}");
        }
        let same = array![[3.0_f32, 4.0]];
        assert_eq!(
            Frame::around(Metric::Cosine, same.view(), same.view()).apply(same.view()),
            array![[0.0, 0.0]]
        );
    }
}
