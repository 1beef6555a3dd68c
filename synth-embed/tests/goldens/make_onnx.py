"""Writes onnx/: small image models with random weights, and what ONNX Runtime makes of images.

    python synth-embed/tests/goldens/make_onnx.py

Run with torch 2.15.0, transformers 5.23.0, onnx 1.23.2, onnxruntime 1.31.1, onnxscript 0.7.2, safetensors 0.8.0
and NumPy 2.4.6, on a CPU in float32. Deterministic: the weights and images come from NumPy's PCG64.

Each NAME.onnx has NAME.safetensors: `pixels_u8` [3, H, W, 3], and of each output of one row per image
`output.NAME` [3, D], one image at a time. The networks get `(pixels / 255 - mean) / std` with ImageNet's mean
and std.

  cnn           convolutions (strided, depthwise, grouped), batch norm, SiLU, squeeze and excitation, pooling;
                by torch's older exporter; batch and sides free; images of 40 x 48
  vit           models/dinov2 at 56 x 56, by torch's newer exporter, batch free. `class_token` is also in that
                folder, from transformers itself; `patch_tokens` is no row
  nhwc          channels last, 24 x 24 fixed; the output is [1, 10, 1, 1]
  pair          a fixed batch of 2, mixed up by a Reshape that counts on it; the output is [2, 6]
  outside       as cnn, with its weights in outside.onnx_data
  towers        two inputs, `pixels` and `tokens`, and two outputs that need one each, `image` and `text`

bad/ holds models that must be refused, each named after its fault, a few hundred bytes each.
"""
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import load_file, save_file
from torch import nn
from torch.nn import functional as F
from transformers import Dinov2Model

GOLDENS = Path(__file__).parent
FOLDER = GOLDENS / "onnx"
SEED = 20261124
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


class Cnn(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(3, 12, 3, 2, 1, bias=False), nn.BatchNorm2d(12)
        self.deep, self.deep_norm = nn.Conv2d(12, 12, 5, 2, 2, groups=12, bias=False), nn.BatchNorm2d(12)
        self.squeeze, self.excite = nn.Conv2d(12, 4, 1), nn.Conv2d(4, 12, 1)
        self.grouped, self.head = nn.Conv2d(12, 24, 3, 1, 1, groups=3), nn.Linear(24, 20)

    def forward(self, x):
        x = F.silu(self.norm(self.stem(x)))
        x = F.max_pool2d(x, 3, 2, 1)
        x = F.hardswish(self.deep_norm(self.deep(x)))
        x = x * torch.sigmoid(self.excite(F.relu(self.squeeze(x.mean((2, 3), keepdim=True)))))
        x = F.gelu(self.grouped(x))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class Nhwc(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 3, 2), nn.Conv2d(8, 10, 3, padding=1)

    def forward(self, x):
        x = F.leaky_relu(self.first(x.permute(0, 3, 1, 2)))
        return F.adaptive_avg_pool2d(torch.tanh(self.second(x)), 1)


class Pair(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 6, 4, 4)

    def forward(self, x):
        return self.conv(x).reshape(2, 6, 16).amax(2)


class Vit(nn.Module):
    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, x):
        tokens = self.model(x).last_hidden_state
        return tokens[:, 0], tokens[:, 1:]


class Towers(nn.Module):
    def __init__(self):
        super().__init__()
        self.patches, self.project = nn.Conv2d(3, 8, 8, 8), nn.Linear(8, 6, bias=False)
        self.words, self.text = nn.Embedding(11, 8), nn.Linear(8, 6)

    def forward(self, pixels, tokens):
        image = self.project(self.patches(pixels).flatten(2).mean(2))
        return F.normalize(image, dim=1), self.text(self.words(tokens).mean(1))


def randomize(model, rng):
    with torch.no_grad():
        for key, tensor in sorted(model.state_dict().items()):
            if not tensor.is_floating_point():
                continue
            values = torch.from_numpy(rng.standard_normal(tuple(tensor.shape), dtype=np.float32))
            if key.endswith("running_var"):
                tensor.copy_(values.mul(0.3).exp())
            elif tensor.ndim == 1:
                tensor.copy_(1 + 0.3 * values if key.endswith("norm.weight") else 0.3 * values)
            else:
                tensor.copy_(values / tensor[0].numel() ** 0.5)
    return model.eval().requires_grad_(False)


def normalized(pixels):
    return ((pixels.astype(np.float32) / np.float32(255)) - MEAN) / STD


def strip(path):
    """Without what torch notes of its run and of the code: paths and stack traces."""
    model = onnx.load(path)
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for part in [*model.graph.node, *model.graph.initializer, *model.graph.input, *model.graph.output]:
        del part.metadata_props[:]
        part.doc_string = ""
    path.write_bytes(model.SerializeToString(deterministic=True))


