//! The three kinds of files in which CLIP's vocabulary comes.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use flate2::read::GzDecoder;
use serde::Deserialize;
use synth_core::{Error, Result};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

use super::tokenizer::{END, START};
use crate::nn::config;
use crate::whole_file;

/// The lines of OpenAI's file that are merges: their number is that of the tokens without the letters (256
/// as they are, 256 at the end of a word) and the two special ones.
const OPENAI_MERGES: usize = 49_408 - 2 * 256 - 2;

/// Most bytes of a file of merges, unpacked; that of OpenAI has 3.2 MB.
const MAX_BYTES: u64 = 64 << 20;

/// Tokens with their numbers, and which two are joined first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Vocabulary {
    pub(super) tokens: BTreeMap<String, u32>,
    pub(super) merges: Vec<(String, String)>,
    /// The file, for messages.
    pub(super) path: PathBuf,
}

/// The part of a `tokenizer.json` that differs between models.
#[derive(Deserialize)]
struct TokenizerFile {
    model: Model,
}

#[derive(Deserialize)]
struct Model {
    vocab: BTreeMap<String, u32>,
    merges: Vec<Merge>,
}

/// In the file's old form and its new one.
#[derive(Deserialize)]
#[serde(untagged)]
enum Merge {
    Line(String),
    Pair(String, String),
}

impl Vocabulary {
    /// The first that the folder has of `tokenizer.json`, `vocab.json` with `merges.txt`, and
    /// `bpe_simple_vocab_16e6.txt.gz`.
    ///
    /// # Errors
    /// [`Error::NotFound`] naming them; [`Error::Io`] and [`Error::Corrupt`] naming the file.
    pub(super) fn read(folder: &Path) -> Result<Self> {
        let found = match from_tokenizer(&folder.join("tokenizer.json"))? {
            Some(found) => Some(found),
            None => match from_two(&folder.join("vocab.json"), &folder.join("merges.txt"))? {
                Some(found) => Some(found),
                None => from_openai(&folder.join("bpe_simple_vocab_16e6.txt.gz"))?,
            },
        };
        let found = found.ok_or_else(|| Error::NotFound {
            what: "the vocabulary of the weights",
            name: format!(
                "tokenizer.json, vocab.json with merges.txt, or bpe_simple_vocab_16e6.txt.gz in {}",
                folder.display()
            ),
        })?;
        found.checked()
    }

    /// With both special tokens, and the parts and the whole of every merge.
    fn checked(self) -> Result<Self> {
        let special = [START, END].into_iter().find(|token| !self.tokens.contains_key(*token));
        if let Some(token) = special {
            return Err(corrupt(&self.path, format!("it has no token {token}: is it another model's?")));
        }
        let has = |token: &str| self.tokens.contains_key(token);
        let whole = |a: &str, b: &str| has(a) && has(b) && has(&format!("{a}{b}"));
        match self.merges.iter().find(|(a, b)| !whole(a, b)) {
            Some((a, b)) => {
                Err(corrupt(&self.path, format!("the merge of {a} and {b} is not of its tokens")))
            }
            None => Ok(self),
        }
    }
}

fn from_tokenizer(path: &Path) -> Result<Option<Vocabulary>> {
    let Some(TokenizerFile { model: Model { vocab, merges } }) = config::read(path)? else { return Ok(None) };
    let pair = |merge| match merge {
        Merge::Line(line) => pair(&line, path),
        Merge::Pair(a, b) => Ok((a, b)),
    };
    let merges = merges.into_iter().map(pair).collect::<Result<_>>()?;
    Ok(Some(Vocabulary { tokens: vocab, merges, path: path.to_owned() }))
}

fn from_two(vocab: &Path, merges: &Path) -> Result<Option<Vocabulary>> {
    let Some(tokens) = config::read(vocab)? else { return Ok(None) };
    let text =
        String::from_utf8(whole_file::read(merges, MAX_BYTES)?).map_err(|error| corrupt(merges, error))?;
    // The first line is the version.
    let lines = text.lines().skip_while(|line| line.starts_with("#version")).filter(|line| !line.is_empty());
    let merges = lines.map(|line| pair(line, merges)).collect::<Result<_>>()?;
    Ok(Some(Vocabulary { tokens, merges, path: vocab.to_owned() }))
}

/// OpenAI's numbering: letters, letters at the end of a word, merges, special tokens.
fn from_openai(path: &Path) -> Result<Option<Vocabulary>> {
    if !path.exists() {
        return Ok(None);
    }
    let file = std::fs::File::open(path).map_err(io_error(path))?;
    let mut text = String::new();
    GzDecoder::new(file).take(MAX_BYTES).read_to_string(&mut text).map_err(|error| corrupt(path, error))?;
    let merges: Vec<(String, String)> =
        text.lines().skip(1).take(OPENAI_MERGES).map(|line| pair(line, path)).collect::<Result<_>>()?;
    if merges.len() < OPENAI_MERGES {
        return Err(corrupt(path, format!("{} merges, {OPENAI_MERGES} are needed", merges.len())));
    }
    let mut letters: Vec<char> = ByteLevel::alphabet().into_iter().collect();
    letters.sort_unstable();
    let plain = letters.iter().map(char::to_string);
    let last = letters.iter().map(|letter| format!("{letter}</w>"));
    let joined = merges.iter().map(|(a, b)| format!("{a}{b}"));
    let special = [START, END].map(str::to_owned);
    let tokens = plain.chain(last).chain(joined).chain(special).zip(0..).collect();
    Ok(Some(Vocabulary { tokens, merges, path: path.to_owned() }))
}

fn pair(line: &str, path: &Path) -> Result<(String, String)> {
    match line.split_once(' ') {
        Some((a, b)) => Ok((a.to_owned(), b.trim_end().to_owned())),
        None => Err(corrupt(path, format!("the merge `{line}` is not of two tokens"))),
    }
}

fn io_error(path: &Path) -> impl FnOnce(std::io::Error) -> Error {
    move |source| Error::Io { action: "reading", path: path.display().to_string(), source }
}

fn corrupt(path: &Path, problem: impl ToString) -> Error {
    Error::Corrupt { path: path.display().to_string(), problem: problem.to_string() }
}
