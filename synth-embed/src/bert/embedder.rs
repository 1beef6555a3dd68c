use std::path::Path;

use burn::tensor::{Device, Tensor};
use ndarray::Array2;
use serde::{Deserialize, Serialize};
use synth_core::{Embedder, EmbedderId, Error, Result};
use tokenizers::Tokenizer;
use tokenizers::normalizers::{Lowercase, Sequence};

use super::network::{Architecture, Config, Network, is_one, source};
use super::settings::{Pooling, Settings};
use crate::Precision;
use crate::nn::{self, TextNetwork, Threads, Tokenize, Tokens};
use crate::tokens;
use crate::weights::{Checkpoint, Loader, Weights};

/// Of what the parameters do not say. Raised with the numbers.
const VERSION: &str = "1";

/// MiniLM's tokenizer, plain words, and that of multilingual models.
const KINDS: [&str; 3] = ["WordPiece", "WordLevel", "Unigram"];

/// Parameters of [`Bert`]; `None` stands for what the files beside the weights say.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BertParams {
    /// Which tokens make a row. `None`: as `modules.json` and the pooling's `config.json` say, else the
    /// mean.
    pub pooling: Option<Pooling>,
    /// Whether rows have length 1. `None`: as `modules.json` says, else they do.
    pub normalized: Option<bool>,
    /// Tokens after which a text is cut, special ones included. Range: 3 to the rows of the table of
    /// positions. `None`: `max_seq_length` of `sentence_bert_config.json`, else `model_max_length` of
    /// `tokenizer_config.json`, else that table's rows.
    pub max_tokens: Option<usize>,
    /// Of the products in the blocks; half precision needs a graphics device that computes in it.
    pub precision: Precision,
}

/// A sentence encoder of the BERT family, such as all-MiniLM-L6-v2.
///
/// # Shapes
/// Any texts to `[items, dim]`; `dim` is that of the checkpoint (384 for MiniLM). A text too long is cut at
/// its end; the empty text has a row as well.
///
/// # Examples
/// ```no_run
/// use burn::tensor::Device;
/// use synth_core::Embedder;
/// use synth_embed::bert::BertParams;
///
/// let model = BertParams::default().load("data/models/minilm-l6-v2", &Device::default())?;
/// let rows = model.embed(&["The cat sits on the mat.", "A feline rests on a rug."])?;
/// assert_eq!(rows.dim(), (2, 384));
/// # Ok::<(), synth_core::Error>(())
/// ```
#[derive(Debug)]
pub struct Bert {
    id: EmbedderId,
    network: Pooled,
    tokenizer: Words,
    device: Device,
}

#[derive(Debug)]
struct Pooled {
    network: Network,
    of: Architecture,
    pooling: Pooling,
    normalized: bool,
    max_tokens: usize,
}

#[derive(Debug)]
struct Words(Tokenizer);

impl BertParams {
    /// The same with this [`pooling`](Self::pooling).
    #[must_use]
    pub fn with_pooling(mut self, pooling: Pooling) -> Self {
        self.pooling = Some(pooling);
        self
    }

    /// The same with [`normalized`](Self::normalized) rows or not.
    #[must_use]
    pub fn with_normalized(mut self, normalized: bool) -> Self {
        self.normalized = Some(normalized);
        self
    }

    /// The same with this limit of [`max_tokens`](Self::max_tokens).
    #[must_use]
    pub fn with_max_tokens(mut self, max_tokens: usize) -> Self {
        self.max_tokens = Some(max_tokens);
        self
    }

