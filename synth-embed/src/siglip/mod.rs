//! SigLIP (Zhai et al. 2023): images and texts in one space.
//!
//! [`SiglipImages`] and [`SiglipTexts`] are the two towers of one checkpoint, loaded apart so that nobody
//! holds a tower that is not used. They have one [`EmbedderId`](synth_core::EmbedderId), and their rows can
//! be compared. Rows have not length 1, as `get_image_features` and `get_text_features` of transformers
//! return them: compare them by their cosine.
//!
//! # Which reference
//! transformers 5.23, its `SiglipModel` and `SiglipTokenizer`: texts lose their capitals, ASCII punctuation
//! and superfluous white space, are cut to 64 tokens of which the last ends the text, and filled up to 64
//! with that same token; the last counts, and nothing is masked. What is written like a special token
//! (`</s>`) is text here. The tokenizer is the `tokenizer.json` beside the weights; that of SigLIP 2, a BPE,
//! is refused.

mod embedder;
mod network;
mod tokenizer;

pub(crate) use network::is_one;

pub use embedder::{SiglipImages, SiglipParams, SiglipTexts};

#[cfg(test)]
mod tests;
