use ndarray::ArrayView2;
use synth_core::Result;
use synth_core::distance::Pairwise;

use super::check::check_sets;
use super::grouped::GroupedRows;
use super::pass::{Neighbors, Pass};

/// Precision, recall, density and coverage.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Prdc {
    /// Share of synthetic rows inside the ball of some real row.
    pub precision: f64,
    /// Share of real rows inside the ball of some synthetic row.
    pub recall: f64,
    /// Real balls that hold a synthetic row, on average, divided by k; may exceed 1.
    pub density: f64,
    /// Share of real rows whose ball holds a synthetic row.
    pub coverage: f64,
}

/// Accuracy of telling the sets apart by the nearest other row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearestNeighborTest {
    /// Share of all rows whose nearest other row is of their own set. With sets of equal size 0.5
    /// if they are alike, 1 if they are apart; below 0.5 if one copies the other.
    pub accuracy: f64,
    /// The same among real rows.
    pub real: f64,
    /// The same among synthetic rows.
    pub synthetic: f64,
}

/// Distances of synthetic rows to their nearest real rows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NearestReal {
    /// Mean over the synthetic rows.
    pub mean: f64,
    /// Smallest.
    pub min: f64,
    /// First quartile.
    pub q25: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q75: f64,
    /// Largest.
    pub max: f64,
    /// Median distance of a real row to its nearest other real row.
    pub epsilon: f64,
    /// Share of synthetic rows at most ε from a real row.
    pub share_within_epsilon: f64,
}

/// Precision, recall, density and coverage with balls that reach to each row's k-th nearest
/// neighbour in its own set; a row is inside a ball if it is strictly nearer.
/// ```text
/// precision = mean_j 1[∃i: |y_j − x_i| < r_i]     recall   = mean_i 1[∃j: |x_i − y_j| < s_j]
/// density   = Σ_ij 1[|y_j − x_i| < r_i] / (k m)   coverage = mean_i 1[∃j: |y_j − x_i| < r_i]
/// ```
/// # Shapes
/// - real: `[n, d]`, synthetic: `[m, d]`, n, m > k
///
/// # Errors
/// [`TooFewSamples`](synth_core::Error::TooFewSamples) below k + 1 rows,
/// [`InvalidParam`](synth_core::Error::InvalidParam) for k = 0, other widths, values that are not
/// finite.
///
/// # References
/// Kynkäänniemi et al. 2019, <https://arxiv.org/abs/1904.06991> (precision, recall); Naeem et al.
/// 2020, <https://arxiv.org/abs/2002.09797> (density, coverage).
pub fn prdc(real: ArrayView2<'_, f32>, synthetic: ArrayView2<'_, f32>, k: usize) -> Result<Prdc> {
    if k == 0 {
        return Err(synth_core::Error::invalid("k", "at least 1", k));
    }
    Ok(neighbors("precision and recall", real, synthetic, k)?.prdc())
}

/// Leave-one-out 1-nearest-neighbour two-sample test: how often a row's nearest other row comes
/// from its own set. Of equally near rows a real one counts.
///
/// # Errors
/// Fewer than two rows, other widths, values that are not finite.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_validate::fidelity::nearest_neighbor_test;
/// let (x, y) = (array![[0.0_f32], [1.0]], array![[9.0_f32], [8.0]]);
/// assert_eq!(nearest_neighbor_test(x.view(), y.view())?.accuracy, 1.0);
/// # Ok::<(), synth_core::Error>(())
/// ```
/// # References
/// Lopez-Paz and Oquab 2017, Revisiting Classifier Two-Sample Tests,
/// <https://arxiv.org/abs/1610.06545>.
pub fn nearest_neighbor_test(
    real: ArrayView2<'_, f32>,
    synthetic: ArrayView2<'_, f32>,
) -> Result<NearestNeighborTest> {
    Ok(neighbors("the nearest-neighbour test", real, synthetic, 1)?.test())
}

/// Distance of each synthetic row to its nearest real row, summarised, with the scale ε that the
/// real rows themselves set. Quartiles interpolate linearly.
///
/// # Errors
/// Fewer than two rows, other widths, values that are not finite.
pub fn nearest_real(real: ArrayView2<'_, f32>, synthetic: ArrayView2<'_, f32>) -> Result<NearestReal> {
    Ok(neighbors("nearest-real distances", real, synthetic, 1)?.nearest_real())
}

fn neighbors(what: &str, x: ArrayView2<'_, f32>, y: ArrayView2<'_, f32>, k: usize) -> Result<Neighbors> {
    check_sets(what, k + 1, x, y)?;
    let (x, y) = (GroupedRows::ungrouped(x), GroupedRows::ungrouped(y));
    Ok(Pass::run(&x, &y, &[], k, &Pairwise::new())?.neighbors)
}

impl Neighbors {
    pub(crate) fn prdc(&self) -> Prdc {
        let parts = self.prdc_by_row();
        Prdc {
            precision: mean(&parts.precision),
            recall: mean(&parts.recall),
            density: mean(&parts.density),
            coverage: mean(&parts.coverage),
        }
    }

