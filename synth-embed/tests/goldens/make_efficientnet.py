"""Writes models/efficientnet_lite: a tiny EfficientNet-Lite with random weights, and what the reference
implementation makes of an image.

    python synth-embed/tests/goldens/make_efficientnet.py

Run with torch 2.15.0, efficientnet_lite_pytorch 0.1.0, safetensors 0.8.0 and NumPy 2.4.6, on a CPU in float32.
Deterministic: weights and input come from NumPy's PCG64. The seven stages have the strides of the published
models, and other widths and depths; the head is not 1280 wide but 256. `model.safetensors` has the names of
the published checkpoints.

io.safetensors: `pixels_u8` [1, 51, 46, 3], whose sides are halved to 26 x 23, 13 x 12, 7 x 6, 4 x 3 and 2 x 2,
so that TensorFlow's SAME padding is now even and now uneven; the network gets `(pixels - 127) / 128`. Outputs:
`features` [1, 256] (after the head's norm and ReLU6, averaged over the places), `logits` [1, 7].
"""
from pathlib import Path

import numpy as np
import torch
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import BlockDecoder, efficientnet_lite
from safetensors.torch import save_file

FOLDER = Path(__file__).parent / "models/efficientnet_lite"
SEED = 20261122
# Widths are five times those that come out. None is that of the layer before, where a stage begins: this
# implementation then leaves out the residual, because it compares the stride `[1]` to 1. No published model
# has such a stage.
STAGES = ["r1_k3_s11_e1_i40_o20", "r2_k3_s22_e6_i20_o40", "r3_k5_s22_e2_i40_o60", "r2_k3_s22_e3_i60_o80",
          "r1_k5_s11_e2_i80_o100", "r2_k5_s22_e2_i100_o120", "r1_k3_s11_e2_i120_o140"]


def network(rng):
    _, params = efficientnet_lite(width_coefficient=0.2, num_classes=7)
    model = EfficientNet(BlockDecoder.decode(STAGES), params._replace(fix_head_stem=False, depth_divisor=4))
    with torch.no_grad():
        for key, tensor in sorted(model.state_dict().items()):
            values = torch.from_numpy(rng.standard_normal(tuple(tensor.shape), dtype=np.float32))
            if key.endswith("running_var"):
                tensor.copy_(values.mul(0.5).exp())
            elif tensor.ndim == 1 and key.endswith("weight"):
                tensor.copy_(1 + 0.2 * values)
            elif tensor.ndim == 1:
                # Some of what ReLU6 meets is below 0, some above 6.
                tensor.copy_(1 + values)
            elif tensor.ndim > 1:
                tensor.copy_(values * 2 / tensor[0].numel() ** 0.5)
    return model.eval().requires_grad_(False)


def main():
    rng = np.random.default_rng(SEED)
    model = network(rng)
    pixels = torch.from_numpy(rng.integers(0, 256, (1, 51, 46, 3), dtype=np.uint8))
    x = (pixels.permute(0, 3, 1, 2).float() - 127) / 128
    tensors = {"pixels_u8": pixels, "features": model.extract_features(x).mean(dim=(2, 3)), "logits": model(x)}
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file, what in [("model", model.state_dict()), ("io", tensors)]:
        what = {key: value.clone().contiguous() for key, value in sorted(what.items())}
        save_file(what, FOLDER / f"{file}.safetensors")


if __name__ == "__main__":
    main()
