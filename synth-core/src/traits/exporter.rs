use std::fmt;

use async_trait::async_trait;

use crate::{Manifest, Result, Sample};

/// A run of samples with their ids, in order; the unit of writing.
#[derive(Clone, Debug)]
pub struct Shard<T> {
    /// The shard's number.
    pub number: u64,
    /// Samples by id.
    pub samples: Vec<(String, Sample<T>)>,
}

/// Writes a dataset in one format to one target. The target is the implementor's.
///
/// Laws, each a conformance check: what is written reads back equal; writing twice gives identical
/// bytes; an existing target is honoured; a failed write leaves nothing half-made.
#[async_trait]
pub trait Exporter<T: Send + Sync + 'static>: fmt::Debug + Send + Sync {
    /// Writes all shards, then the manifest, and returns it.
    ///
    /// # Errors
    /// The first error of the iterator or of the store; nothing half-made stays behind.
    async fn export<'a>(
        &self,
        shards: Box<dyn Iterator<Item = Result<Shard<T>>> + Send + 'a>,
    ) -> Result<Manifest>;
}

/// Turns one kind of item into the bytes of a file and back.
pub trait ItemCodec<T>: fmt::Debug + Send + Sync {
    /// File extension without the dot: `png`, `jsonl`.
    fn extension(&self) -> &str;

    /// The item's bytes; the same item gives the same bytes.
    ///
    /// # Errors
    /// If the format cannot hold the item.
    fn encode(&self, item: &T) -> Result<Vec<u8>>;

    /// The item of these bytes.
    ///
    /// # Errors
    /// If the bytes are not of this format.
    fn decode(&self, bytes: &[u8]) -> Result<T>;
}
