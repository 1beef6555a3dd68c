use std::fmt;
use std::ops::Range;

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::rounds;
use super::tile::{BLOCK_ROWS, Scratch, Tile};
use crate::{Cancel, Error, NoProgress, Progress, Result};

/// What to keep of the distances of a set to itself.
pub trait Within: Sync {
    /// State of one block of rows.
    type Rows: Send;
    /// The empty state of the rows in `range`.
    fn rows(&self, range: Range<usize>) -> Self::Rows;
    /// Takes in a tile of two different blocks. It stands for both orders of each pair: row `i` of
    /// `left` sees the right block, row `j` of `right` sees the left one.
    fn tile(&self, tile: &Tile<'_>, left: &mut Self::Rows, right: &mut Self::Rows);
    /// Takes in the tile of a block with itself, which holds both orders, and each row's zero
    /// distance to itself.
    fn diagonal(&self, tile: &Tile<'_>, rows: &mut Self::Rows);
}

/// What to keep of the distances between two sets.
pub trait Between: Sync {
    /// State of one block of left rows.
    type Left: Send;
    /// State of one block of right rows.
    type Right: Send;
    /// The empty state of the left rows in `range`.
    fn left(&self, range: Range<usize>) -> Self::Left;
    /// The empty state of the right rows in `range`.
    fn right(&self, range: Range<usize>) -> Self::Right;
    /// Takes in the distances between a left and a right block.
    fn tile(&self, tile: &Tile<'_>, left: &mut Self::Left, right: &mut Self::Right);
}

/// The states of the left blocks and of the right blocks, each in the order of their rows.
pub type Sides<T> = (Vec<<T as Between>::Left>, Vec<<T as Between>::Right>);

/// The pass over all pairs of rows, in tiles of [`BLOCK_ROWS`] rows square.
///
/// # Examples
/// The largest squared distance between two sets:
/// ```
/// use std::ops::Range;
/// use ndarray::array;
/// use synth_core::distance::{Between, Pairwise, Tile};
///
/// struct Largest;
/// impl Between for Largest {
///     type Left = f64;
///     type Right = ();
///     fn left(&self, _rows: Range<usize>) -> f64 { 0.0 }
///     fn right(&self, _rows: Range<usize>) {}
///     fn tile(&self, tile: &Tile<'_>, left: &mut f64, _right: &mut ()) {
///         *left = tile.squared().iter().fold(*left, |a, &b| a.max(b));
///     }
/// }
/// let (left, _right) =
///     Pairwise::new().between(array![[0.0, 0.0]].view(), array![[3.0, 4.0], [1.0, 0.0]].view(), &Largest)?;
/// assert_eq!(left, [25.0]);
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Pairwise<'a> {
    progress: &'a dyn Progress,
    cancel: Option<&'a Cancel>,
}

impl Default for Pairwise<'_> {
    fn default() -> Self {
        Self { progress: &NoProgress, cancel: None }
    }
}

impl fmt::Debug for Pairwise<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pairwise").finish_non_exhaustive()
    }
}

impl<'a> Pairwise<'a> {
    /// A pass that tells nobody and cannot be stopped.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reports each finished tile as one step. The caller starts and finishes the stage; the number
    /// of steps is that of [`tiles_within`](Self::tiles_within) and
    /// [`tiles_between`](Self::tiles_between).
    #[must_use]
    pub fn with_progress(mut self, progress: &'a dyn Progress) -> Self {
        self.progress = progress;
        self
    }

    /// Looks at `cancel` between rounds of tiles.
    #[must_use]
    pub fn with_cancel(mut self, cancel: &'a Cancel) -> Self {
        self.cancel = Some(cancel);
        self
    }

    /// How many tiles [`within`](Self::within) makes of `n` rows.
    #[must_use]
    pub fn tiles_within(n: usize) -> u64 {
        let blocks = n.div_ceil(BLOCK_ROWS) as u64;
        blocks * (blocks + 1) / 2
    }

    /// How many tiles [`between`](Self::between) makes of `left` and `right` rows.
    #[must_use]
    pub fn tiles_between(left: usize, right: usize) -> u64 {
        left.div_ceil(BLOCK_ROWS) as u64 * right.div_ceil(BLOCK_ROWS) as u64
    }

    /// All pairs of `rows`, each computed once; the blocks' states in the order of the rows.
    ///
    /// # Errors
    /// [`Error::Interrupted`] when cancelled.
    pub fn within<T: Within>(&self, rows: ArrayView2<'_, f32>, tally: &T) -> Result<Vec<T::Rows>> {
        let ranges = blocks(rows.nrows());
        self.check()?;
        let mut states: Vec<Option<T::Rows>> = ranges
            .par_iter()
            .map_init(Scratch::default, |scratch, range| {
                let mut state = tally.rows(range.clone());
                tally.diagonal(&scratch.diagonal(rows, range.clone()), &mut state);
                Some(state)
            })
            .collect();
        self.progress.advance(ranges.len() as u64);
        for round in rounds::within(ranges.len()) {
            self.check()?;
            let mut work: Vec<_> =
                round.iter().map(|&(i, j)| (i, j, states[i].take(), states[j].take())).collect();
            work.par_iter_mut().for_each_init(Scratch::default, |scratch, (i, j, left, right)| {
                if let (Some(left), Some(right)) = (left, right) {
                    let tile = scratch.tile(rows, ranges[*i].clone(), rows, ranges[*j].clone());
                    tally.tile(&tile, left, right);
                }
            });
            for (i, j, left, right) in work {
                states[i] = left;
                states[j] = right;
            }
            self.progress.advance(round.len() as u64);
        }
        Ok(states.into_iter().flatten().collect())
    }

