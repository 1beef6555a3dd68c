use ndarray::{ArrayView2, Axis, concatenate};
use serde::{Deserialize, Serialize};
use synth_core::distance::{Pairwise, Tile, Within};
use synth_core::{Error, Result, Seed};

/// Above this many rows the median distance is that of a seeded subsample of so many.
pub const MEDIAN_ROWS: usize = 2_000;

/// How an RBF kernel gets its width.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bandwidth {
    /// The median distance of the rows at hand.
    #[default]
    Median,
    /// This σ, in units of the embedding.
    Fixed(f64),
}

impl Bandwidth {
    /// # Errors
    /// [`Error::InvalidParam`] for a σ that is not positive and finite.
    pub(crate) fn check(self) -> Result<()> {
        match self {
            Self::Fixed(sigma) if !(sigma.is_finite() && sigma > 0.0) => {
                Err(Error::invalid("sigma", "positive and finite", sigma))
            }
            _ => Ok(()),
        }
    }
}

/// A width and how it came about.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MedianBandwidth {
    /// The median Euclidean distance.
    pub sigma: f64,
    /// How many rows it was taken over, if not all.
    pub subsample: Option<usize>,
}

/// The median Euclidean distance over all pairs i < j of the rows of `x` and, where given, `y`.
///
/// With an even number of pairs the mean of the two middle ones. Above [`MEDIAN_ROWS`] rows it is
/// taken over a subsample without replacement, drawn with `seed`, which is otherwise unused.
///
/// # Errors
/// [`Error::TooFewSamples`] below two rows; [`Error::Unsupported`] if the median is 0, which means
/// that half of all pairs are copies and no kernel width follows from them.
///
/// # Examples
/// ```
/// use ndarray::array;
/// use synth_core::Seed;
/// use synth_validate::fidelity::median_bandwidth;
/// let rows = array![[0.0_f32], [1.0], [3.0]];
/// assert_eq!(median_bandwidth(rows.view(), None, Seed::from_u64(0))?.sigma, 2.0);
/// let same = array![[1.0_f32], [1.0], [1.0]];
/// assert!(median_bandwidth(same.view(), None, Seed::from_u64(0)).is_err());
/// # Ok::<(), synth_core::Error>(())
/// ```
pub fn median_bandwidth(
    x: ArrayView2<'_, f32>,
    y: Option<ArrayView2<'_, f32>>,
    seed: Seed,
) -> Result<MedianBandwidth> {
    let pooled = match y {
        Some(y) if y.ncols() != x.ncols() => {
            let (expected, got) = (vec![x.ncols()], vec![y.ncols()]);
            return Err(Error::Shape { what: "embedding row", expected, got });
        }
        Some(y) => y.nrows(),
        None => 0,
    } + x.nrows();
    if pooled < 2 {
        let what = "the median distance".into();
        return Err(Error::TooFewSamples { what, needed: 2, got: pooled, unit: "rows" });
    }
    let subsample = (pooled > MEDIAN_ROWS).then_some(MEDIAN_ROWS);
    let (x_rows, y_rows) = split(chosen(pooled, subsample, seed), x.nrows());
    let mut rows = x.select(Axis(0), &x_rows);
    if let Some(y) = y {
        rows = concatenate(Axis(0), &[rows.view(), y.select(Axis(0), &y_rows).view()])
            .expect("invariant: the widths were compared above");
    }
    let mut squared = Pairwise::new().within(rows.view(), &UpperTriangle)?.concat();
    let sigma = median_root(&mut squared);
    if sigma > 0.0 {
        return Ok(MedianBandwidth { sigma, subsample });
    }
    Err(Error::Unsupported {
        what: "a median bandwidth".into(),
        reason: "half of all pairs of rows are equal, so their median distance is 0; leave out copies, or \
                 fix `sigma`"
            .into(),
    })
}

fn chosen(pooled: usize, subsample: Option<usize>, seed: Seed) -> Vec<usize> {
    let mut rows: Vec<usize> = (0..pooled).collect();
    if let Some(count) = subsample {
        seed.derive("median bandwidth").stream(0).shuffle(&mut rows);
        rows.truncate(count);
        rows.sort_unstable();
    }
    rows
}

/// Cuts pooled row numbers, ascending, into those of x and those of y.
fn split(rows: Vec<usize>, x_rows: usize) -> (Vec<usize>, Vec<usize>) {
    let at = rows.partition_point(|&row| row < x_rows);
    let y = rows[at..].iter().map(|row| row - x_rows).collect();
    (rows[..at].to_vec(), y)
}

fn median_root(squared: &mut [f64]) -> f64 {
    let middle = squared.len() / 2;
    let upper = *squared.select_nth_unstable_by(middle, f64::total_cmp).1;
    if squared.len() % 2 == 1 {
        return upper.sqrt();
    }
    let lower = squared[..middle].iter().copied().fold(0.0, f64::max);
    0.5 * (lower.sqrt() + upper.sqrt())
}

/// Collects each pair once.
struct UpperTriangle;

impl Within for UpperTriangle {
    type Rows = Vec<f64>;

    fn rows(&self, _range: std::ops::Range<usize>) -> Vec<f64> {
        Vec::new()
    }

    fn tile(&self, tile: &Tile<'_>, left: &mut Vec<f64>, _right: &mut Vec<f64>) {
        left.extend(tile.squared());
    }

    fn diagonal(&self, tile: &Tile<'_>, rows: &mut Vec<f64>) {
        for (row, squared) in tile.rows() {
            rows.extend(&squared[row - tile.right().start + 1..]);
        }
    }
}
