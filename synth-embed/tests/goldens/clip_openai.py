"""CLIP's two towers as OpenAI publishes them, written out in torch from the published definition.

Source read: openai/CLIP, commit 0845fc4, clip/model.py (VisionTransformer, ResidualAttentionBlock,
CLIP.encode_text, build_attention_mask, convert_weights).
"""
import torch
import torch.nn.functional as F

BLOCK = {"layer_norm1": "ln_1", "layer_norm2": "ln_2", "mlp.fc1": "mlp.c_fc", "mlp.fc2": "mlp.c_proj",
         "self_attn.out_proj": "attn.out_proj"}
HALF = ("conv1.weight", "in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias", "c_fc.weight",
        "c_fc.bias", "c_proj.weight", "c_proj.bias", "visual.proj", "text_projection")


def from_transformers(state):
    """OpenAI's keys and disk types for the weights of a transformers checkpoint.

    Query, key and value are stacked in that order; the two projections are stored transposed,
    [width, dim]. The products' matrices are float16, as in the published files; the embeddings and the
    norms float32.
    """
    out = {"visual.proj": state["visual_projection.weight"].T, "text_projection": state["text_projection.weight"].T,
           "logit_scale": state["logit_scale"]}
    for old, new in (("vision_model", "visual."), ("text_model", "")):
        tower = {key.removeprefix(f"{old}."): value for key, value in state.items() if key.startswith(f"{old}.")}
        out |= {f"{new}{key}": value for key, value in transformer(tower).items()}
    renamed = {
        "vision_model.embeddings.class_embedding": "visual.class_embedding",
        "vision_model.embeddings.patch_embedding.weight": "visual.conv1.weight",
        "vision_model.embeddings.position_embedding.weight": "visual.positional_embedding",
        "vision_model.pre_layrnorm.weight": "visual.ln_pre.weight",
        "vision_model.pre_layrnorm.bias": "visual.ln_pre.bias",
        "vision_model.post_layernorm.weight": "visual.ln_post.weight",
        "vision_model.post_layernorm.bias": "visual.ln_post.bias",
        "text_model.embeddings.token_embedding.weight": "token_embedding.weight",
        "text_model.embeddings.position_embedding.weight": "positional_embedding",
        "text_model.final_layer_norm.weight": "ln_final.weight",
        "text_model.final_layer_norm.bias": "ln_final.bias",
    }
    out |= {new: state[old] for old, new in renamed.items()}
    return {key: value.half() if key.endswith(HALF) else value for key, value in out.items()}


def transformer(tower):
    out = {}
    for key, value in tower.items():
        if not key.startswith("encoder.layers."):
            continue
        block, rest = key.removeprefix("encoder.layers.").split(".", 1)
        if rest.startswith("self_attn.") and "out_proj" not in rest:
            kind = rest.rsplit(".", 1)[1]
            parts = [tower[f"encoder.layers.{block}.self_attn.{x}_proj.{kind}"] for x in "qkv"]
            out[f"transformer.resblocks.{block}.attn.in_proj_{kind}"] = torch.cat(parts)
            continue
        for old, new in BLOCK.items():
            rest = rest.replace(old, new)
        out[f"transformer.resblocks.{block}.{rest}"] = value
    return out


def norm(w, name, x):
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-5)


def linear(w, name, x):
    return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])


def attention(w, name, x, heads, mask):
    batch, tokens, dim = x.shape
    qkv = F.linear(x, w[f"{name}.in_proj_weight"], w[f"{name}.in_proj_bias"])
    q, k, v = qkv.reshape(batch, tokens, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
    weights = (q * (dim // heads) ** -0.5 @ k.transpose(-2, -1) + mask).softmax(dim=-1)
    return linear(w, f"{name}.out_proj", (weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


def blocks(w, name, x, heads, mask):
    i = 0
    while f"{name}.{i}.ln_1.weight" in w:
        x = x + attention(w, f"{name}.{i}.attn", norm(w, f"{name}.{i}.ln_1", x), heads, mask)
        hidden = linear(w, f"{name}.{i}.mlp.c_fc", norm(w, f"{name}.{i}.ln_2", x))
        x = x + linear(w, f"{name}.{i}.mlp.c_proj", hidden * torch.sigmoid(1.702 * hidden))
        i += 1
    return x


def encode_image(w, pixels, heads):
    """[N, 3, S, S] to [N, dim], not normalised."""
    x = F.conv2d(pixels, w["visual.conv1.weight"], stride=w["visual.conv1.weight"].shape[-1])
    x = torch.cat([w["visual.class_embedding"].expand(len(x), 1, -1), x.flatten(2).transpose(1, 2)], dim=1)
    x = norm(w, "visual.ln_pre", x + w["visual.positional_embedding"])
    x = blocks(w, "visual.transformer.resblocks", x, heads, mask=0.0)
    return norm(w, "visual.ln_post", x[:, 0]) @ w["visual.proj"]


def encode_text(w, ids, heads):
    """[N, T] token ids to [N, dim], not normalised: the state at the first place of the highest id."""
    x = w["token_embedding.weight"][ids] + w["positional_embedding"][: ids.shape[1]]
    causal = torch.full((ids.shape[1], ids.shape[1]), float("-inf")).triu(1)
    x = norm(w, "ln_final", blocks(w, "transformer.resblocks", x, heads, causal))
    return x[torch.arange(len(ids)), ids.argmax(dim=-1)] @ w["text_projection"]
