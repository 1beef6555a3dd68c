//! What the published checkpoints call their tensors.

use crate::nn::{Names, QkvNames, Resampling};
use crate::weights::{Checkpoint, Source};

/// Whose code wrote a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// facebookresearch/dinov2.
    Meta,
    /// transformers' `Dinov2Model` and `Dinov2WithRegistersModel`.
    HuggingFace,
}

static META: Names = Names {
    top: &[
        ("class_token", "cls_token"),
        ("positions", "pos_embed"),
        ("registers", "register_tokens"),
        ("patches", "patch_embed.proj"),
    ],
    blocks: "blocks",
    parts: &[
        ("attention.output", "attn.proj"),
        ("mlp.up", "mlp.fc1"),
        ("mlp.down", "mlp.fc2"),
        ("gated.up", "mlp.w12"),
        ("gated.down", "mlp.w3"),
        ("scale1", "ls1.gamma"),
        ("scale2", "ls2.gamma"),
    ],
    qkv: QkvNames::Joined("attn.qkv"),
};

static HUGGING_FACE: Names = Names {
    top: &[
        ("class_token", "embeddings.cls_token"),
        ("positions", "embeddings.position_embeddings"),
        ("registers", "embeddings.register_tokens"),
        ("patches", "embeddings.patch_embeddings.projection"),
        ("norm", "layernorm"),
    ],
    blocks: "encoder.layer",
    parts: &[
        ("attention.output", "attention.output.dense"),
        ("mlp.up", "mlp.fc1"),
        ("mlp.down", "mlp.fc2"),
        ("gated.up", "mlp.weights_in"),
        ("gated.down", "mlp.weights_out"),
        ("scale1", "layer_scale1.lambda1"),
        ("scale2", "layer_scale2.lambda1"),
    ],
    qkv: QkvNames::Apart([
        "attention.attention.query",
        "attention.attention.key",
        "attention.attention.value",
    ]),
};

impl Layout {
    /// Told by the names; `None` if no class token has either's.
    pub(super) fn of(checkpoint: &Checkpoint) -> Option<Self> {
        let has = |layout: &Self| match layout.source("class_token") {
            Source::Tensor(name) => checkpoint.info(&name).is_some(),
            _ => false,
        };
        [Self::Meta, Self::HuggingFace].into_iter().find(has)
    }

    /// Where the checkpoint keeps what the network calls `name`.
    pub(super) fn source(self, name: &str) -> Source {
        match self {
            Self::Meta => META.source(name),
            Self::HuggingFace => HUGGING_FACE.source(name),
        }
    }

    /// How the code that goes with the names resizes the positions. Both agree for the models with
    /// registers: they widen the kernel. In the plain models Meta's code shifts the samples by an offset
    /// of 0.1 patches (`hub/backbones.py`), transformers' does not.
    pub(super) fn resampling(self, has_registers: bool) -> Resampling {
        let offset = if self == Self::Meta && !has_registers { 0.1 } else { 0.0 };
        Resampling { offset, antialias: has_registers }
    }

    /// What the identity of an embedder says of it, where it is not as transformers does it.
    pub(super) fn positions_name(self, has_registers: bool) -> String {
        match self.resampling(has_registers).offset {
            0.0 => String::new(),
            offset => format!("-offset{offset}"),
        }
    }
}
