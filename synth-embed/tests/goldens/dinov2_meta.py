"""DINOv2 as Meta publishes it, written out in torch from the published definition.

Source read: facebookresearch/dinov2, commit b8931f7, dinov2/models/vision_transformer.py
(interpolate_pos_encoding, prepare_tokens_with_masks, forward_features), dinov2/layers
(attention.py, block.py, mlp.py, swiglu_ffn.py) and dinov2/hub/backbones.py (the options per checkpoint).
"""
import torch
import torch.nn.functional as F


def from_transformers(state):
    """Meta's keys for the weights of a transformers checkpoint (its published key layout).

    The query, key and value matrices are stacked in that order. SwiGLU's weights_in and weights_out are
    Meta's w12 and w3 under other names.
    """
    renamed = {
        "embeddings.cls_token": "cls_token", "embeddings.mask_token": "mask_token",
        "embeddings.register_tokens": "register_tokens", "embeddings.position_embeddings": "pos_embed",
        "embeddings.patch_embeddings.projection.weight": "patch_embed.proj.weight",
        "embeddings.patch_embeddings.projection.bias": "patch_embed.proj.bias",
        "layernorm.weight": "norm.weight", "layernorm.bias": "norm.bias",
    }
    inner = {"attention.output.dense": "attn.proj", "layer_scale1.lambda1": "ls1.gamma",
             "layer_scale2.lambda1": "ls2.gamma", "mlp.weights_in": "mlp.w12", "mlp.weights_out": "mlp.w3"}
    out = {}
    for key, value in state.items():
        if key in renamed:
            out[renamed[key]] = value
            continue
        _, _, block, rest = key.split(".", 3)
        if rest.startswith("attention.attention."):
            kind = rest.rsplit(".", 1)[1]
            stem = f"encoder.layer.{block}.attention.attention"
            parts = [state[f"{stem}.{x}.{kind}"] for x in ("query", "key", "value")]
            out[f"blocks.{block}.attn.qkv.{kind}"] = torch.cat(parts)
            continue
        for old, new in inner.items():
            rest = rest.replace(old, new)
        out[f"blocks.{block}.{rest}"] = value
    return out


def position_table(pos_embed, grid, offset, antialias):
    """The table for `grid` = (rows, columns) patches: [1, 1 + rows * columns, D].

    The table is used as it is only where the grid is the trained one; 2 x 8 patches are as many as 4 x 4
    and are resized all the same.
    """
    side = int((pos_embed.shape[1] - 1) ** 0.5)
    if grid == (side, side):
        return pos_embed
    if offset:
        # torch uses these factors as given, both for the output's size and for the sampling step.
        how = {"scale_factor": tuple(float(n + offset) / side for n in grid)}
    else:
        how = {"size": grid}
    table = pos_embed[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
    table = F.interpolate(table, mode="bicubic", antialias=antialias, **how)
    assert tuple(table.shape[-2:]) == grid
    return torch.cat([pos_embed[:, :1], table.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)


def embed_patches(w, pixels, offset, antialias):
    patch = w["patch_embed.proj.weight"].shape[-1]
    x = F.conv2d(pixels, w["patch_embed.proj.weight"], w["patch_embed.proj.bias"], stride=patch)
    grid = tuple(x.shape[-2:])
    x = torch.cat([w["cls_token"].expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1)
    x = x + position_table(w["pos_embed"], grid, offset, antialias)
    if "register_tokens" in w:  # After the class token, and without a position.
        x = torch.cat([x[:, :1], w["register_tokens"].expand(len(x), -1, -1), x[:, 1:]], dim=1)
    return x


def norm(w, name, x):
    return F.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], eps=1e-6)


def linear(w, name, x):
    return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])


def attention(w, name, x, heads):
    batch, tokens, dim = x.shape
    q, k, v = linear(w, f"{name}.qkv", x).reshape(batch, tokens, 3, heads, dim // heads).permute(2, 0, 3, 1, 4)
    weights = (q * (dim // heads) ** -0.5 @ k.transpose(-2, -1)).softmax(dim=-1)
    return linear(w, f"{name}.proj", (weights @ v).transpose(1, 2).reshape(batch, tokens, dim))


def feed_forward(w, name, x):
    if f"{name}.w12.weight" in w:
        gate, value = linear(w, f"{name}.w12", x).chunk(2, dim=-1)
        return linear(w, f"{name}.w3", F.silu(gate) * value)
    return linear(w, f"{name}.fc2", F.gelu(linear(w, f"{name}.fc1", x)))


def forward(w, pixels, heads, offset, antialias):
    """All intermediate values by name, for weights `w` and `pixels` [N, 3, H, W]."""
    x = embed_patches(w, pixels, offset, antialias)
    out = {"embeddings": x}
    blocks = 1 + max(int(key.split(".")[1]) for key in w if key.startswith("blocks."))
    for i in range(blocks):
        x = x + w[f"blocks.{i}.ls1.gamma"] * attention(w, f"blocks.{i}.attn", norm(w, f"blocks.{i}.norm1", x), heads)
        x = x + w[f"blocks.{i}.ls2.gamma"] * feed_forward(w, f"blocks.{i}.mlp", norm(w, f"blocks.{i}.norm2", x))
        out[f"hidden_{i + 1}"] = x
    x = norm(w, "norm", x)
    first = 1 + (w["register_tokens"].shape[1] if "register_tokens" in w else 0)
    return out | {"class_token": x[:, 0], "register_tokens": x[:, 1:first], "patch_tokens": x[:, first:],
                  "mean_of_patches": x[:, first:].mean(dim=1)}