    /// All pairs of a left and a right row; both sides' states in the order of their rows.
    ///
    /// # Errors
    /// [`Error::Shape`] if the rows differ in length, [`Error::Interrupted`] when cancelled.
    pub fn between<T: Between>(
        &self,
        left: ArrayView2<'_, f32>,
        right: ArrayView2<'_, f32>,
        tally: &T,
    ) -> Result<Sides<T>> {
        if left.ncols() != right.ncols() {
            let (expected, got) = (vec![left.ncols()], vec![right.ncols()]);
            return Err(Error::Shape { what: "right row", expected, got });
        }
        if left.nrows().min(right.nrows()) <= BLOCK_ROWS {
            return self.past_one_block(left, right, tally);
        }
        let (left_ranges, right_ranges) = (blocks(left.nrows()), blocks(right.nrows()));
        let mut lefts: Vec<_> = left_ranges.iter().map(|range| Some(tally.left(range.clone()))).collect();
        let mut rights: Vec<_> = right_ranges.iter().map(|range| Some(tally.right(range.clone()))).collect();
        for round in rounds::between(left_ranges.len(), right_ranges.len()) {
            self.check()?;
            let mut work: Vec<_> =
                round.iter().map(|&(i, j)| (i, j, lefts[i].take(), rights[j].take())).collect();
            work.par_iter_mut().for_each_init(Scratch::default, |scratch, (i, j, l, r)| {
                if let (Some(l), Some(r)) = (l, r) {
                    let tile = scratch.tile(left, left_ranges[*i].clone(), right, right_ranges[*j].clone());
                    tally.tile(&tile, l, r);
                }
            });
            for (i, j, l, r) in work {
                lefts[i] = l;
                rights[j] = r;
            }
            self.progress.advance(round.len() as u64);
        }
        Ok((lefts.into_iter().flatten().collect(), rights.into_iter().flatten().collect()))
    }

    /// [`between`](Self::between) where one side is a single block, so that every tile changes its state:
    /// a tile per thread is computed at once, and they are taken in one after another.
    fn past_one_block<T: Between>(
        &self,
        left: ArrayView2<'_, f32>,
        right: ArrayView2<'_, f32>,
        tally: &T,
    ) -> Result<Sides<T>> {
        let (left_ranges, right_ranges) = (blocks(left.nrows()), blocks(right.nrows()));
        let mut lefts: Vec<_> = left_ranges.iter().map(|range| tally.left(range.clone())).collect();
        let mut rights: Vec<_> = right_ranges.iter().map(|range| tally.right(range.clone())).collect();
        let (n, m) = (lefts.len(), rights.len());
        let pairs: Vec<_> = (0..n).flat_map(|i| (0..m).map(move |j| (i, j))).collect();
        let mut scratches = Vec::new();
        scratches.resize_with(rayon::current_num_threads(), Scratch::default);
        for group in pairs.chunks(scratches.len()) {
            self.check()?;
            let work = scratches.par_iter_mut().zip(group);
            let tiles: Vec<Tile<'_>> = work
                .map(|(scratch, &(i, j))| {
                    scratch.tile(left, left_ranges[i].clone(), right, right_ranges[j].clone())
                })
                .collect();
            for (&(i, j), tile) in group.iter().zip(&tiles) {
                tally.tile(tile, &mut lefts[i], &mut rights[j]);
            }
            self.progress.advance(group.len() as u64);
        }
        Ok((lefts, rights))
    }

    fn check(&self) -> Result<()> {
        self.cancel.map_or(Ok(()), Cancel::check)
    }
}

