//! What the text embedders ask of the crate `tokenizers`.

use std::io;
use std::path::Path;

use synth_core::{Error, Result};
use tokenizers::utils::truncation::TruncationParams;
use tokenizers::{PostProcessor, Tokenizer};

/// A `tokenizer.json` without its own cutting and filling up, and its bytes.
///
/// # Errors
/// [`Error::NotFound`], [`Error::Io`] and [`Error::Corrupt`] naming the file.
pub(crate) fn read(path: &Path) -> Result<(Tokenizer, Vec<u8>)> {
    let bytes = std::fs::read(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => {
            Error::NotFound { what: "the tokenizer of the weights", name: path.display().to_string() }
        }
        _ => Error::Io { action: "reading", path: path.display().to_string(), source },
    })?;
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
