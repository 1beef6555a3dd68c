use synth_core::{Error, Result};
use tokenizers::models::bpe::BPE;
use tokenizers::normalizers::replace::{Replace, ReplacePattern};
use tokenizers::normalizers::{self, Lowercase, NFC, NormalizerWrapper};
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::split::{Split, SplitPattern};
use tokenizers::pre_tokenizers::{PreTokenizerWrapper, sequence};
use tokenizers::processors::roberta::RobertaProcessing;
use tokenizers::{AddedToken, SplitDelimiterBehavior, Tokenizer};

use super::vocabulary::Vocabulary;
use crate::nn::Tokenize;
use crate::tokens;

pub(super) const START: &str = "<|startoftext|>";
pub(super) const END: &str = "<|endoftext|>";

/// What becomes a word: a special token, an English ending, letters, one digit, or other signs.
const WORDS: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+";

/// CLIP's byte-level BPE, as transformers' `CLIPTokenizer` builds it.
#[derive(Debug)]
pub(super) struct ClipTokenizer {
    tokenizer: Tokenizer,
    /// Which token ends a text; `None` for the highest of its numbers.
    end: Option<u32>,
}

/// What the weights say of their texts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Rows of the table of tokens.
    pub(super) vocabulary: usize,
    /// Rows of the table of positions.
    pub(super) max_tokens: usize,
    /// `eos_token_id` of `config.json`.
    pub(super) end: Option<u32>,
}

impl ClipTokenizer {
    /// Configurations from before July 2023 give 2 for the token that ends a text, which is wrong; the
    /// reference then takes the highest number.
    ///
    /// # Errors
    /// [`Error::InvalidParam`] for a vocabulary or an end that does not go with the weights.
    pub(super) fn new(vocabulary: Vocabulary, limits: Limits) -> Result<Self> {
        let path = vocabulary.path.clone();
        let numbers = [START, END].map(|token| vocabulary.tokens[token]);
        let end = limits.end.filter(|end| *end != 2);
        if let Some(other) = end.filter(|end| *end != numbers[1]) {
            let expected = format!("{}, the number of {END} in `{}`", numbers[1], path.display());
            return Err(Error::invalid("eos_token_id", expected, other));
        }
        let mut tokenizer = build(vocabulary, numbers).map_err(tokens::failed)?;
        tokens::check_fits(&tokenizer, limits.vocabulary, &path)?;
        tokens::cut(&mut tokenizer, limits.max_tokens)?;
        Ok(Self { tokenizer, end })
    }
}

impl Tokenize for ClipTokenizer {
    /// Up to the first end, behind which nothing counts.
    fn tokens(&self, text: &str) -> Result<Vec<u32>> {
        let mut numbers = tokens::encode(&self.tokenizer, text, true)?;
        let end = self.end.or_else(|| numbers.iter().max().copied());
        let own = numbers.iter().position(|number| Some(*number) == end).map_or(numbers.len(), |at| at + 1);
        numbers.truncate(own);
        Ok(numbers)
    }
}

fn build(vocabulary: Vocabulary, [start, end]: [u32; 2]) -> tokenizers::Result<Tokenizer> {
    let mut model = BPE::new(vocabulary.tokens.into_iter().collect(), vocabulary.merges);
    model.unk_token = Some(END.to_owned());
    model.end_of_word_suffix = Some("</w>".to_owned());
    let mut tokenizer = Tokenizer::new(model);
    let normal: Vec<NormalizerWrapper> = vec![
        NFC.into(),
        Replace::new(ReplacePattern::Regex(r"\s+".to_owned()), " ")?.into(),
        Lowercase.into(),
    ];
    tokenizer.with_normalizer(Some(normalizers::Sequence::new(normal)))?;
    let words = Split::new(SplitPattern::Regex(WORDS.to_owned()), SplitDelimiterBehavior::Removed, true)?;
    let words: Vec<PreTokenizerWrapper> =
        vec![words.into(), ByteLevel::default().add_prefix_space(false).use_regex(true).into()];
    tokenizer.with_pre_tokenizer(Some(sequence::Sequence::new(words)));
    let special = RobertaProcessing::new((END.to_owned(), end), (START.to_owned(), start));
    tokenizer.with_post_processor(Some(special.trim_offsets(false).add_prefix_space(false)));
    tokenizer.add_special_tokens([START, END].map(|token| AddedToken::from(token, true)))?;
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Row {
        text: String,
        transformers: Vec<u32>,
    }

    /// `tests/goldens/make_clip_tokens.py`. The vocabulary is fetched; with `SYNTH_REQUIRE_WEIGHTS=1` its
    /// absence is a failure.
    #[test]
    fn numbers_are_those_of_transformers() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folder = root.join("../data/models/clip-vocabulary");
        if !folder.is_dir() {
            let missing = "data/models/clip-vocabulary is not there: examples/fetch_models.sh fetches it";
            assert!(std::env::var("SYNTH_REQUIRE_WEIGHTS").as_deref() != Ok("1"), "{missing}");
            eprintln!("skipped: {missing}");
            return;
        }
        let vocabulary = Vocabulary::read(&folder).expect("OpenAI's");
        let limits = Limits { vocabulary: 49_408, max_tokens: 77, end: Some(2) };
        let tokenizer = ClipTokenizer::new(vocabulary, limits).expect("CLIP's");
        let goldens = std::fs::read(root.join("tests/goldens/clip_tokens.json")).expect("committed");
        let rows: Vec<Row> = serde_json::from_slice(&goldens).expect("rows");
        assert!(rows.len() > 60);
        for Row { text, transformers } in rows {
            let all = tokens::encode(&tokenizer.tokenizer, &text, true).expect("tokens");
            assert_eq!(all, transformers, "{text:?}");
            let counted = tokenizer.tokens(&text).expect("tokens");
            let end = transformers.iter().position(|number| *number == 49_407).expect("an end");
            assert_eq!(counted, transformers[..=end], "{text:?}");
        }
    }
}
