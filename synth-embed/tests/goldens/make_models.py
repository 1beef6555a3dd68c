"""Writes models/: tiny networks with random weights, and what the reference implementations make of them.

    python synth-embed/tests/goldens/make_models.py             all of them
    python synth-embed/tests/goldens/make_models.py clip bert   some of them

Run with torch 2.15.0, transformers 5.23.0, safetensors 0.8.0 and NumPy 2.4.6, on a CPU in float32.
Deterministic: the weights and inputs come from NumPy's PCG64 with a seed per golden. Each folder holds
`config.json`, `model.safetensors` (the weights) and `io.safetensors` (inputs and outputs).

Position tables of DINOv2 at a grid other than the trained one
--------------------------------------------------------------
All resize the patches' part of the table bicubically with half-pixel centres (align_corners false) in
float32, and leave the class token's row alone. They differ in three things:

                                      sampling step along an axis      antialias   cubic's A
  Meta, plain checkpoints             trained / (n + 0.1)              no          -0.75
  transformers, Dinov2Model           trained / n                      no          -0.75
  Meta, checkpoints with registers    trained / n                      yes         -0.5
  transformers, Dinov2WithRegisters   trained / n                      yes         -0.5

where n is the number of patches along the axis and `trained` that of the table (37 in the published
checkpoints, 4 here). So Meta's own code and transformers agree on the models with registers and differ on
the plain ones: Meta passes `scale_factor=(n + interpolate_offset) / trained` with an offset of 0.1
(facebookresearch/dinov2, vision_transformer.py and hub/backbones.py), and torch samples at
`(i + 0.5) * trained / (n + 0.1) - 0.5`; transformers passes `size`. Without antialias torch takes 4 taps
with A = -0.75 and repeats the border; with antialias it follows Pillow: A = -0.5, the kernel widened by
the step where that is above 1, taps outside the table dropped and the weights normalised to sum 1.

Both skip the resize only where the grid is the trained one: 2 x 8 patches, as many as 4 x 4, are resized.

The folders `dinov2`, `dinov2_registers` and `dinov2_swiglu` hold transformers' key layout and transformers'
outputs; `dinov2_meta`, `dinov2_registers_meta` and `dinov2_swiglu_meta` the same weights in Meta's key
layout with the outputs of Meta's formula (dinov2_meta.py). Meta's checkpoints carry no config.json and
their heads are width / 64; here the heads are smaller, and config.json tells their number. The weights of
`dinov2_swiglu_meta` are bfloat16 on disk (`dinov2_swiglu` has the same rounded values in float32).

The inputs are in `dinov2_images.safetensors`, `pixels_u8.HxW` [N, H, W, 3]; the networks get
`(pixels / 255 - mean) / std` with ImageNet's mean and std, as `pixel_values.42x42` [N, 3, H, W] shows. The
outputs are `HxW.NAME`: `embeddings` (what enters the first block), `hidden_1`, `hidden_2` (what leaves each
block), and after the last norm `class_token`, `register_tokens`, `patch_tokens`, `mean_of_patches`.
"""
import json
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize
from transformers import (BertConfig, BertModel, CLIPConfig, CLIPModel, Dinov2Config, Dinov2Model,
                          Dinov2WithRegistersConfig, Dinov2WithRegistersModel, SiglipConfig, SiglipModel)

import clip_openai
import dinov2_meta

MODELS = Path(__file__).parent / "models"
SEED = 20261121
OPENAI = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
SIDES = {"56x56": (2, 56, 56), "42x42": (1, 42, 42), "70x84": (1, 70, 84), "28x112": (1, 28, 112)}

DINOV2 = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 56,
          "patch_size": 14, "attn_implementation": "eager"}


def generator(name):
    return np.random.default_rng([SEED, zlib.crc32(name.encode())])


def randomize(model, name):
    """Weights large enough that every part of the network shows in the output."""
    rng = generator(name)
    with torch.no_grad():
        for key, tensor in sorted(model.named_parameters()):
            values = torch.from_numpy(rng.standard_normal(tuple(tensor.shape), dtype=np.float32))
            is_norm = tensor.ndim == 1 and key.endswith("weight")
            if is_norm or "lambda" in key:
                tensor.copy_(1 + 0.2 * values)
            elif tensor.ndim < 2:
                tensor.copy_(0.2 * values)
            elif "embed" in key and tensor.ndim < 4 or "token" in key or "probe" in key:
                tensor.copy_(0.5 * values)
            else:
                tensor.copy_(values * 1.2 / tensor[0].numel() ** 0.5)
    return model.eval().requires_grad_(False)


def normalized(pixels, mean, std):
    """[N, H, W, 3] in 0..255 to [N, 3, H, W]."""
    mean, std = (torch.tensor(values).view(3, 1, 1) for values in (mean, std))
    return (pixels.permute(0, 3, 1, 2).float() / 255 - mean) / std