def reference(path, pixels, channels_last=False, batch=1, others=()):
    """Rows by ONNX Runtime; a fixed batch gets each image as often as it takes images."""
    strip(path)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name, x = session.get_inputs()[0].name, normalized(pixels)
    x = x if channels_last else x.transpose(0, 3, 1, 2)
    runs = [session.run(None, {name: np.repeat(one[None], batch, 0), **dict(others)}) for one in x]
    outputs = {}
    for at, output in enumerate(session.get_outputs()):
        rows = np.stack([run[at][0].ravel() for run in runs])
        if runs[0][at].ndim == 2 or runs[0][at].size == runs[0][at].shape[1]:
            outputs[f"output.{output.name}"] = rows
    save_file({"pixels_u8": pixels, **outputs}, path.with_suffix(".safetensors"))
    return outputs


def bad_models():
    """Each is one node, or nearly."""
    image = helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, 8, 8])

    def row(kind=TensorProto.FLOAT, shape=("n", 3), name="row"):
        return helper.make_tensor_value_info(name, kind, list(shape))

    def save(name, nodes, inputs=(image,), outputs=(), weights=()):
        graph = helper.make_graph(nodes, name, list(inputs), list(outputs) or [row()], list(weights))
        imports = [helper.make_opsetid("", 17), helper.make_opsetid("com.example", 1)]
        model = helper.make_model(graph, opset_imports=imports, ir_version=8, producer_name="make_onnx.py")
        (FOLDER / "bad" / f"{name}.onnx").write_bytes(model.SerializeToString(deterministic=True))

    def pool(source="image", to="row"):
        return helper.make_node("ReduceMean", [source], [to], f"pool_{to}", axes=[2, 3], keepdims=0)

    def input_of(kind, shape):
        return [helper.make_tensor_value_info("image", kind, shape)]

    save("unknown_operator", [helper.make_node("Frobnicate", ["image"], ["x"], "frob"), pool("x")])
    save("foreign_operator", [helper.make_node("Relu", ["image"], ["x"], "r", domain="com.example"), pool("x")])
    branch = helper.make_graph([helper.make_node("Frobnicate", ["image"], ["y"], "inner")], "branch", [], [row(name="y")])
    yes = numpy_helper.from_array(np.array(True), "yes")
    save("unknown_operator_in_branch",
         [helper.make_node("If", ["yes"], ["x"], "if", then_branch=branch, else_branch=branch), pool("x")],
         weights=[yes])
    save("random_operator", [helper.make_node("RandomNormalLike", ["image"], ["x"], "noise"), pool("x")])
    save("two_inputs", [helper.make_node("Add", ["image", "bias"], ["x"], "add"), pool("x")],
         [image, helper.make_tensor_value_info("bias", TensorProto.FLOAT, [1, 3, 1, 1])])
    weight = numpy_helper.from_array(np.ones((1, 3, 2, 2), np.float32), "stored")
    save("no_input", [pool("stored")], [], weights=[weight])
    save("grey_input", [pool()], input_of(TensorProto.FLOAT, ["n", 1, 8, 8]))
    save("flat_input", [helper.make_node("Relu", ["image"], ["row"], "relu")], input_of(TensorProto.FLOAT, ["n", 192]))
    save("byte_input", [helper.make_node("Cast", ["image"], ["x"], "cast", to=TensorProto.FLOAT), pool("x")],
         input_of(TensorProto.UINT8, ["n", 3, 8, 8]))
    save("large_batch", [pool()], input_of(TensorProto.FLOAT, [1 << 40, 3, 8, 8]))
    save("free_sides", [pool()], input_of(TensorProto.FLOAT, ["n", 3, "height", "width"]))
    save("map_output", [helper.make_node("Relu", ["image"], ["row"], "relu")], outputs=[row(shape=("n", 3, 8, 8))])
    save("tokens_output", [helper.make_node("ReduceMean", ["image"], ["row"], "rows", axes=[3], keepdims=0)],
         outputs=[row(shape=("n", 3, 8))])
    save("mixed_output", [helper.make_node("ReduceMean", ["image"], ["row"], "all", axes=[0, 2], keepdims=0)],
         outputs=[row(shape=(3, 8))])
    save("double_output", [pool(to="x"), helper.make_node("Cast", ["x"], ["row"], "cast", to=TensorProto.DOUBLE)],
         outputs=[row(TensorProto.DOUBLE)])
    save("class_output", [pool(to="x"), helper.make_node("ArgMax", ["x"], ["row"], "best", axis=1)],
         outputs=[row(TensorProto.INT64, ("n", 1))])
    save("nan_output", [pool(to="x"), helper.make_node("Sub", ["x", "x"], ["zero"], "zero"),
                        helper.make_node("Div", ["zero", "zero"], ["row"], "nan")])
    save("zero_output", [pool(to="x"), helper.make_node("Sub", ["x", "x"], ["row"], "zero")])
    save("output_of_nothing", [pool(to="x")])
    save("cycle", [helper.make_node("Add", ["image", "b"], ["a"], "first"),
                   helper.make_node("Relu", ["a"], ["b"], "second"), pool("b")])
    save("made_twice", [helper.make_node("Relu", ["image"], ["a"], "first"),
                        helper.make_node("Relu", ["image"], ["a"], "second"), pool("a")])
    kernel = numpy_helper.from_array(np.ones((4, 5, 3, 3), np.float32), "kernel")
    save("misfitting_weight", [helper.make_node("Conv", ["image", "kernel"], ["x"], "conv"), pool("x")],
         weights=[kernel])
    short = TensorProto(name="kernel", data_type=TensorProto.FLOAT, dims=[4, 3, 3, 3], raw_data=b"\0" * 8)
    save("short_weight", [helper.make_node("Conv", ["image", "kernel"], ["x"], "conv"), pool("x")], weights=[short])
    text = TensorProto(name="kernel", data_type=TensorProto.STRING, dims=[1], raw_data=b"text")
    save("text_weight", [helper.make_node("Conv", ["image", "kernel"], ["x"], "conv"), pool("x")], weights=[text])
    for name, location, offset in [("weights_missing", "nowhere.onnx_data", "0"),
                                   ("weights_outside", "../../../Cargo.toml", "0"),
                                   ("weights_short", "short_weight.onnx", "100"),
                                   ("weights_at_text", "short_weight.onnx", "many")]:
        tensor = TensorProto(name="kernel", data_type=TensorProto.FLOAT, dims=[4, 3, 3, 3],
                             data_location=TensorProto.EXTERNAL)
        for key, value in [("location", location), ("offset", offset), ("length", "432")]:
            tensor.external_data.add(key=key, value=value)
        save(name, [helper.make_node("Conv", ["image", "kernel"], ["x"], "conv"), pool("x")], weights=[tensor])