    /// The same in this [`precision`](Self::precision).
    #[must_use]
    pub fn with_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Loads a checkpoint with transformers' names, a file or folder as [`Checkpoint::open`] takes it, and
    /// the `tokenizer.json` beside it.
    ///
    /// # Errors
    /// [`Error::NotFound`] without a `tokenizer.json`; [`Error::Unsupported`] if weights or `config.json`
    /// are no BERT's, if a module of sentence-transformers is not known, or if the device lacks the
    /// precision; [`Error::InvalidParam`] for a
    /// parameter, a `config.json` or a vocabulary that does not go with the weights, or listing every
    /// tensor that is missing, misshapen or unknown; what [`Checkpoint::open`] returns.
    pub fn load(&self, path: impl AsRef<Path>, device: &Device) -> Result<Bert> {
        let precision = self.precision.on(device)?;
        let checkpoint = Checkpoint::open(path)?;
        if !is_one(&checkpoint) {
            return Err(Error::Unsupported {
                what: format!("{}", checkpoint.path().display()),
                reason: "no tensor is named `embeddings.word_embeddings.weight`, as in every BERT".into(),
            });
        }
        let config: Config = nn::config::beside(checkpoint.path())?.unwrap_or_default();
        let folder = checkpoint.path().parent().unwrap_or(Path::new(""));
        let settings = self.settings(folder)?;
        let loader = Loader::new(&checkpoint)
            .with_layout(source)
            .ignoring(|name| name.starts_with("pooler.") || name.starts_with("cls."));
        let loaded = loader.load(|weights: &mut Weights<'_>| {
            let mut of = Architecture::of(weights, &config)?;
            of.blocks.precision = precision;
            let positions = of.table.positions;
            let max_tokens = settings.max_tokens.unwrap_or(positions);
            if max_tokens > positions {
                let expected = format!("at most {positions}, the positions in the weights");
                return Err(Error::invalid("max_tokens", expected, max_tokens));
            }
            let network = Network::load(weights, of, device)?;
            let Settings { pooling, normalized, .. } = settings;
            Ok(Pooled { network, of, pooling, normalized, max_tokens })
        })?;
        let network = loaded.model;
        let (tokenizer, hash) = Words::read(folder, &network, settings.lower_case)?;
        let case = if settings.lower_case { "lower-" } else { "" };
        let id = EmbedderId {
            name: network.name(),
            weights: Some(loaded.hash.to_string()),
            preprocessing: format!("{case}tokenizer{hash:.12}-cut{}-{VERSION}", network.max_tokens),
        };
        Ok(Bert { id, network, tokenizer, device: device.clone() })
    }

    fn settings(&self, folder: &Path) -> Result<Settings> {
        let found = Settings::read(folder)?;
        Ok(Settings {
            pooling: self.pooling.unwrap_or(found.pooling),
            normalized: self.normalized.unwrap_or(found.normalized),
            max_tokens: self.max_tokens.or(found.max_tokens),
            lower_case: found.lower_case,
        })
    }
}

impl Words {
    /// With 64 hexadecimal digits that tell its file from others.
    fn read(folder: &Path, network: &Pooled, lower_case: bool) -> Result<(Self, String)> {
        let path = folder.join("tokenizer.json");
        let (mut tokenizer, bytes) = tokens::read(&path, &KINDS)?;
        tokens::check_fits(&tokenizer, network.of.table.vocabulary, &path)?;
        tokens::cut(&mut tokenizer, network.max_tokens)?;
        if lower_case {
            let mut all = vec![Lowercase.into()];
            all.extend(tokenizer.get_normalizer().cloned());
            tokenizer.with_normalizer(Some(Sequence::new(all))).map_err(tokens::failed)?;
        }
        Ok((Self(tokenizer), blake3::hash(&bytes).to_string()))
    }
}

impl Tokenize for Words {
    fn tokens(&self, text: &str) -> Result<Vec<u32>> {
        let numbers = tokens::encode(&self.0, text, true)?;
        if numbers.is_empty() {
            let reason = "the tokenizer makes nothing of it, and adds no special token".into();
            return Err(Error::Unsupported { what: format!("the text {text:?}"), reason });
        }
        Ok(numbers)
    }
}

impl Embedder<str> for Bert {
    fn identity(&self) -> &EmbedderId {
        &self.id
    }

    fn dim(&self) -> usize {
        self.network.dim()
    }

    fn embed(&self, items: &[&str]) -> Result<Array2<f32>> {
        nn::embed_texts(&self.network, &self.tokenizer, &self.device, items)
    }
}

impl Pooled {
    /// Layers and width, as Google names its small models on the hub, with what differs from a normalised
    /// mean after it.
    fn name(&self) -> String {
        let pooling = match self.pooling {
            Pooling::Mean => "",
            Pooling::Cls => ":cls",
        };
        let length = if self.normalized { "" } else { ":unnormalized" };
        let (layers, precision) = (self.of.blocks.count, self.of.blocks.precision.suffix());
        format!("bert_l{layers}_h{}{pooling}{length}{precision}", self.of.table.dim)
    }
}

impl TextNetwork for Pooled {
    fn dim(&self) -> usize {
        self.of.table.dim
    }

    fn max_tokens(&self) -> usize {
        self.max_tokens
    }

    fn forward(&self, tokens: &Tokens, threads: Threads) -> Tensor<2> {
        let x = self.network.forward(tokens, threads);
        let pooled = match self.pooling {
            Pooling::Mean => tokens.mean(x),
            Pooling::Cls => x.narrow(1, 0, 1),
        };
        let rows = pooled.reshape([tokens.batch(), self.dim()]);
        if !self.normalized {
            return rows;
        }
        let lengths = rows.clone().square().sum_dim(1).sqrt().clamp_min(1e-12);
        rows / lengths
    }
}
