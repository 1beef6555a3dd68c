//! What the text embedders ask of the crate `tokenizers`.

use std::io;
use std::path::Path;

use serde::Deserialize;
use synth_core::{Error, Result};
use tokenizers::utils::truncation::TruncationParams;
use tokenizers::{PostProcessor, Tokenizer};

use crate::whole_file;

/// Longest `tokenizer.json`; that of a vocabulary of 256,000 has 34 MB.
const MAX_BYTES: u64 = 256 << 20;

/// The part of a `tokenizer.json` that tells what kind it is.
#[derive(Deserialize)]
struct File {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// A `tokenizer.json` of one of these kinds of models, without its own cutting and filling up, and its
/// bytes. BPE cannot be one of them: the crate panics over merges that are not of its tokens.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Io`], [`Error::Corrupt`], and for another kind [`Error::Unsupported`],
/// naming the file.
pub(crate) fn read(path: &Path, kinds: &[&str]) -> Result<(Tokenizer, Vec<u8>)> {
    let bytes = whole_file::read(path, MAX_BYTES).map_err(|error| match error {
        Error::Io { path: name, source, .. } if source.kind() == io::ErrorKind::NotFound => {
            Error::NotFound { what: "the tokenizer of the weights", name }
        }
        other => other,
    })?;
    let File { model: Model { kind } } =
        serde_json::from_slice(&bytes).map_err(|error| corrupt(path, error.into()))?;
    let kind = kind.unwrap_or_else(|| "unnamed".to_owned());
    if !kinds.contains(&kind.as_str()) {
        return Err(Error::Unsupported {
            what: format!("a tokenizer of kind {kind} in `{}`", path.display()),
            reason: format!("known for this model: {}", kinds.join(", ")),
        });
    }
    let mut tokenizer = Tokenizer::from_bytes(&bytes).map_err(|error| corrupt(path, error))?;
    tokenizer.with_padding(None);
    tokenizer.with_truncation(None).map_err(|error| corrupt(path, error))?;
    Ok((tokenizer, bytes))
}

/// Has texts of more than `max_tokens`, special tokens included, cut at their end.
///
/// # Errors
/// [`Error::InvalidParam`] where that leaves no room for a text.
pub(crate) fn cut(tokenizer: &mut Tokenizer, max_tokens: usize) -> Result<()> {
    let special = tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false));
    if max_tokens <= special {
        let expected = format!("more than the {special} special tokens of every text");
        return Err(Error::invalid("max_tokens", expected, max_tokens));
    }
    let params = TruncationParams { max_length: max_tokens, ..TruncationParams::default() };
    tokenizer.with_truncation(Some(params)).map_err(failed)?;
    Ok(())
}

/// Refuses a vocabulary with numbers that a table of `rows` lacks; `path` is for the message.
pub(crate) fn check_fits(tokenizer: &Tokenizer, rows: usize, path: &Path) -> Result<()> {
    let highest = tokenizer.get_vocab(true).into_values().max().map_or(0, |number| number as usize);
    if highest < rows {
        return Ok(());
    }
    let name = format!("the vocabulary of {}", path.display());
    let got = format!("one with the number {highest}: is it another model's?");
    Err(Error::invalid(name, format!("numbered below {rows}, the rows of the table in the weights"), got))
}

/// The numbers of a text, between special tokens where `special`.
pub(crate) fn encode(tokenizer: &Tokenizer, text: &str, special: bool) -> Result<Vec<u32>> {
    let encoding = tokenizer.encode_fast(text, special).map_err(failed)?;
    Ok(encoding.get_ids().to_vec())
}

pub(crate) fn failed(error: tokenizers::Error) -> Error {
    Error::component("the tokenizer", error)
}

fn corrupt(path: &Path, error: tokenizers::Error) -> Error {
    Error::Corrupt { path: path.display().to_string(), problem: error.to_string() }
}
