"""Images per second of synth's embedders beside ONNX Runtime and PyTorch, on the CPU in one run.

Needs torch, transformers, timm, onnx, onnxscript and onnxruntime (run with 2.15.0, 5.23.0, 1.0.31, 1.23.2,
0.7.2 and 1.31.1), a C++ compiler for torch.compile, and the bench program:

    python benches/scripts/compare_embedders.py --bench PATH --out embedders.json
    python benches/scripts/compare_embedders.py                              the peers alone

All have random weights, float32 inputs [batch, 3, 224, 224] that are made outside the timing, and the same
number of threads. One image per second is one embedding: DINOv2's class token after the last norm, the
1280 averaged features of EfficientNet-Lite0. The sides take turns, round after round, so that other load on
the machine meets all; a time is the median of the runs within --seconds (at least 3, after one to warm up),
a figure the median of the rounds. CPU seconds of all threads are counted beside. On a busy machine only those
of --threads 1 mean anything: with two threads the sides spin while they wait for each other, PyTorch most
(at a load of 14 on two cores, 0.3 images/s of dinov2_vits14 for 2.0 with one thread).

The bench program is called as

    PATH --model dinov2_vits14 --batch 8 --threads 2 --seconds 2

and prints {"model": "dinov2_vits14", "batch": 8, "images_per_second": 11.9} as a line of JSON, with
"images_per_cpu_second" where it counts that. benches' `embedder_bench` is such a program for the two DINOv2:
`--models dinov2_vits14 dinov2_vitb14`.

ONNX Runtime gets what was fastest of the exports tried: for DINOv2 torch's tracing exporter, for
EfficientNet-Lite0 the newer one, the graph optimised by the session itself; onnxruntime.transformers'
fusions made DINOv2 slower on a CPU. PyTorch runs transformers' Dinov2Model with its default attention
(scaled_dot_product_attention) and timm's tf_efficientnet_lite0, as they are and through torch.compile.
"""
import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODELS = {"dinov2_vits14": (384, 6), "dinov2_vitb14": (768, 12), "efficientnet_lite0": None}
PEERS = ["onnxruntime", "torch", "torch_compiled"]


def network(name):
    import torch
    torch.manual_seed(0)
    if MODELS[name] is None:
        import timm
        return timm.create_model("tf_efficientnet_lite0", num_classes=0).eval()
    from transformers import Dinov2Config, Dinov2Model

    class ClassToken(torch.nn.Module):
        def __init__(self, model):
            super().__init__()
            self.model = model

        def forward(self, pixels):
            return self.model(pixel_values=pixels).pooler_output

    width, heads = MODELS[name]
    config = Dinov2Config(hidden_size=width, num_hidden_layers=12, num_attention_heads=heads, image_size=224,
                          patch_size=14)
    return ClassToken(Dinov2Model(config).eval())


def export(name, path):
    import torch
    names = {"input_names": ["pixels"], "output_names": ["features"]}
    if MODELS[name] is None:
        how = {"dynamo": True, "dynamic_shapes": ({0: torch.export.Dim("batch")},)}
    else:
        how = {"dynamo": False, "dynamic_axes": {"pixels": {0: "batch"}, "features": {0: "batch"}}}
    torch.onnx.export(network(name), (torch.zeros(2, 3, 224, 224),), str(path), verbose=False, **names, **how)


def onnxruntime_runner(name, folder, threads):
    import onnxruntime
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(folder / f"{name}.onnx"), options, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {"pixels": pixels})


def torch_runner(name, threads, compiled):
    import torch
    torch.set_num_threads(threads)
    model = network(name)
    if compiled:
        model = torch.compile(model, dynamic=False)

    def run(pixels):
        with torch.inference_mode():
            return model(torch.from_numpy(pixels))
    return run


def measure(run, batch, seconds):
    import numpy as np
    pixels = np.random.default_rng(0).standard_normal((batch, 3, 224, 224), dtype=np.float32)
    run(pixels)
    walls, cpus = [], []
    end = time.perf_counter() + seconds
    while len(walls) < 3 or time.perf_counter() < end:
        wall, cpu = time.perf_counter(), time.process_time()
        run(pixels)
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return {"images_per_second": batch / statistics.median(walls),
            "images_per_cpu_second": batch / statistics.median(cpus)}


def sgemm_gflops(threads):
    import torch
    torch.set_num_threads(threads)
    a = torch.randn(1536, 1536)
    times = []
    for _ in range(12):
        start = time.perf_counter()
        a @ a
        times.append(time.perf_counter() - start)
    return 2 * 1536**3 / min(times) / 1e9


