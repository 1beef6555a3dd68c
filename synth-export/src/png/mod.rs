//! PNG files whose bytes are ours: quick, small, and the same on every machine and in every release.
//!
//! `codec` writes the file, `filter` predicts each byte from its neighbours, `deflate` and `huffman`
//! compress what the prediction missed.

mod codec;
mod deflate;
mod filter;
mod huffman;

pub use codec::PngCodec;
