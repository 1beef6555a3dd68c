use std::path::Path;

use synth_core::{Error, Result};
use tokenizers::Tokenizer;

use crate::nn::Tokenize;
use crate::tokens;

/// Ends a text and fills it up.
const END: &str = "</s>";

/// SigLIP's unigram tokenizer behind its canonical form of texts.
#[derive(Debug)]
pub(super) struct SiglipTokenizer {
    tokenizer: Tokenizer,
    end: u32,
    /// Numbers of every text.
    length: usize,
}

impl SiglipTokenizer {
    /// The `tokenizer.json` of a folder, for a table of `vocabulary` rows.
    ///
    /// # Errors
    /// Those of [`tokens::read`]; [`Error::Corrupt`] for a vocabulary without the end,
    /// [`Error::InvalidParam`] for a vocabulary of more numbers than the table has rows.
    pub(super) fn read(folder: &Path, vocabulary: usize, length: usize) -> Result<Self> {
        let path = folder.join("tokenizer.json");
        // SigLIP 2 has a BPE.
        let (tokenizer, _) = tokens::read(&path, &["Unigram"])?;
        let end = tokenizer.token_to_id(END).ok_or_else(|| Error::Corrupt {
            path: path.display().to_string(),
            problem: format!("it has no token {END}: is it another model's?"),
        })?;
        tokens::check_fits(&tokenizer, vocabulary, &path)?;
        Ok(Self { tokenizer, end, length })
    }
}

impl Tokenize for SiglipTokenizer {
    fn tokens(&self, text: &str) -> Result<Vec<u32>> {
        let mut numbers = tokens::encode(&self.tokenizer, &canonical(text), false)?;
        numbers.truncate(self.length - 1);
        numbers.resize(self.length, self.end);
        Ok(numbers)
    }
}

/// Lower case, without ASCII punctuation, white space as single blanks between words
/// (`SiglipTokenizer.canonicalize_text`). U+2581 is SentencePiece's blank.
fn canonical(text: &str) -> String {
    let text = text.to_lowercase();
    let kept: String = text.chars().filter(|letter| !letter.is_ascii_punctuation()).collect();
    let words = kept.split(|letter| letter == '\u{2581}' || is_python_space(letter));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Python counts four separators of ASCII among white space that Unicode does not.
fn is_python_space(letter: char) -> bool {
    letter.is_whitespace() || ('\u{1c}'..='\u{1f}').contains(&letter)
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Row {
        text: String,
        numbers: Vec<u32>,
    }

    /// `tests/goldens/make_siglip_tokens.py`.
    #[test]
    fn numbers_are_those_of_transformers() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/goldens/siglip_tokens");
        let tokenizer = SiglipTokenizer::read(&folder, 300, 64).expect("SigLIP's");
        let rows = std::fs::read(folder.join("tokens.json")).expect("committed");
        let rows: Vec<Row> = serde_json::from_slice(&rows).expect("rows");
        assert!(rows.len() > 30);
        for Row { text, mut numbers } in rows {
            numbers.resize(64, 1);
            assert_eq!(tokenizer.tokens(&text).expect("tokens"), numbers, "{text:?}");
        }
    }
}
