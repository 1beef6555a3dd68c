//! The rows and their distances in the graph.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use pulp::Arch;

use super::kernel::{LANES, squared_difference, squared_difference_scaled};
use super::map::MappedRows;
use crate::Metric;

/// Rows by node. The first may lie in a mapped file, the others are in memory.
#[derive(Clone, Debug)]
pub(super) struct Vectors {
    arch: Arch,
    metric: Metric,
    dim: usize,
    mapped: Option<MappedRows>,
    /// The file that rows came from without being checked, whether they are mapped still or not.
    origin: Option<PathBuf>,
    /// Number of rows in `mapped`.
    mapped_rows: usize,
    owned: Vec<f32>,
    /// 1 / |row| for the cosine metric, else empty.
    inverse_norms: Vec<f32>,
}

/// A row to compare others with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Probe<'a> {
    row: &'a [f32],
    inverse_norm: f32,
}

impl<'a> Probe<'a> {
    /// Of a row in [`canonical`] form.
    pub(super) fn new(metric: Metric, row: &'a [f32]) -> Self {
        Self { row, inverse_norm: if metric == Metric::Cosine { inverse_norm(row) } else { 1.0 } }
    }
}

impl Vectors {
    pub(super) fn new(metric: Metric, dim: usize) -> Self {
        Self::loaded(metric, dim, Vec::new(), Vec::new())
    }

    /// Rows read from a file, in [`canonical`] form.
    pub(super) fn loaded(metric: Metric, dim: usize, owned: Vec<f32>, inverse_norms: Vec<f32>) -> Self {
        let (arch, mapped, origin) = (Arch::new(), None, None);
        Self { arch, metric, dim, mapped, origin, mapped_rows: 0, owned, inverse_norms }
    }

    /// Rows that stay in their file.
    pub(super) fn opened(metric: Metric, dim: usize, mapped: (MappedRows, &Path), norms: Vec<f32>) -> Self {
        let (mapped, origin) = mapped;
        let (mapped_rows, origin) = (mapped.len() / dim, Some(origin.to_owned()));
        Self { mapped: Some(mapped), origin, mapped_rows, ..Self::loaded(metric, dim, Vec::new(), norms) }
    }

    /// Adds a row in [`canonical`] form.
    pub(super) fn push(&mut self, row: &[f32]) {
        self.owned.extend(row);
        if self.metric == Metric::Cosine {
            self.inverse_norms.push(inverse_norm(row));
        }
    }

    pub(super) fn row(&self, node: u32) -> &[f32] {
        let node = node as usize;
        match &self.mapped {
            Some(mapped) if node < self.mapped_rows => mapped.values(node * self.dim, self.dim),
            _ => {
                let start = (node - self.mapped_rows) * self.dim;
                &self.owned[start..start + self.dim]
            }
        }
    }

    /// The file by which rows may be damaged: they were taken from it without being checked.
    pub(super) fn origin(&self) -> Option<&Path> {
        self.origin.as_deref()
    }

    pub(super) fn inverse_norms(&self) -> &[f32] {
        &self.inverse_norms
    }

    pub(super) fn probe(&self, node: u32) -> Probe<'_> {
        let inverse_norm = self.inverse_norms.get(node as usize).copied().unwrap_or(1.0);
        Probe { row: self.row(node), inverse_norm }
    }

    /// The distance by which the graph is built and walked, in float32: |a − b|², of the rows or, for
    /// the cosine metric, of the rows scaled to length 1; that is 2 (1 − cos) without its cancellation.
    pub(super) fn distance(&self, probe: Probe<'_>, node: u32) -> f32 {
        match self.metric {
            Metric::Euclidean => squared_difference(self.arch, probe.row, self.row(node)),
            Metric::Cosine => {
                let other = (self.row(node), self.inverse_norms[node as usize]);
                squared_difference_scaled(self.arch, (probe.row, probe.inverse_norm), other)
            }
        }
    }

    /// The distance within which the exactly nearest of some nodes lie of which the farthest has this
    /// one: what rounding can make of it, with room.
    pub(super) fn with_rounding(&self, distance: f32) -> f32 {
        let relative = (self.dim / LANES + LANES) as f32 * f32::EPSILON;
        // Entries of rows of length 1 are rounded before they are subtracted.
        let absolute = if self.metric == Metric::Cosine { 8.0 * f32::EPSILON } else { 0.0 };
        // Squares much smaller lose their digits.
        ((distance.sqrt() + absolute).powi(2) * (1.0 + 4.0 * relative)).max(1e-30)
    }

    /// Keeps the rows of `nodes`, in their order; all of them are in memory then.
    pub(super) fn keep(&mut self, nodes: &[u32]) {
        let owned = nodes.iter().flat_map(|&node| self.row(node)).copied().collect();
        if self.metric == Metric::Cosine {
            self.inverse_norms = nodes.iter().map(|&node| self.inverse_norms[node as usize]).collect();
        }
        (self.mapped, self.mapped_rows, self.owned) = (None, 0, owned);
    }
}

/// The form in which rows are kept and compared: no negative zeros, and for the cosine metric very
/// large and very small rows times a power of two, so that products stay within float32.
///
/// Exact distances are the same to the bit: scaling that would round any entry is left out.
pub(super) fn canonical(metric: Metric, row: &[f32]) -> Cow<'_, [f32]> {
    let largest = row.iter().fold(0.0_f32, |best, value| best.max(value.abs()));
    if metric == Metric::Cosine && !(1e-9..=1e9).contains(&largest) {
        let factor = 2.0_f64.powi(-libm::ilogb(f64::from(largest)));
        let scaled: Vec<f32> = row.iter().map(|&value| (f64::from(value) * factor) as f32 + 0.0).collect();
        let exact = row.iter().zip(&scaled).all(|(&a, &b)| f64::from(a) * factor == f64::from(b));
        if exact {
            return scaled.into();
        }
    }
    if row.iter().any(|value| *value == 0.0 && value.is_sign_negative()) {
        return row.iter().map(|value| value + 0.0).collect();
    }
    row.into()
}

/// 1 / |row|, within float32.
pub(super) fn inverse_norm(row: &[f32]) -> f32 {
    let squared: f64 = row.iter().map(|&value| f64::from(value) * f64::from(value)).sum();
    (1.0 / squared.sqrt()).min(f64::from(f32::MAX)) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_any_size_have_their_cosine() {
        let rows = [[3.0_f32, 4.0], [3e-30, 4e-30], [6e30, 8e30], [-3e38, -0.0]];
        let mut vectors = Vectors::new(Metric::Cosine, 2);
        for row in &rows {
            vectors.push(&canonical(Metric::Cosine, row));
        }
        for (node, expected) in [0.0_f32, 0.0, 0.0, 3.2].into_iter().enumerate() {
            for from in 0..3 {
                let got = vectors.distance(vectors.probe(from), node as u32);
                assert!((got - expected).abs() < 1e-6, "{from} {node}: {got}");
            }
        }
    }

    #[test]
    fn scaling_that_would_round_is_left_out() {
        let row = [2.0_f32.powi(100), 3.0 * 2.0_f32.powi(-149)];
        assert_eq!(*canonical(Metric::Cosine, &row), row);
        assert_eq!(*canonical(Metric::Cosine, &[2.0_f32.powi(100), 0.0]), [1.0, 0.0]);
        assert_eq!(canonical(Metric::Euclidean, &[-0.0, 1.0])[0].to_bits(), 0);
    }
}
