"""Writes real/: what the reference implementations make of photographs and sentences with real weights.

    examples/fetch_models.sh efficientnet-lite0 minilm photographs
    python synth-embed/tests/goldens/make_real.py [efficientnet_lite0] [minilm]

Run with torch 2.15.0, Pillow 13.0.0, efficientnet_lite_pytorch 0.1.0 (the network that goes with the
weights), torchvision 0.29.2 (the names of the classes), transformers 5.23.0 and sentence-transformers 6.2.0;
float32 on a CPU.

efficientnet_lite0.safetensors
------------------------------
Preprocessing: Pillow's `convert("RGB")`; the short side to 256 px with `resize(.., BICUBIC)`, the long one to
`int(256 * long / short)`; the centre 224 x 224, its corner at `round((side - 224) / 2)` with halves to the
even number, as torchvision; `(x - 127) / 128`. For each photograph of data/photographs that is named:

  NAME.features        [1280]        after the head's norm and ReLU6, averaged over the places
  NAME.top5_classes    [5] int64     ImageNet's numbers 0..999, most likely first (names in the JSON beside)
  NAME.top5_logits     [5]
  NAME.corner          [2] int64     (left, top) of the crop in the resized image
  NAME.crop_every_8th  [28, 28, 3]   uint8, every eighth pixel of the crop along both axes, from (0, 0)

The JPEG ones depend on the decoder by a level or so; PNG ones do not. Then the network alone, for a small
image with odd sides, where TensorFlow's SAME padding is now even and now uneven: `small.pixels_u8`
[1, 45, 37, 3], `small.stem`, `small.stage_1` .. `small.stage_7` (after the last block of each stage), `small.head`
(all [1, C, H, W]) and `small.features` [1, 1280].

minilm.safetensors, minilm.json
-------------------------------
`embeddings` [N, 384] by SentenceTransformer.encode for the sentences of minilm.json, one at a time, and
`token_count` [N] int64, the ids of each with [CLS] and [SEP]: at most 256, the model's own limit
(sentence_bert_config.json). tokenizer.json itself says something else, which is not to be followed: cut at
128 and always padded to 128. `ids.I` are the ids of sentence I.
"""
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file

HERE = Path(__file__).parent
DATA = HERE.parents[2] / "data"
PHOTOGRAPHS = ["astronaut.png", "camera.png", "chelsea.png", "china.jpg", "coffee.png", "flower.jpg", "rocket.jpg"]
LAST_BLOCKS = [0, 2, 4, 7, 10, 14, 15]
SENTENCES = [
    "", "a", "A photo of a cat.", "a photo of a cat", "The cat sits on the mat.", "A feline rests on a rug.",
    "Solar cells convert light into electricity.", "Photovoltaic modules turn sunshine into power.",
    "The solder joint has voids below the chip.", "Stock prices fell sharply on Monday.",
    "How do I reset my password?", "I forgot my login credentials, what now?",
    "I do not like this.", "I like this.",
    "Caf\u00e9 na\u00efve \u00dcber stra\u00dfe", "\u4f60\u597d\uff0c\u4e16\u754c",
    "\u041f\u0440\u0438\u0432\u0435\u0442, \u043c\u0438\u0440!",
    "\U0001f600 \u2764\ufe0f emoji", "ALL CAPITALS, UNDERSCORE_AND-HYPHEN, 3.14159 & 1,000,000!",
    "  white \t space\n everywhere  ", "https://example.org/a?b=c&d=e#f", "[CLS] [SEP] [MASK] [UNK] [PAD]",
    "supercalifragilisticexpialidocious", "one two three four five " * 30, "the quick brown fox " * 100,
]


def cropped(path):
    image = Image.open(path).convert("RGB")
    short = min(image.size)
    image = image.resize([256 if side == short else int(256 * side / short) for side in image.size], Image.BICUBIC)
    left, top = (round((side - 224) / 2) for side in image.size)
    return np.array(image.crop((left, top, left + 224, top + 224))), (left, top)


def network(**options):
    from efficientnet_lite_pytorch import EfficientNet
    model = EfficientNet.from_name("efficientnet-lite0", **options)
    weights = torch.load(DATA / "models/efficientnet-lite0/efficientnet-lite0.pth", weights_only=True)
    model.load_state_dict(weights)
    return model.eval().requires_grad_(False)


def scaled(pixels):
    return (torch.from_numpy(pixels).permute(0, 3, 1, 2).float() - 127) / 128


def photographs(model):
    from torchvision.models._meta import _IMAGENET_CATEGORIES as names
    tensors, classes = {}, {}
    for name in PHOTOGRAPHS:
        crop, corner = cropped(DATA / "photographs" / name)
        x = scaled(crop[None])
        best = model(x)[0].topk(5)
        tensors |= {f"{name}.features": model.extract_features(x).mean(dim=(2, 3))[0],
                    f"{name}.top5_classes": best.indices, f"{name}.top5_logits": best.values,
                    f"{name}.corner": torch.tensor(corner),
                    f"{name}.crop_every_8th": torch.from_numpy(crop[::8, ::8].copy())}
        classes[name] = [{"class": i, "name": names[i]} for i in best.indices.tolist()]
    return tensors, classes


def small(model):
    """`model` pads by the size of its input, as TensorFlow does, not by a fixed one."""
    pixels = np.random.default_rng(20261121).integers(0, 256, (1, 45, 37, 3), dtype=np.uint8)
    x = scaled(pixels)
    out = {"pixels_u8": torch.from_numpy(pixels), "features": model.extract_features(x).mean(dim=(2, 3)),
           "head": model.extract_features(x)}
    x = model._swish(model._bn0(model._conv_stem(x)))
    out["stem"] = x
    for i, block in enumerate(model._blocks):
        x = block(x)
        if i in LAST_BLOCKS:
            out[f"stage_{LAST_BLOCKS.index(i) + 1}"] = x
    return {f"small.{key}": value for key, value in out.items()}


def efficientnet_lite0():
    tensors, classes = photographs(network())
    tensors |= small(network(image_size=None))
    save("efficientnet_lite0.safetensors", tensors)
    (HERE / "real/efficientnet_lite0.json").write_text(json.dumps(classes, indent=1) + "\n")
    for name, best in classes.items():
        print(f"{name}: {', '.join(row['name'] for row in best)}")


def minilm():
    from sentence_transformers import SentenceTransformer
    model = SentenceTransformer(str(DATA / "models/minilm-l6-v2"), device="cpu")
    embeddings = model.encode(SENTENCES, batch_size=1, convert_to_tensor=True)
    ids = [torch.tensor(model.tokenizer(text, truncation=True, max_length=model.max_seq_length)["input_ids"])
           for text in SENTENCES]
    save("minilm.safetensors", {"embeddings": embeddings, "token_count": torch.tensor([len(x) for x in ids])}
         | {f"ids.{i}": x for i, x in enumerate(ids)})
    (HERE / "real/minilm.json").write_text(json.dumps(SENTENCES, indent=1) + "\n")
    print(f"cosines of the cat's sentences: {(embeddings[2:6] @ embeddings[2:6].T).numpy().round(3).tolist()}")


def save(name, tensors):
    (HERE / "real").mkdir(exist_ok=True)
    save_file({key: value.clone().contiguous() for key, value in sorted(tensors.items())}, HERE / "real" / name)


if __name__ == "__main__":
    goldens = {"efficientnet_lite0": efficientnet_lite0, "minilm": minilm}
    for wanted in sys.argv[1:] or goldens:
        goldens[wanted]()
