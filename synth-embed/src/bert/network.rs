use burn::tensor::{Device, Tensor};
use serde::Deserialize;
use synth_core::{Error, Result};

use crate::nn::config::{StackConfig, Usual};
use crate::nn::load::{self, Blocks};
use crate::nn::{
    Activation, Block, LayerNorm, Names, NormOrder, QkvNames, TableShape, Threads, TokenTable, Tokens, shapes,
};
use crate::weights::{Checkpoint, Source, Weights};

/// transformers' `BertModel`.
static NAMES: Names = Names {
    top: &[
        ("tokens", "embeddings.word_embeddings"),
        ("positions", "embeddings.position_embeddings.weight"),
        ("types", "embeddings.token_type_embeddings.weight"),
        ("norm", "embeddings.LayerNorm"),
    ],
    blocks: "encoder.layer",
    parts: &[
        ("attention.output", "attention.output.dense"),
        ("norm1", "attention.output.LayerNorm"),
        ("mlp.up", "intermediate.dense"),
        ("mlp.down", "output.dense"),
        ("norm2", "output.LayerNorm"),
    ],
    qkv: QkvNames::Apart(["attention.self.query", "attention.self.key", "attention.self.value"]),
};

/// Where a checkpoint keeps what the network calls `name`.
pub(super) fn source(name: &str) -> Source {
    NAMES.source(name)
}

/// Whether a checkpoint has the tensor by which the family is told.
pub(crate) fn is_one(checkpoint: &Checkpoint) -> bool {
    checkpoint.info("embeddings.word_embeddings.weight").is_some()
}

/// The part of `config.json` that is read.
#[derive(Clone, Debug, Default, Deserialize)]
pub(super) struct Config {
    model_type: Option<String>,
    position_embedding_type: Option<String>,
    #[serde(flatten)]
    stack: StackConfig,
}

const USUAL: Usual = Usual {
    model: "BERT",
    head_dim: None,
    activation: Activation::Gelu,
    order: NormOrder::After,
    epsilon: 1e-12,
};

/// The numbers of a checkpoint.
#[derive(Clone, Copy, Debug)]
pub(super) struct Architecture {
    pub(super) table: TableShape,
    /// Rows of the table of segments.
    types: usize,
    pub(super) blocks: Blocks,
}

impl Architecture {
    /// From the shapes and `config.json`.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for shapes of no BERT or a `config.json` of another model,
    /// [`Error::InvalidParam`] for numbers that do not go with the weights.
    pub(super) fn of(weights: &Weights<'_>, config: &Config) -> Result<Self> {
        config.check_kind()?;
        let matrix = |name| shapes::matrix(weights, name, USUAL.model);
        let [vocabulary, dim] = matrix("tokens.weight")?;
        let [positions, _] = matrix("positions")?;
        let [types, _] = matrix("types")?;
        let blocks = config.stack.blocks(weights, "", dim, USUAL)?;
        Ok(Self { table: TableShape { vocabulary, positions, dim }, types, blocks })
    }
}

impl Config {
    fn check_kind(&self) -> Result<()> {
        let unsupported =
            |what: String, reason: &str| Err(Error::Unsupported { what, reason: reason.to_owned() });
        match (self.model_type.as_deref(), self.position_embedding_type.as_deref()) {
            (Some(other), _) if other != "bert" => {
                unsupported(format!("`model_type` {other} in `config.json`"), "here it must be bert")
            }
            (_, Some(other)) if other != "absolute" => unsupported(
                format!("`position_embedding_type` {other} in `config.json`"),
                "only absolute positions are known",
            ),
            _ => Ok(()),
        }
    }
}

/// BERT's encoder.
///
/// Devlin et al. 2019, "BERT: Pre-training of deep bidirectional transformers for language
/// understanding". All tokens are of the first segment.
#[derive(Clone, Debug)]
pub(super) struct Network {
    table: TokenTable,
    norm: LayerNorm,
    blocks: Vec<Block>,
}

impl Network {
    pub(super) fn load(weights: &mut Weights<'_>, of: Architecture, device: &Device) -> Result<Self> {
        let dim = of.table.dim;
        let types = load::values(weights, "types", &[of.types, dim])?;
        Ok(Self {
            table: TokenTable::load(weights, "", of.table, Some(&types[..dim]), device)?,
            norm: load::layer_norm(weights, "norm", dim, of.blocks.epsilon, device)?,
            blocks: of.blocks.load(weights, "", device)?,
        })
    }

    /// The last block's tokens, `[batch, rows, dim]`.
    pub(super) fn forward(&self, tokens: &Tokens, threads: Threads) -> Tensor<3> {
        let sight = tokens.sight(&self.table.device());
        let x = self.norm.forward(self.table.forward(tokens));
        self.blocks.iter().fold(x, |x, block| block.forward(x, &sight, threads))
    }
}