def images(name, count, height, width):
    """Smooth random colours with noise, uint8 [count, height, width, 3]."""
    rng = generator(f"{name} {height}x{width}")
    coarse = torch.from_numpy(rng.uniform(0, 255, (count, 3, 4, 4)))
    smooth = torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear").permute(0, 2, 3, 1)
    noise = torch.from_numpy(rng.normal(0, 25, smooth.shape))
    return (smooth + noise).round().clamp(0, 255).to(torch.uint8)


def save(folder, tensors, name="io.safetensors"):
    folder.mkdir(parents=True, exist_ok=True)
    save_file({key: value.clone().contiguous() for key, value in sorted(tensors.items())}, folder / name,
              metadata={"format": "pt"})


def save_config(folder, config):
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")


def save_model(name, model):
    """The model in transformers' published layout; the weights as they were written."""
    model.save_pretrained(MODELS / name)
    return load_file(MODELS / name / "model.safetensors")


def dinov2_images():
    pixels = {side: images("dinov2", *shape) for side, shape in SIDES.items()}
    stored = {f"pixels_u8.{side}": value for side, value in pixels.items()}
    stored["pixel_values.42x42"] = normalized(pixels["42x42"], *IMAGENET)
    save(MODELS, stored, "dinov2_images.safetensors")
    return {side: normalized(value, *IMAGENET) for side, value in pixels.items()}


def dinov2_outputs(model, pixels):
    out = model(pixels, output_hidden_states=True)
    first = 1 + getattr(model.config, "num_register_tokens", 0)
    x = out.last_hidden_state
    hidden = {f"hidden_{i}": value for i, value in enumerate(out.hidden_states) if i > 0}
    return hidden | {"embeddings": out.hidden_states[0], "class_token": out.pooler_output,
                     "register_tokens": x[:, 1:first], "patch_tokens": x[:, first:],
                     "mean_of_patches": x[:, first:].mean(dim=1)}


def named(side, values):
    return {f"{side}.{key}": value for key, value in values.items() if value.numel() > 0}


def dinov2_pair(name, model, offset, antialias, dtype=torch.float32):
    """One set of weights in both layouts, with the outputs of each reference."""
    pixels = dinov2_images()
    randomize(model, name)
    for tensor in model.parameters():
        tensor.copy_(tensor.to(dtype))
    weights = dinov2_meta.from_transformers(save_model(name, model))
    heads = model.config.num_attention_heads
    theirs, metas = {}, {}
    for side, value in pixels.items():
        outputs = dinov2_outputs(model, value)
        theirs |= named(side, outputs)
        meta = dinov2_meta.forward(weights, value, heads, offset, antialias)
        metas |= named(side, meta)
        difference = (meta["class_token"] - outputs["class_token"]).abs().max().item()
        print(f"{name} {side}: Meta's class token differs by {difference:.1e}")
        if side == "56x56" or not offset:
            assert difference < 1e-5, "where the conventions agree, so do the outputs"
    save(MODELS / name, theirs)
    folder = MODELS / f"{name}_meta"
    save(folder, {key: value.to(dtype) for key, value in weights.items()}, "model.safetensors")
    save(folder, metas)
    config = json.loads((MODELS / name / "config.json").read_text())
    save_config(folder, config | {"interpolate_offset": offset, "interpolate_antialias": antialias})


def dinov2():
    dinov2_pair("dinov2", Dinov2Model(Dinov2Config(**DINOV2)), offset=0.1, antialias=False)


def dinov2_registers():
    config = Dinov2WithRegistersConfig(**DINOV2, num_register_tokens=4)
    dinov2_pair("dinov2_registers", Dinov2WithRegistersModel(config), offset=0.0, antialias=True)


def dinov2_swiglu():
    config = Dinov2Config(**DINOV2, use_swiglu_ffn=True)
    dinov2_pair("dinov2_swiglu", Dinov2Model(config), offset=0.1, antialias=False, dtype=torch.bfloat16)


def hidden_states(tower, outputs):
    return {f"{tower}.hidden_{i}": value for i, value in enumerate(outputs.hidden_states)}


def token_ids(name, count, length, specials, pad):
    """Sentences of differing length, the last one full: first special, ordinary ids, last special, padding."""
    rng = generator(f"{name} ids")
    first, last = specials
    ids = torch.full((count, length), pad)
    for row, words in enumerate(np.linspace(1, length - 2, count).round().astype(int)):
        ids[row, 1 : 1 + words] = torch.from_numpy(rng.integers(2, 60, words))
        ids[row, 1] = 2
        ids[row, 0], ids[row, 1 + words] = first, last
    return ids


