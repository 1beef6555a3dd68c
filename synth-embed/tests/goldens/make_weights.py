"""Writes the checkpoints of tests/weights*.rs and what torch itself reads from them.

python make_weights.py     (torch 2.15.0, safetensors 0.8.0, blake3 1.0.11; all from PyPI)

Everything lands in weights/: files that must be read, with their tensors as torch gives them in
expected.json, and in weights/bad/ files that must be refused. The keys in the legacy files are memory
addresses, so their bytes differ from run to run; nothing else does.
"""
import collections
import io
import json
import os
import pathlib
import pickle
import shutil
import struct
import warnings
import zipfile

import blake3
import torch
from safetensors.torch import save_file

OUT = pathlib.Path(__file__).parent / "weights"
BAD = OUT / "bad"
warnings.filterwarnings("ignore")
expected = {"files": {}, "hashes": {}}


def numbers(*shape):
    """Numbers with all bits of the mantissa in use."""
    return torch.randn(*shape, generator=generator)


def record(path, tensors, check=True):
    """Notes the tensors that a reader must find, after torch has read the file itself."""
    if check:
        loaded = torch.load(OUT / path, weights_only=False)
        for key in ["model", "teacher", "backbone"]:
            loaded = loaded.get(key, loaded) if key not in tensors else loaded
        for name, tensor in tensors.items():
            assert torch.equal(loaded[name], tensor) and loaded[name].dtype == tensor.dtype, (path, name)
    expected["files"][str(path)] = {
        name: {
            "dtype": str(tensor.dtype).removeprefix("torch."),
            "shape": list(tensor.shape),
            "values": tensor.float().flatten().tolist() if tensor.is_floating_point() else None,
        }
        for name, tensor in tensors.items()
    }


def weights_hash(tensors):
    """The formula in the documentation of `WeightsHash`."""
    whole = blake3.blake3(derive_key_context="synth 2026 weights, version 1")
    for name in sorted(tensors, key=str.encode):
        tensor = tensors[name].detach().float().contiguous()
        one = blake3.blake3(struct.pack(f"<{1 + tensor.ndim}Q", tensor.ndim, *tensor.shape))
        one.update(tensor.numpy().astype("<f4").tobytes())
        whole.update(struct.pack("<Q", len(name.encode())) + name.encode() + one.digest())
    return whole.hexdigest()


def floats(tensors):
    return {name: tensor for name, tensor in tensors.items() if tensor.is_floating_point()}


def module_state():
    """A state dict as modules make it: ordered, with `_metadata`, parameters and an integer buffer."""
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    with torch.no_grad():
        for tensor in module.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(numbers(*tensor.shape))
    return module.state_dict()


def views():
    """Tensors that share a storage, are transposed, sliced, single, empty, or parameters."""
    base = numbers(4, 5)
    return {
        "whole": base,
        "transposed": base.t(),
        "rows": base[1:3],
        "columns": base[:, 2:4],
        "every_second": base[::2, ::2],
        "permuted": numbers(2, 3, 4).permute(2, 0, 1),
        "number": torch.tensor(-1.5),
        "empty": torch.zeros(0, 7),
        "parameter": torch.nn.Parameter(numbers(2)),
    }


def halves():
    """f16, bf16 and f64, with subnormals, the largest numbers and minus zero."""
    return {
        "f16": torch.tensor([0.1, -0.0, 6e-8, 6.1e-5, -65504.0], dtype=torch.float16),
        "bf16": torch.tensor([0.1, -0.0, 1e-40, 3.3e38, -2.5], dtype=torch.bfloat16),
        "f64": torch.tensor([0.1, -0.0, 1e-46, 1e-44, 1 / 3], dtype=torch.float64),
        "flags": torch.tensor([True, False]),
        "bytes": torch.tensor([1, 2], dtype=torch.uint8),
    }


def nested(state):
    parameters = [torch.nn.Parameter(numbers(2))]
    optimizer = torch.optim.Adam(parameters)
    parameters[0].grad = numbers(2)
    optimizer.step()
    return {
        "epoch": 3,
        "seed": 2**64,
        "loss": 0.25,
        "note": "état",
        "model": state,
        "optimizer": optimizer.state_dict(),
        "history": [1.0, (2, None, True)],
        "shape": torch.Size([1, 2]),
    }


