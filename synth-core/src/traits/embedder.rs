use std::fmt;

use ndarray::Array2;

use crate::{EmbedderId, Embeddings, Error, Result};

/// Maps items to vectors whose distances mean something.
///
/// Laws, each a conformance check: row i depends on item i only, to the bit on one backend,
/// whatever the batch size and the number of threads.
pub trait Embedder<T: ?Sized>: fmt::Debug + Send + Sync {
    /// Which function this is; stored with every matrix it makes.
    fn identity(&self) -> &EmbedderId;

    /// Length of a row.
    fn dim(&self) -> usize;

    /// One row per item: `[items, dim]`, float32, finite.
    ///
    /// # Errors
    /// An item that cannot be embedded, or a device that fails.
    fn embed(&self, items: &[&T]) -> Result<Array2<f32>>;
}

/// Sugar; implemented for every [`Embedder`], never by hand.
pub trait EmbedderExt<T: ?Sized>: Embedder<T> {
    /// Embeds named items into [`Embeddings`].
    ///
    /// # Errors
    /// As [`Embedder::embed`] and [`Embeddings::new`], and if the embedder breaks its own law of
    /// one row per item.
    fn embed_named(&self, items: &[&T], ids: Vec<String>, groups: Vec<String>) -> Result<Embeddings> {
        let matrix = self.embed(items)?;
        if matrix.dim() != (items.len(), self.dim()) {
            let (expected, got) = (vec![items.len(), self.dim()], matrix.shape().to_vec());
            return Err(Error::Shape { what: "embedding matrix", expected, got });
        }
        Embeddings::new(ids, groups, matrix, self.identity().clone())
    }
}

impl<T: ?Sized, E: Embedder<T> + ?Sized> EmbedderExt<T> for E {}

macro_rules! forward {
    ($($pointer:ty),*) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: ?Sized, E: Embedder<T> + ?Sized> Embedder<T> for $pointer {
            fn identity(&self) -> &EmbedderId {
                (**self).identity()
            }

            fn dim(&self) -> usize {
                (**self).dim()
            }

            fn embed(&self, items: &[&T]) -> Result<Array2<f32>> {
                (**self).embed(items)
            }
        }
    )*};
}

forward!(&E, Box<E>, std::sync::Arc<E>);
