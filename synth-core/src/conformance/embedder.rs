//! Laws of [`Embedder`].

use ndarray::Array2;

use super::check::{on_threads, skip, suite};
use crate::Embedder;

suite! {
    ($)
    /// One `#[test]` per law of [`Embedder`](crate::Embedder).
    ///
    /// Takes a function that makes the embedder, `Fn() -> Box<dyn Embedder<T>>`, and its
    /// [`EmbedderCaps`](crate::conformance::EmbedderCaps).
    embedder, embedder_conformance {
        rows_have_the_declared_dim,
        rows_are_finite,
        rows_depend_on_their_item_only,
        thread_count_is_invisible,
        order_is_invisible,
        distinct_items_have_distinct_rows,
        constant_item_is_finite,
        empty_batch_gives_no_rows,
        identity_is_stable,
    }
}

/// Makes a fresh embedder.
pub type MakeEmbedder<T> = dyn Fn() -> Box<dyn Embedder<T>>;

/// Batch sizes at which a row must stay the same: one, a pair, an odd number, a usual micro-batch
/// and one more than it.
pub const BATCHES: [usize; 5] = [1, 2, 7, 64, 65];

/// The fixtures for an embedder's checks.
#[derive(Clone, Debug)]
pub struct EmbedderCaps<T: ?Sized> {
    /// At least two different items, all embeddable. Batches repeat them in order.
    pub items: Vec<Box<T>>,
    /// An item without any variation: one grey, the empty text.
    pub constant: Option<Box<T>>,
}

impl<T: ?Sized> EmbedderCaps<T> {
    /// These items; no constant one.
    pub fn new<I: Into<Box<T>>>(items: impl IntoIterator<Item = I>) -> Self {
        Self { items: items.into_iter().map(Into::into).collect(), constant: None }
    }

    /// The same fixtures with an item without any variation.
    #[must_use]
    pub fn with_constant(mut self, constant: impl Into<Box<T>>) -> Self {
        self.constant = Some(constant.into());
        self
    }

    fn batch(&self, size: usize) -> Vec<&T> {
        assert!(self.items.len() > 1, "the suite needs at least two items, got {}", self.items.len());
        self.items.iter().map(|item| &**item).cycle().take(size).collect()
    }

    /// Each item's row from a batch of its own, repeated in order up to `size` rows.
    fn rows_alone(&self, embedder: &dyn Embedder<T>, size: usize) -> Vec<Vec<f32>> {
        let alone: Vec<_> = self.items.iter().map(|item| rows(embedder, &[&**item]).remove(0)).collect();
        alone.iter().cycle().take(size).cloned().collect()
    }
}

fn embed<T: ?Sized>(embedder: &dyn Embedder<T>, items: &[&T]) -> Array2<f32> {
    let matrix = embedder.embed(items).expect("the suite's items must be embeddable");
    let (got, n) = (matrix.nrows(), items.len());
    assert!(got == n, "one row per item: {got} rows for {n} items");
    matrix
}

fn rows<T: ?Sized>(embedder: &dyn Embedder<T>, items: &[&T]) -> Vec<Vec<f32>> {
    embed(embedder, items).outer_iter().map(|row| row.to_vec()).collect()
}

/// The matrix is `[items, dim]`.
pub fn rows_have_the_declared_dim<T: ?Sized>(make: &MakeEmbedder<T>, caps: &EmbedderCaps<T>) {
    let embedder = make();
    let (dim, got) = (embedder.dim(), embed(&*embedder, &caps.batch(3)).ncols());
    assert!(dim > 0 && got == dim, "rows have the declared dim: {got} columns, declared {dim}");
}

/// No value is NaN or infinite.
pub fn rows_are_finite<T: ?Sized>(make: &MakeEmbedder<T>, caps: &EmbedderCaps<T>) {
    let matrix = embed(&*make(), &caps.batch(caps.items.len()));
    let bad = matrix.indexed_iter().find(|(_, value)| !value.is_finite());
    assert!(bad.is_none(), "rows are finite: {bad:?}");
}