def clip_model():
    tower = {"num_hidden_layers": 2, "num_attention_heads": 4, "hidden_act": "quick_gelu"}
    vision = tower | {"hidden_size": 24, "intermediate_size": 96, "image_size": 32, "patch_size": 8}
    text = tower | {"hidden_size": 16, "intermediate_size": 64, "vocab_size": 64, "max_position_embeddings": 12,
                    "bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    config = CLIPConfig(vision_config=vision, text_config=text, projection_dim=20, attn_implementation="eager")
    model = randomize(CLIPModel(config), "clip")
    halves = ("proj.weight", "proj.bias", "fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias", "projection.weight",
              "patch_embedding.weight")
    for key, tensor in model.named_parameters():
        if key.endswith(halves):
            tensor.copy_(tensor.half())
    model.logit_scale.fill_(np.log(1 / 0.07))
    return model


def clip():
    model = clip_model()
    pixels = images("clip", 2, 32, 32)
    values = normalized(pixels, *OPENAI)
    ids = token_ids("clip", 4, 12, (62, 63), pad=0)
    after_end = (ids == 63).cumsum(dim=1) > 0
    vision = model.vision_model(values, output_hidden_states=True)
    text = model.text_model(ids, output_hidden_states=True)
    outputs = {"image.pooled": vision.pooler_output, "image_embeds": model.visual_projection(vision.pooler_output),
               "text.last_hidden_state": text.last_hidden_state, "text.pooled": text.pooler_output,
               "text_embeds": model.text_projection(text.pooler_output)}
    outputs |= hidden_states("image", vision) | hidden_states("text", text)
    inputs = {"pixels_u8": pixels, "pixel_values": values, "input_ids": ids,
              "input_ids_padded_with_eos": ids.masked_fill(after_end, 63)}
    both = {f"{x}_normalized": normalize(outputs[x], dim=-1) for x in ("image_embeds", "text_embeds")}
    save(MODELS / "clip", inputs | outputs | both)

    weights = clip_openai.from_transformers(save_model("clip", model))
    save(MODELS / "clip_openai", weights, "model.safetensors")
    save_config(MODELS / "clip_openai", json.loads((MODELS / "clip" / "config.json").read_text()))
    weights = {key: value.float() for key, value in weights.items()}
    openai = {"image_embeds": clip_openai.encode_image(weights, values, heads=4),
              "text_embeds": clip_openai.encode_text(weights, ids, heads=4)}
    padded = clip_openai.encode_text(weights, inputs["input_ids_padded_with_eos"], heads=4)
    for key, value in openai.items():
        difference = (value - outputs[key]).abs().max().item()
        print(f"clip: OpenAI's {key} differs by {difference:.1e}")
        assert difference < 1e-5
    assert (padded - openai["text_embeds"]).abs().max() < 1e-5, "padding comes after the end"
    save(MODELS / "clip_openai", openai)


def siglip():
    tower = {"num_hidden_layers": 2, "num_attention_heads": 4}
    vision = tower | {"hidden_size": 24, "intermediate_size": 88, "image_size": 32, "patch_size": 8}
    text = tower | {"hidden_size": 16, "intermediate_size": 56, "vocab_size": 64, "max_position_embeddings": 12,
                    "projection_size": 24, "bos_token_id": 0, "eos_token_id": 1}
    config = SiglipConfig(vision_config=vision, text_config=text, attn_implementation="eager")
    model = randomize(SiglipModel(config), "siglip")
    save_model("siglip", model)
    pixels = images("siglip", 2, 32, 32)
    values = normalized(pixels, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    ids = token_ids("siglip", 4, 12, (60, 1), pad=1)
    ids[:, 0] = 5  # No token at the start.
    vision = model.vision_model(values, output_hidden_states=True)
    text = model.text_model(ids, output_hidden_states=True)
    outputs = {"image.last_hidden_state": vision.last_hidden_state, "image_embeds": vision.pooler_output,
               "text.last_hidden_state": text.last_hidden_state, "text_embeds": text.pooler_output}
    outputs |= hidden_states("image", vision) | hidden_states("text", text)
    both = {f"{x}_normalized": normalize(outputs[x], dim=-1) for x in ("image_embeds", "text_embeds")}
    inputs = {"pixels_u8": pixels, "pixel_values": values, "input_ids": ids}
    save(MODELS / "siglip", inputs | outputs | both)


def bert():
    config = BertConfig(vocab_size=64, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
                        intermediate_size=80, max_position_embeddings=16, attn_implementation="eager")
    model = randomize(BertModel(config), "bert")
    save_model("bert", model)
    ids = token_ids("bert", 5, 14, (62, 63), pad=0)
    mask = (ids != 0).long()
    out = model(ids, attention_mask=mask, output_hidden_states=True)
    weights = mask.unsqueeze(-1).float()
    mean = (out.last_hidden_state * weights).sum(dim=1) / weights.sum(dim=1)
    hidden = {f"hidden_{i}": value for i, value in enumerate(out.hidden_states)}
    save(MODELS / "bert", hidden | {
        "input_ids": ids, "attention_mask": mask, "last_hidden_state": out.last_hidden_state,
        "mean_pooled": mean, "sentence_embedding": normalize(mean, dim=-1)})


GOLDENS = [dinov2, dinov2_registers, dinov2_swiglu, clip, siglip, bert]


def main(wanted):
    unknown = set(wanted) - {golden.__name__ for golden in GOLDENS}
    if unknown:
        sys.exit(f"error: no golden is called {', '.join(sorted(unknown))}")
    transformers.logging.disable_progress_bar()
    for golden in GOLDENS:
        if not wanted or golden.__name__ in wanted:
            golden()


if __name__ == "__main__":
    main(sys.argv[1:])
