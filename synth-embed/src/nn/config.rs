use std::io;
use std::path::Path;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use synth_core::{Error, Result};

use super::load::Blocks;
use super::{Activation, NormOrder, shapes};
use crate::Precision;
use crate::weights::Weights;
use crate::whole_file;

/// Longest file of settings or vocabulary; those of published models have at most a few megabytes.
const MAX_BYTES: u64 = 64 << 20;

/// The part of a `config.json` that describes a stack of blocks.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct StackConfig {
    pub(crate) hidden_size: Option<usize>,
    pub(crate) num_attention_heads: Option<usize>,
    pub(crate) hidden_act: Option<String>,
    pub(crate) layer_norm_eps: Option<f64>,
}

/// What a family's stacks are like where `config.json` is silent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual {
    /// For messages.
    pub(crate) model: &'static str,
    /// Dimensions of a head; `None` where `config.json` must tell.
    pub(crate) head_dim: Option<usize>,
    pub(crate) activation: Activation,
    pub(crate) order: NormOrder,
    pub(crate) epsilon: f64,
}

impl StackConfig {
    /// The stack below `{prefix}blocks`, of `dim` dimensions.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for shapes of no such model or another activation, [`Error::InvalidParam`]
    /// for numbers that contradict the weights.
    pub(crate) fn blocks(
        &self,
        weights: &Weights<'_>,
        prefix: &str,
        dim: usize,
        usual: Usual,
    ) -> Result<Blocks> {
        let [hidden, _] = shapes::matrix(weights, &format!("{prefix}blocks.0.mlp.up.weight"), usual.model)?;
        shapes::agree("hidden_size", self.hidden_size, dim)?;
        let by_width = usual.head_dim.map(|head_dim| dim / head_dim);
        let heads = self.num_attention_heads.or(by_width).ok_or_else(|| {
            Error::invalid("num_attention_heads", "in the `config.json` beside the weights", "nothing")
        })?;
        let activation = self.hidden_act.as_deref().map_or(Ok(usual.activation), Activation::named)?;
        Ok(Blocks {
            count: shapes::count_blocks(weights, prefix),
            dim,
            heads: shapes::heads(heads, dim)?,
            hidden,
            activation: Some(activation),
            scaled: false,
            order: usual.order,
            epsilon: self.layer_norm_eps.unwrap_or(usual.epsilon),
            precision: Precision::Float32,
        })
    }
}

/// What the `config.json` beside the weights says, if there is one.
///
/// # Errors
/// [`Error::Io`] and [`Error::Corrupt`] naming the file.
pub(crate) fn beside<C: DeserializeOwned>(weights: &Path) -> Result<Option<C>> {
    read(&weights.with_file_name("config.json"))
}

/// What a JSON file says, if there is one.
///
/// # Errors
/// As [`beside`].
pub(crate) fn read<C: DeserializeOwned>(path: &Path) -> Result<Option<C>> {
    let text = match whole_file::read(path, MAX_BYTES) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text?,
    };
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| Error::Corrupt { path: path.display().to_string(), problem: error.to_string() })
}