/// A row is the same to the bit at every size in [`BATCHES`].
pub fn rows_depend_on_their_item_only<T: ?Sized>(make: &MakeEmbedder<T>, caps: &EmbedderCaps<T>) {
    let embedder = make();
    for size in BATCHES {
        let (alone, got) = (caps.rows_alone(&*embedder, size), rows(&*embedder, &caps.batch(size)));
        assert_same(&format!("a row depends on its item only (batch of {size})"), &alone, &got);
    }
}

/// A row is the same to the bit on one thread and on two.
pub fn thread_count_is_invisible<T: ?Sized + Sync>(make: &MakeEmbedder<T>, caps: &EmbedderCaps<T>) {
    let embedder = make();
    for size in [7, 65] {
        let batch = caps.batch(size);
        let [one, two] = [1, 2].map(|threads| on_threads(threads, || rows(&*embedder, &batch)));
        assert_same("the number of threads is invisible", &one, &two);
    }
}

/// Permuted items give the same rows, permuted.
pub fn order_is_invisible<T: ?Sized>(make: &MakeEmbedder<T>, caps: &EmbedderCaps<T>) {
    let embedder = make();
    let mut batch = caps.batch(7);
    let mut straight = rows(&*embedder, &batch);
    for _ in 0..2 {
        // A rotation and a reversal move every item, whatever the number of different ones.
        batch.rotate_left(3);
        batch.reverse();
        straight.rotate_left(3);
        straight.reverse();
        assert_same("the order of items is invisible", &straight, &rows(&*embedder, &batch));
    }
}

/// The suite's items, which differ, do not all get one row.
pub fn distinct_items_have_distinct_rows<T: ?Sized>(make: &MakeEmbedder<T>, caps: &EmbedderCaps<T>) {
    let rows = rows(&*make(), &caps.batch(caps.items.len()));
    assert!(rows.iter().any(|row| *row != rows[0]), "distinct items have distinct rows: all are one");
}

/// An item without any variation gives finite values (no division by a zero spread).
pub fn constant_item_is_finite<T: ?Sized>(make: &MakeEmbedder<T>, caps: &EmbedderCaps<T>) {
    let Some(constant) = &caps.constant else {
        return skip("constant_item_is_finite", "caps.constant is not given");
    };
    let row = rows(&*make(), &[&**constant]).remove(0);
    assert!(row.iter().all(|value| value.is_finite()), "a constant item is finite: {row:?}");
}

/// No items give a matrix of no rows and [`Embedder::dim`] columns.
pub fn empty_batch_gives_no_rows<T: ?Sized>(make: &MakeEmbedder<T>, _caps: &EmbedderCaps<T>) {
    let embedder = make();
    let shape = embedder.embed(&[]).map(|matrix| matrix.dim()).map_err(|error| error.to_string());
    assert!(shape == Ok((0, embedder.dim())), "an empty batch gives no rows: {shape:?}");
}

/// The identity has a name, and neither use nor making the embedder again changes it.
pub fn identity_is_stable<T: ?Sized>(make: &MakeEmbedder<T>, caps: &EmbedderCaps<T>) {
    let embedder = make();
    let before = embedder.identity().clone();
    embed(&*embedder, &caps.batch(2));
    assert!(!before.name.is_empty(), "the identity is stable: it has no name");
    for other in [embedder.identity(), make().identity()] {
        assert!(*other == before, "the identity is stable: {before} became {other}");
    }
}

fn assert_same(law: &str, expected: &[Vec<f32>], got: &[Vec<f32>]) {
    for (row, (expected, got)) in expected.iter().zip(got).enumerate() {
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
        let (expected, got) = (bits(expected), bits(got));
        let column = expected.iter().zip(&got).position(|(a, b)| a != b);
        assert!(expected == got, "{law}: row {row} differs, first at column {column:?}");
    }
}