def rezip(source, target, change=lambda name, data: data, method=zipfile.ZIP_STORED):
    """Copies a zip file with other bytes or another compression."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", method) as new:
        for entry in old.namelist():
            new.writestr(zipfile.ZipInfo(entry), change(entry, old.read(entry)), method)


def swapped(name, data):
    """A checkpoint of a big-endian machine; all its storages are of f32."""
    if name.endswith("/byteorder"):
        return b"big"
    if "/data/" in name:
        return b"".join(data[i : i + 4][::-1] for i in range(0, len(data), 4))
    return data


def write_good():
    state, shown = module_state(), views()
    torch.save(state, OUT / "zip.pth")
    record("zip.pth", state)
    torch.save(state, OUT / "zip_protocol_4.pth", pickle_protocol=4)
    record("zip_protocol_4.pth", state)
    torch.save(state, OUT / "legacy.pth", _use_new_zipfile_serialization=False)
    record("legacy.pth", state)
    contiguous = {name: tensor.clone().contiguous() for name, tensor in state.items()}
    save_file(contiguous, OUT / "single.safetensors", metadata={"format": "pt"})
    record("single.safetensors", contiguous, check=False)
    expected["hashes"]["module"] = weights_hash(floats(state))

    torch.save(shown, OUT / "zip_views.pth")
    record("zip_views.pth", shown)
    torch.save(shown, OUT / "legacy_views.pth", _use_new_zipfile_serialization=False)
    record("legacy_views.pth", shown)
    rezip(OUT / "zip_views.pth", OUT / "zip_big_endian.pth", swapped)
    record("zip_big_endian.pth", shown)
    expected["hashes"]["views"] = weights_hash(floats(shown))

    torch.save(halves(), OUT / "zip_halves.pth")
    record("zip_halves.pth", halves())
    torch.save(halves(), OUT / "legacy_halves.pth", _use_new_zipfile_serialization=False)
    record("legacy_halves.pth", halves())
    save_file(halves(), OUT / "halves.safetensors")
    record("halves.safetensors", halves(), check=False)
    expected["hashes"]["halves"] = weights_hash(floats(halves()))

    torch.serialization.set_crc32_options(False)
    torch.save(state, OUT / "zip_without_checksums.pth")
    torch.serialization.set_crc32_options(True)
    record("zip_without_checksums.pth", state)

    torch.save(nested(state), OUT / "zip_nested.pth")
    record("zip_nested.pth", state)
    torch.save(nested(state), OUT / "legacy_nested.pth", _use_new_zipfile_serialization=False)
    record("legacy_nested.pth", state)
    torch.save({"student": {"a": numbers(1)}, "teacher": {"backbone": state, "head": state}}, OUT / "zip_teacher.pth")
    record("zip_teacher.pth", state)
    return state


def write_folders(state):
    """The same weights in two files, in both formats, as `save_pretrained` lays them out."""
    names = list(state)
    halves_of = [names[:3], names[3:]]
    for folder, pattern, index, save in [
        ("sharded", "model-{:05}-of-00002.safetensors", "model.safetensors.index.json", save_file),
        ("sharded_torch", "pytorch_model-{:05}-of-00002.bin", "pytorch_model.bin.index.json", torch.save),
    ]:
        (OUT / folder).mkdir()
        weight_map = {}
        for number, part in enumerate(halves_of, 1):
            file = pattern.format(number)
            save({name: state[name].clone() for name in part}, OUT / folder / file)
            weight_map |= {name: file for name in part}
        text = json.dumps({"metadata": {"total_size": 0}, "weight_map": weight_map}, indent=2)
        (OUT / folder / index).write_text(text + "\n")
        record(folder, state, check=False)


class Runs:
    """Unpickled by Python, this makes a file."""

    def __reduce__(self):
        return os.system, ("touch it_ran",)


class Custom:
    """A class that only its program knows."""


def write_bad(state):
    torch.save({"weight": numbers(2), "evil": Runs()}, BAD / "runs_code.pth")
    torch.save({"weight": numbers(2), "evil": Runs()}, BAD / "runs_code_legacy.pth", _use_new_zipfile_serialization=False)
    torch.save({"weight": numbers(2), "evil": Runs()}, BAD / "runs_code_protocol_4.pth", pickle_protocol=4)
    (BAD / "plain_pickle.pth").write_bytes(pickle.dumps({"weight": [1.0]}, protocol=2))
    torch.save({"model": state, "args": Custom()}, BAD / "custom_class.pth")
    torch.save(torch.nn.Linear(2, 2), BAD / "module.pth")
    torch.save({"weight": numbers(1).expand(1 << 40)}, BAD / "expanded.pth")
    torch.save([numbers(2)], BAD / "list.pth")
    torch.save({"a": {"w": numbers(1)}, "b": {"w": numbers(1)}}, BAD / "ambiguous.pth")
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), BAD / "torchscript.pt")
    bomb = collections.OrderedDict(weight=torch.zeros(1 << 18))
    buffer = io.BytesIO()
    torch.save(bomb, buffer)
    rezip(buffer, BAD / "compressed.pth", method=zipfile.ZIP_DEFLATED)


generator = torch.Generator().manual_seed(7)
shutil.rmtree(OUT, ignore_errors=True)
BAD.mkdir(parents=True)
state = write_good()
write_folders(state)
write_bad(state)
(OUT / "expected.json").write_text(json.dumps(expected) + "\n")
