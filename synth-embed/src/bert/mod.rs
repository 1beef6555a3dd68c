//! Sentence encoders of the BERT family (Devlin et al. 2019; Reimers and Gurevych 2019): MiniLM and its like.
//!
//! ```text
//! row = x / max(‖x‖, 1e-12),   x = mean of the last block's tokens, or its first token
//! ```
//!
//! Follows sentence-transformers 6.2 on transformers 5.23. Beside the weights lie `config.json`,
//! `tokenizer.json` and, where the model has them, `modules.json`, `sentence_bert_config.json`,
//! `tokenizer_config.json` and the pooling's `config.json`.

mod embedder;
mod network;
mod settings;

pub(crate) use network::is_one;

pub use embedder::{Bert, BertParams};
pub use settings::Pooling;

#[cfg(test)]
mod tests;
