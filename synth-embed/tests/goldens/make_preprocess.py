"""Writes preprocess.json: what Pillow, transformers and torchvision's arithmetic make of some images.

Needs blake3, numpy, pillow and transformers (without torch). The images follow a formula, which
`tests/preprocess.rs` repeats; of the results there are a hash and the first numbers.
"""
import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from blake3 import blake3
from PIL import Image
from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil
from transformers.models.siglip.image_processing_pil_siglip import SiglipImageProcessorPil
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

FILTERS = {"bilinear": Image.BILINEAR, "bicubic": Image.BICUBIC, "lanczos": Image.LANCZOS}
CHANNELS = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def numbers(width, height, channels):
    y, x, c = np.mgrid[:height, :width, :channels].astype(np.int64)
    return x * 7 + y * 13 + c * 29 + x * y % 251 * 3 + ((x * x + 3 * y * y * (c + 1)) >> 4)


def stored(mode, width, height):
    """An image as it is stored; `mode` is that of Pillow, with `16` or `f` behind it."""
    n = numbers(width, height, CHANNELS[mode.rstrip("16f")])
    if mode.endswith("16"):
        return (n * 193 & 65535).astype(np.uint16)
    if mode.endswith("f"):
        return ((n & 1023) / 512 - 0.5).astype(np.float32)
    return (n & 255).astype(np.uint8)


def rgb8(pixels):
    """8-bit RGB: transparency ignored, 16 bits scaled and rounded, floats clamped."""
    if pixels.dtype == np.uint16:
        pixels = ((2 * pixels.astype(np.int64) + 257) // 514).astype(np.uint8)
    if pixels.dtype == np.float32:
        pixels = np.floor(np.clip(pixels, 0, 1) * np.float32(255) + np.float32(0.5)).astype(np.uint8)
    mode = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[2]]
    return Image.fromarray(pixels.squeeze(), mode).convert("RGB")


def summary(array):
    data = np.ascontiguousarray(array)
    return {"blake3": blake3(data.tobytes()).hexdigest()[:32], "head": [float(x) for x in data.ravel()[:8]]}


def resized():
    sizes = [((640, 480), (341, 256)), ((33, 47), (224, 224)), ((5, 3), (64, 64)), ((1, 1), (7, 5)),
             ((1, 100), (32, 50)), ((100, 1), (9, 17)), ((300, 200), (1, 1)), ((1000, 3), (4, 300)),
             ((64, 64), (64, 64)), ((64, 64), (64, 31)), ((64, 64), (31, 64)), ((4096, 7), (5, 9)),
             ((257, 129), (128, 64)), ((101, 67), (100, 66)), ((17, 23), (301, 299)), ((2, 2), (3, 3))]
    rng = np.random.default_rng(20261121)
    some = [(tuple(rng.integers(1, 400, 2).tolist()), tuple(rng.integers(1, 400, 2).tolist())) for _ in range(60)]
    for size, target in sizes + some:
        for name, code in FILTERS.items():
            for mode in ("L", "RGB") if (size, target) in sizes else ("RGB",):
                pixels = stored(mode, *size)
                out = Image.fromarray(pixels.squeeze(2) if mode == "L" else pixels, mode).resize(target, code)
                yield {"mode": mode, "size": size, "target": target, "filter": name, **summary(np.asarray(out))}


PROCESSORS = {
    "dinov2_224": BitImageProcessorPil(size={"shortest_edge": 256}, crop_size={"height": 224, "width": 224},
                                       image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225]),
    "clip_224": CLIPImageProcessorPil(),
    "clip_336": CLIPImageProcessorPil(size={"shortest_edge": 336}, crop_size={"height": 336, "width": 336}),
    "siglip_224": SiglipImageProcessorPil(),
    "siglip_wide": SiglipImageProcessorPil(size={"height": 48, "width": 80}, resample=2),
    "vit": ViTImageProcessorPil(),
    "deit": DeiTImageProcessorPil(),
    "padded": BitImageProcessorPil(size={"shortest_edge": 19}, crop_size={"height": 32, "width": 45}, resample=1),
    "only_crop": CLIPImageProcessorPil(do_resize=False, do_rescale=False, do_normalize=False,
                                       crop_size={"height": 30, "width": 41}),
}
IMAGES = [("RGB", 640, 480), ("RGB", 375, 500), ("RGB", 224, 224), ("RGB", 61, 333), ("RGB", 300, 403),
          ("L", 300, 200), ("LA", 300, 200), ("RGBA", 320, 243), ("L16", 300, 200), ("LA16", 90, 120),
          ("RGB16", 290, 270), ("RGBA16", 100, 90), ("RGBf", 280, 260), ("RGBAf", 90, 110), ("RGB", 5, 9)]


def transformers_cases():
    for name, processor in PROCESSORS.items():
        for mode, width, height in IMAGES:
            image = rgb8(stored(mode, width, height))
            out = processor(image, return_tensors="np")["pixel_values"][0]
            assert out.dtype == np.float32 or name == "only_crop", (name, out.dtype)
            yield {"processor": name, "mode": mode, "size": [width, height], **summary(out.astype(np.float32))}


def torchvision(image, short, crop, mean, std, unit):
    """Resize(short, bicubic), CenterCrop(crop), ToTensor, Normalize of torchvision's `functional.py`."""
    width, height = image.size
    long = int(short * max(width, height) / min(width, height))
    image = image.resize((short, long) if width <= height else (long, short), Image.BICUBIC)
    width, height = image.size
    left, top = int(round((width - crop) / 2.0)), int(round((height - crop) / 2.0))
    pixels = np.asarray(image.crop((left, top, left + crop, top + crop)), np.float32) / np.float32(unit)
    mean, std = np.array(mean, np.float32), np.array(std, np.float32)
    return ((pixels - mean) / std).transpose(2, 0, 1)


def torchvision_cases():
    imagenet, clip = PROCESSORS["dinov2_224"], PROCESSORS["clip_224"]
    presets = {
        ("dinov2", 224): (256, 224, imagenet.image_mean, imagenet.image_std, 255),
        ("dinov2", 98): (112, 98, imagenet.image_mean, imagenet.image_std, 255),
        ("dinov2", 518): (592, 518, imagenet.image_mean, imagenet.image_std, 255),
        ("clip", 224): (224, 224, clip.image_mean, clip.image_std, 255),
        ("efficientnet_lite", 224): (256, 224, [127] * 3, [128] * 3, 1),
    }
    for (preset, side), steps in presets.items():
        for mode, width, height in IMAGES:
            out = torchvision(rgb8(stored(mode, width, height)), *steps)
            yield {"preset": preset, "side": side, "mode": mode, "size": [width, height], **summary(out)}


def lines(items):
    return "[\n" + ",\n".join(json.dumps(item) for item in items) + "\n]"


versions = {name: version(name) for name in ("numpy", "pillow", "transformers")}
configs = {name: json.loads(processor.to_json_string()) for name, processor in PROCESSORS.items()}
Path(__file__).with_name("preprocess.json").write_text(
    f'{{"versions": {json.dumps(versions)},\n"configs": {json.dumps(configs)},\n"resized": {lines(resized())},\n'
    f'"transformers": {lines(transformers_cases())},\n"torchvision": {lines(torchvision_cases())}}}\n')
