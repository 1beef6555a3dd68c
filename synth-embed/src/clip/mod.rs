//! CLIP (Radford et al. 2021): images and texts in one space.
//!
//! [`ClipImages`] and [`ClipTexts`] are the two towers of one checkpoint, loaded apart so that nobody holds
//! a tower that is not used. They have one [`EmbedderId`](synth_core::EmbedderId), and their rows can be
//! compared. Rows end with the projection and have not length 1, as `get_image_features` and
//! `get_text_features` of transformers return them: compare them by their cosine.
//!
//! # Which reference
//! transformers 5.23, for checkpoints with its names and for those with OpenAI's or open_clip's, which are
//! recognised. OpenAI's own archives (`ViT-B-32.pt`) are TorchScript, which is not read; save their state
//! dict.
//!
//! Texts become tokens as in transformers' `CLIPTokenizer`: NFC, white space folded, letters lowered one by
//! one, byte-level BPE, cut to 77 tokens of which the last ends the text. OpenAI's own code besides mends
//! text that was decoded wrongly (`ftfy`) and resolves HTML entities; neither is done here, so texts with
//! `&amp;` or `â€™` become other tokens than there. The vocabulary lies beside the weights, in
//! `tokenizer.json`, `vocab.json` with `merges.txt`, or `bpe_simple_vocab_16e6.txt.gz`. It is not part of the
//! identity, which images have without it; that its numbers fit the weights is checked.

mod embedder;
mod layout;
mod network;
mod tokenizer;
mod vocabulary;

pub(crate) use layout::is_one;

pub use embedder::{ClipActivation, ClipImages, ClipParams, ClipTexts};

#[cfg(test)]
mod tests;