def main():
    (FOLDER / "bad").mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)

    def images(height, width):
        return rng.integers(0, 256, (3, height, width, 3), dtype=np.uint8)

    cnn = randomize(Cnn(), rng)
    free = {0: "batch", 2: "height", 3: "width"}
    torch.onnx.export(cnn, (torch.zeros(1, 3, 40, 48),), FOLDER / "cnn.onnx", dynamo=False, input_names=["image"],
                      output_names=["row"], dynamic_axes={"image": free})
    reference(FOLDER / "cnn.onnx", images(40, 48))

    dinov2 = Dinov2Model.from_pretrained(GOLDENS / "models/dinov2").eval().requires_grad_(False)
    pixels = load_file(GOLDENS / "models/dinov2_images.safetensors")["pixels_u8.56x56"]
    torch.onnx.export(Vit(dinov2), (torch.zeros(2, 3, 56, 56),), FOLDER / "vit.onnx", dynamo=True,
                      input_names=["image"], output_names=["class_token", "patch_tokens"],
                      dynamic_shapes=[{0: "batch"}], external_data=False)
    found = reference(FOLDER / "vit.onnx", pixels)["output.class_token"]
    published = load_file(GOLDENS / "models/dinov2/io.safetensors")["56x56.class_token"].reshape(found.shape)
    print("vit: difference to transformers", np.abs(found - published).max(), "of", np.abs(published).max())

    nhwc = randomize(Nhwc(), rng)
    torch.onnx.export(nhwc, (torch.zeros(1, 24, 24, 3),), FOLDER / "nhwc.onnx", dynamo=True, input_names=["image"],
                      output_names=["row"], external_data=False)
    reference(FOLDER / "nhwc.onnx", images(24, 24), channels_last=True)

    pair = randomize(Pair(), rng)
    torch.onnx.export(pair, (torch.zeros(2, 3, 16, 16),), FOLDER / "pair.onnx", dynamo=False, input_names=["image"],
                      output_names=["row"])
    reference(FOLDER / "pair.onnx", images(16, 16), batch=2)

    model = onnx.load(FOLDER / "cnn.onnx")
    (FOLDER / "outside.onnx_data").unlink(missing_ok=True)
    onnx.save_model(model, FOLDER / "outside.onnx", save_as_external_data=True, all_tensors_to_one_file=True,
                    location="outside.onnx_data", size_threshold=256)

    towers = randomize(Towers(), rng)
    torch.onnx.export(towers, (torch.zeros(1, 3, 32, 32), torch.zeros(1, 5, dtype=torch.int64)),
                      FOLDER / "towers.onnx", dynamo=True, input_names=["pixels", "tokens"],
                      output_names=["image", "text"], external_data=False,
                      dynamic_shapes=[{0: "batch"}, {0: "batch", 1: "length"}])
    reference(FOLDER / "towers.onnx", images(32, 32), others={"tokens": np.zeros((1, 5), np.int64)})
    bad_models()


if __name__ == "__main__":
    main()