def serve(side, folder, threads):
    """Answers lines `MODEL BATCH SECONDS`, or `export MODEL` or `sgemm`, with a line of JSON each."""
    answers, sys.stdout = sys.stdout, sys.stderr
    runners = {}
    for line in sys.stdin:
        words = line.split()
        if words[0] == "export":
            export(words[1], folder / f"{words[1]}.onnx")
            answer = {}
        elif words[0] == "sgemm":
            answer = {"gflops": sgemm_gflops(threads)}
        else:
            name, batch, seconds = words[0], int(words[1]), float(words[2])
            if name not in runners:
                is_onnx = side == "onnxruntime"
                runners[name] = (onnxruntime_runner(name, folder, threads) if is_onnx
                                 else torch_runner(name, threads, side == "torch_compiled"))
            answer = measure(runners[name], batch, seconds)
        print(json.dumps(answer), file=answers, flush=True)


class Peer:
    """This script in a process of its own, so that no side's threads are in another's way."""

    def __init__(self, side, folder, threads):
        command = [sys.executable, __file__, "--serve", side, "--folder", str(folder), "--threads", str(threads)]
        self.log = open(folder / f"{side}.log", "w")
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log,
                                        text=True)

    def ask(self, line):
        print(line, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            sys.exit(f"error: the peer died\n{Path(self.log.name).read_text()[-2000:]}")
        return json.loads(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


def ours(bench, model, batch, seconds, threads):
    command = [bench, "--model", model, "--batch", str(batch), "--threads", str(threads), "--seconds", str(seconds)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith("{")]
    matching = [line for line in lines if line["model"] == model and line["batch"] == batch]
    if not matching:
        sys.exit(f"error: {bench} printed no line for {model} at batch {batch}")
    return matching[-1]


def summary(model, batch, rounds):
    """`rounds`: for each round the figures of each side."""
    row = {"model": model, "batch": batch}
    for side in rounds[0]:
        for key in ("images_per_second", "images_per_cpu_second"):
            values = [turn[side][key] for turn in rounds if key in turn[side]]
            if values:
                row.setdefault(side, {})[key] = {"median": statistics.median(values), "min": min(values),
                                                 "max": max(values)}
    if "synth" in rounds[0]:
        ratios = [turn["synth"]["images_per_second"]
                  / max(turn[side]["images_per_second"] for side in turn if side != "synth") for turn in rounds]
        row["ratio_to_fastest"] = statistics.median(ratios)
    return row


def printed(row):
    cells = [f"{row['model']:19s} batch {row['batch']:2d}"]
    for side in ("synth", *PEERS):
        if side in row:
            clock = row[side]["images_per_second"]["median"]
            cpu = row[side].get("images_per_cpu_second")
            cells.append(f"{side} {clock:7.2f}/s" + (f" ({cpu['median']:6.2f} per CPU s)" if cpu else ""))
    if "ratio_to_fastest" in row:
        cells.append(f"ratio {row['ratio_to_fastest']:.2f}")
    return "  ".join(cells)


def compare(a, folder):
    peers = {side: Peer(side, folder, a.threads) for side in a.peers}
    some = next(iter(peers.values()))
    if "onnxruntime" in peers:
        for model in a.models:
            some.ask(f"export {model}")
    out = {"machine": platform.platform(), "threads": a.threads, "sgemm_gflops": [some.ask("sgemm")["gflops"]],
           "rows": []}
    for model in a.models:
        for batch in a.batches:
            rounds = []
            for _ in range(a.rounds):
                turn = {"synth": ours(a.bench, model, batch, a.seconds, a.threads)} if a.bench else {}
                turn |= {side: peer.ask(f"{model} {batch} {a.seconds}") for side, peer in peers.items()}
                rounds.append(turn)
            out["rows"].append(summary(model, batch, rounds))
            print(printed(out["rows"][-1]), flush=True)
    out["sgemm_gflops"].append(some.ask("sgemm")["gflops"])
    for peer in peers.values():
        peer.close()
    print("sgemm before and after: {:.0f} and {:.0f} GFLOP/s".format(*out["sgemm_gflops"]))
    return out


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bench", help="the bench program; without it the peers alone")
    p.add_argument("--models", nargs="+", default=list(MODELS), choices=MODELS)
    p.add_argument("--peers", nargs="+", default=PEERS, choices=PEERS)
    p.add_argument("--batches", type=int, nargs="+", default=[1, 8, 32])
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--seconds", type=float, default=2.0)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--out", help="JSON file to write")
    p.add_argument("--serve", choices=PEERS, help=argparse.SUPPRESS)
    p.add_argument("--folder", help=argparse.SUPPRESS)
    a = p.parse_args()
    if a.serve:
        serve(a.serve, Path(a.folder), a.threads)
        return
    with tempfile.TemporaryDirectory() as name:
        out = compare(a, Path(name))
    if a.out:
        Path(a.out).write_text(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