    /// The rows' contributions, whose means are the four figures.
    pub(crate) fn prdc_by_row(&self) -> PrdcByRow {
        let share = |hit: bool| f64::from(u8::from(hit));
        let covered = self.x_cross.iter().zip(&self.x_radius);
        PrdcByRow {
            precision: self.y_reached.iter().map(|&count| share(count > 0)).collect(),
            recall: self.x_reached.iter().map(|&hit| share(hit)).collect(),
            density: self.y_reached.iter().map(|&count| f64::from(count) / self.k as f64).collect(),
            coverage: covered.map(|(near, &radius)| share(near.squared < radius)).collect(),
        }
    }

    pub(crate) fn test(&self) -> NearestNeighborTest {
        let (real, synthetic) = self.stays();
        let all = [real.as_slice(), &synthetic].concat();
        NearestNeighborTest { accuracy: mean(&all), real: mean(&real), synthetic: mean(&synthetic) }
    }

    /// 1 for each row whose nearest other row is of its own set, of x and of y.
    pub(crate) fn stays(&self) -> (Vec<f64>, Vec<f64>) {
        let share = |own: bool| f64::from(u8::from(own));
        let x = self.x_own.iter().zip(&self.x_cross).map(|(own, cross)| share(own.squared <= cross.squared));
        let y = self.y_own.iter().zip(&self.y_cross).map(|(own, cross)| share(own.squared < cross.squared));
        (x.collect(), y.collect())
    }

    /// The pooled number, x first, of each pooled row's nearest other row.
    pub(crate) fn pooled_nearest(&self) -> Vec<usize> {
        let n = self.x_own.len();
        let x = self.x_own.iter().zip(&self.x_cross);
        let y = self.y_own.iter().zip(&self.y_cross);
        x.map(|(own, cross)| if own.squared <= cross.squared { own.index } else { n + cross.index })
            .chain(
                y.map(|(own, cross)| if own.squared < cross.squared { n + own.index } else { cross.index }),
            )
            .collect()
    }

    /// Each synthetic row's distance to the nearest real row.
    pub(crate) fn to_real(&self) -> Vec<f64> {
        self.y_cross.iter().map(|near| near.squared.sqrt()).collect()
    }

    pub(crate) fn epsilon(&self) -> f64 {
        let mut own: Vec<f64> = self.x_own.iter().map(|near| near.squared.sqrt()).collect();
        own.sort_by(f64::total_cmp);
        quantile(&own, 0.5)
    }

    pub(crate) fn nearest_real(&self) -> NearestReal {
        let mut sorted = self.to_real();
        let (mean, epsilon) = (mean(&sorted), self.epsilon());
        sorted.sort_by(f64::total_cmp);
        let within = sorted.partition_point(|&distance| distance <= epsilon);
        NearestReal {
            mean,
            min: sorted[0],
            q25: quantile(&sorted, 0.25),
            median: quantile(&sorted, 0.5),
            q75: quantile(&sorted, 0.75),
            max: sorted[sorted.len() - 1],
            epsilon,
            share_within_epsilon: within as f64 / sorted.len() as f64,
        }
    }
}

/// Per-row contributions to [`Prdc`]: of synthetic rows for precision and density, of real rows for
/// recall and coverage.
#[derive(Debug)]
pub(crate) struct PrdcByRow {
    pub(crate) precision: Vec<f64>,
    pub(crate) recall: Vec<f64>,
    pub(crate) density: Vec<f64>,
    pub(crate) coverage: Vec<f64>,
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Quantile of sorted values, linear between the two nearest ranks.
fn quantile(sorted: &[f64], level: f64) -> f64 {
    let at = level * (sorted.len() - 1) as f64;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn four_figures_by_hand() {
        // Real 0, 1, 3 with radii (k = 1) 1, 1, 2; synthetic 0.5, 2.5 and 9 with radii 2, 2, 6.5.
        let real = array![[0.0_f32], [1.0], [3.0]];
        let synthetic = array![[0.5_f32], [2.5], [9.0]];
        let found = prdc(real.view(), synthetic.view(), 1).expect("valid");
        assert!((found.precision - 2.0 / 3.0).abs() < 1e-12);
        assert!((found.density - 1.0).abs() < 1e-12, "0.5 in two balls, 2.5 in one: {}", found.density);
        assert!((found.coverage - 1.0).abs() < 1e-12 && (found.recall - 1.0).abs() < 1e-12);
    }

    #[test]
    fn copies_are_nearest_to_their_originals() {
        let real = array![[0.0_f32], [2.0], [5.0]];
        let test = nearest_neighbor_test(real.view(), real.view()).expect("valid");
        assert_eq!(test.accuracy, 0.0);
        let near = nearest_real(real.view(), real.view()).expect("valid");
        assert_eq!((near.max, near.epsilon, near.share_within_epsilon), (0.0, 2.0, 1.0));
    }

    #[test]
    fn too_few_rows_say_how_many_are_needed() {
        let rows = array![[0.0_f32], [2.0], [5.0]];
        let error = prdc(rows.view(), rows.view(), 5).expect_err("three rows");
        assert!(error.to_string().contains("at least 6 rows, got 3"), "{error}");
        assert!(prdc(rows.view(), rows.view(), 0).is_err());
    }
}