fn blocks(n: usize) -> Vec<Range<usize>> {
    (0..n).step_by(BLOCK_ROWS).map(|start| start..(start + BLOCK_ROWS).min(n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Seed;
    use ndarray::Array2;

    /// Sum of distances of each row to all others.
    struct RowSums;

    impl Within for RowSums {
        type Rows = Vec<f64>;
        fn rows(&self, range: Range<usize>) -> Vec<f64> {
            vec![0.0; range.len()]
        }
        fn tile(&self, tile: &Tile<'_>, left: &mut Vec<f64>, right: &mut Vec<f64>) {
            for ((i, j), value) in tile.squared().indexed_iter() {
                left[i] += value.sqrt();
                right[j] += value.sqrt();
            }
        }
        fn diagonal(&self, tile: &Tile<'_>, rows: &mut Vec<f64>) {
            for ((i, _), value) in tile.squared().indexed_iter() {
                rows[i] += value.sqrt();
            }
        }
    }

    impl Between for RowSums {
        type Left = Vec<f64>;
        type Right = Vec<f64>;
        fn left(&self, range: Range<usize>) -> Vec<f64> {
            vec![0.0; range.len()]
        }
        fn right(&self, range: Range<usize>) -> Vec<f64> {
            vec![0.0; range.len()]
        }
        fn tile(&self, tile: &Tile<'_>, left: &mut Vec<f64>, right: &mut Vec<f64>) {
            Within::tile(self, tile, left, right);
        }
    }

    fn rows(n: usize, index: u64) -> Array2<f32> {
        let mut stream = Seed::from_u64(4).stream(index);
        Array2::from_shape_simple_fn((n, 5), || stream.normal() as f32)
    }

    fn naive(x: &Array2<f32>, y: &Array2<f32>) -> Vec<f64> {
        let distance = |a: ndarray::ArrayView1<'_, f32>, b: ndarray::ArrayView1<'_, f32>| {
            a.iter().zip(b).map(|(&a, &b)| (f64::from(a) - f64::from(b)).powi(2)).sum::<f64>().sqrt()
        };
        x.rows().into_iter().map(|a| y.rows().into_iter().map(|b| distance(a, b)).sum()).collect()
    }

    fn close(a: &[f64], b: &[f64]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-9 * b.abs().max(1.0))
    }

    #[test]
    fn every_pair_is_seen_once() {
        for n in [0, 1, 255, 256, 257, 800] {
            let x = rows(n, 0);
            let sums = Pairwise::new().within(x.view(), &RowSums).expect("valid").concat();
            assert!(close(&sums, &naive(&x, &x)), "{n}");
        }
        for (n, m) in [(3, 700), (600, 2), (513, 300), (0, 4)] {
            let (x, y) = (rows(n, 1), rows(m, 2));
            let (left, right) = Pairwise::new().between(x.view(), y.view(), &RowSums).expect("valid");
            assert!(close(&left.concat(), &naive(&x, &y)), "{n} {m}");
            assert!(close(&right.concat(), &naive(&y, &x)), "{n} {m}");
        }
    }

    #[test]
    fn thread_count_changes_no_bit() {
        let (x, y, few) = (rows(1500, 3), rows(900, 4), rows(100, 6));
        let run = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().expect("valid");
            pool.install(|| {
                let within = Pairwise::new().within(x.view(), &RowSums).expect("valid").concat();
                let (left, right) = Pairwise::new().between(x.view(), y.view(), &RowSums).expect("valid");
                let (one, many) = Pairwise::new().between(few.view(), x.view(), &RowSums).expect("valid");
                let (many_again, one_again) =
                    Pairwise::new().between(x.view(), few.view(), &RowSums).expect("valid");
                let past_one = [one, many, many_again, one_again].concat().concat();
                [within, left.concat(), right.concat(), past_one].concat()
            })
        };
        assert_eq!(run(1), run(3));
        assert_eq!(run(1), run(7));
    }

    #[test]
    fn one_block_sees_the_others_in_order() {
        struct Order;
        impl Between for Order {
            type Left = Vec<usize>;
            type Right = Vec<usize>;
            fn left(&self, _rows: Range<usize>) -> Vec<usize> {
                Vec::new()
            }
            fn right(&self, _rows: Range<usize>) -> Vec<usize> {
                Vec::new()
            }
            fn tile(&self, tile: &Tile<'_>, left: &mut Vec<usize>, right: &mut Vec<usize>) {
                left.push(tile.right().start);
                right.push(tile.left().start);
            }
        }
        let (few, many) = (rows(9, 7), rows(1000, 8));
        let (left, right) = Pairwise::new().between(few.view(), many.view(), &Order).expect("valid");
        assert_eq!((left, right), (vec![vec![0, 256, 512, 768]], vec![vec![0]; 4]));
        let (left, right) = Pairwise::new().between(many.view(), few.view(), &Order).expect("valid");
        assert_eq!((left, right), (vec![vec![0]; 4], vec![vec![0, 256, 512, 768]]));
    }

    #[test]
    fn stops_when_cancelled_and_rejects_other_widths() {
        let cancel = Cancel::new();
        cancel.cancel();
        let x = rows(10, 5);
        let pass = Pairwise::new().with_cancel(&cancel);
        assert!(matches!(pass.within(x.view(), &RowSums), Err(Error::Interrupted)));
        let narrow = Array2::<f32>::zeros((3, 2));
        let error = Pairwise::new().between(x.view(), narrow.view(), &RowSums);
        assert!(matches!(error, Err(Error::Shape { .. })));
        assert!(matches!(pass.between(x.view(), x.view(), &RowSums), Err(Error::Interrupted)));
    }

    #[test]
    fn counts_its_tiles() {
        assert_eq!(Pairwise::tiles_within(257), 3);
        assert_eq!(Pairwise::tiles_between(257, 10), 2);
        assert_eq!(Pairwise::tiles_within(0), 0);
    }
}
