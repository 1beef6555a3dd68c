//! What the published checkpoints call their tensors.

use crate::nn::{CLIP_LAYER, CLIP_LAYER_QKV, Names, QkvNames};
use crate::weights::{Checkpoint, Source};

/// Whose code wrote a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Layout {
    /// openai/CLIP and open_clip.
    OpenAi,
    /// transformers' `CLIPModel`.
    HuggingFace,
}

static OPENAI_IMAGES: Names = Names {
    top: &[
        ("class_token", "visual.class_embedding"),
        ("positions", "visual.positional_embedding"),
        ("patches", "visual.conv1"),
        ("first_norm", "visual.ln_pre"),
        ("norm", "visual.ln_post"),
        ("projection.weight", "visual.proj"),
    ],
    blocks: "visual.transformer.resblocks",
    parts: OPENAI_LAYER,
    qkv: QkvNames::JoinedByTorch("attn.in_proj"),
};

static OPENAI_TEXTS: Names = Names {
    top: &[
        ("tokens", "token_embedding"),
        ("positions", "positional_embedding"),
        ("norm", "ln_final"),
        ("projection.weight", "text_projection"),
    ],
    blocks: "transformer.resblocks",
    parts: OPENAI_LAYER,
    qkv: QkvNames::JoinedByTorch("attn.in_proj"),
};

const OPENAI_LAYER: &[(&str, &str)] = &[
    ("attention.output", "attn.out_proj"),
    ("norm1", "ln_1"),
    ("norm2", "ln_2"),
    ("mlp.up", "mlp.c_fc"),
    ("mlp.down", "mlp.c_proj"),
];

static HUGGING_FACE_IMAGES: Names = Names {
    top: &[
        ("class_token", "vision_model.embeddings.class_embedding"),
        ("positions", "vision_model.embeddings.position_embedding.weight"),
        ("patches", "vision_model.embeddings.patch_embedding"),
        // So spelt in every checkpoint.
        ("first_norm", "vision_model.pre_layrnorm"),
        ("norm", "vision_model.post_layernorm"),
        ("projection", "visual_projection"),
    ],
    blocks: "vision_model.encoder.layers",
    parts: CLIP_LAYER,
    qkv: CLIP_LAYER_QKV,
};

static HUGGING_FACE_TEXTS: Names = Names {
    top: &[
        ("tokens", "text_model.embeddings.token_embedding"),
        ("positions", "text_model.embeddings.position_embedding.weight"),
        ("norm", "text_model.final_layer_norm"),
        ("projection", "text_projection"),
    ],
    blocks: "text_model.encoder.layers",
    parts: CLIP_LAYER,
    qkv: CLIP_LAYER_QKV,
};

/// Whether a checkpoint has the tensor by which the family is told.
pub(crate) fn is_one(checkpoint: &Checkpoint) -> bool {
    Layout::of(checkpoint).is_some()
}

impl Layout {
    /// Told by the names; `None` if no class token has either's.
    pub(super) fn of(checkpoint: &Checkpoint) -> Option<Self> {
        let has = |layout: &Self| match layout.source("image.class_token") {
            Source::Tensor(name) => checkpoint.info(&name).is_some(),
            _ => false,
        };
        [Self::OpenAi, Self::HuggingFace].into_iter().find(has)
    }

    /// Where the checkpoint keeps what the towers call `image.…` and `text.…`. OpenAI multiplies by its
    /// projections from the right.
    pub(super) fn source(self, name: &str) -> Source {
        let (names, name) = match (self, name.strip_prefix("image.")) {
            (Self::OpenAi, Some(name)) => (&OPENAI_IMAGES, name),
            (Self::OpenAi, None) => (&OPENAI_TEXTS, name.trim_start_matches("text.")),
            (Self::HuggingFace, Some(name)) => (&HUGGING_FACE_IMAGES, name),
            (Self::HuggingFace, None) => (&HUGGING_FACE_TEXTS, name.trim_start_matches("text.")),
        };
        match names.source(name) {
            Source::Tensor(found) if self == Self::OpenAi && name == "projection.weight" => {
                Source::transposed(found)
            }
            source => source,
        }
    }
}
