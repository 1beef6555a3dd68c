"""CPU seconds of the fidelity figures: one by one with NumPy, POT and prdc, and in synth's one pass.

    python benches/scripts/compare_fidelity.py target/release/fidelity_bench [--n 10000] [--dim 768] [--only ours|theirs]

Both sides read the same float32 matrices. Values are compared; CPU seconds are user + system time of
all threads; peak memory is the resident set of a process of its own. Needs numpy, scipy, POT, prdc.
"""

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import tempfile
import time


def squared_distances(a, b):
    import numpy as np

    d2 = (a * a).sum(1)[:, None] + (b * b).sum(1)[None, :] - 2.0 * (a @ b.T)
    return np.maximum(d2, 0.0, out=d2)


def mmd2(x, y, sigma):
    import numpy as np

    n, m = len(x), len(y)
    kernel = lambda a, b: np.exp(squared_distances(a, b) / (-2.0 * sigma * sigma))
    xx = kernel(x, x)
    xx = (xx.sum() - np.trace(xx)) / (n * (n - 1))
    yy = kernel(y, y)
    yy = (yy.sum() - np.trace(yy)) / (m * (m - 1))
    return xx + yy - 2.0 * kernel(x, y).mean()


def energy(x, y):
    import numpy as np
    import ot

    n, m = len(x), len(y)
    mean = lambda a, b: ot.dist(a, b, metric="euclidean")
    xx = mean(x, x)
    np.fill_diagonal(xx, 0.0)
    xx = xx.sum() / (n * (n - 1))
    yy = mean(y, y)
    np.fill_diagonal(yy, 0.0)
    yy = yy.sum() / (m * (m - 1))
    return 2.0 * mean(x, y).mean() - xx - yy


def precision_recall(x, y):
    from prdc import compute_prdc

    return {k: float(v) for k, v in compute_prdc(real_features=x, fake_features=y, nearest_k=5).items()}


def nearest_neighbor_test(x, y):
    import numpy as np

    pooled = np.concatenate([x, y])
    d2 = squared_distances(pooled, pooled)
    np.fill_diagonal(d2, np.inf)
    nearest = d2.argmin(1) < len(x)
    return float((nearest == (np.arange(len(pooled)) < len(x))).mean())


def nearest_real(x, y):
    import numpy as np

    return float(np.sqrt(squared_distances(y, x).min(1)).mean())


def one_figure(name, x_path, y_path, sigma, pipe):
    """Runs one figure in a process of its own, so that its memory is its own."""
    import numpy as np

    x, y = np.load(x_path), np.load(y_path)
    started, used = time.perf_counter(), time.process_time()
    value = {
        "mmd2_rbf_unbiased": lambda: mmd2(x, y, sigma),
        "energy": lambda: energy(x, y),
        "prdc": lambda: precision_recall(x, y),
        "c2st_1nn": lambda: nearest_neighbor_test(x, y),
        "nearest_real": lambda: nearest_real(x, y),
    }[name]()
    pipe.send({
        "value": value if isinstance(value, dict) else float(value),
        "cpu_seconds": time.process_time() - used,
        "wall_seconds": time.perf_counter() - started,
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    })


def theirs(x_path, y_path, sigma):
    results = {}
    for name in ["mmd2_rbf_unbiased", "energy", "prdc", "c2st_1nn", "nearest_real"]:
        here, there = multiprocessing.Pipe()
        process = multiprocessing.Process(target=one_figure, args=(name, x_path, y_path, sigma, there))
        process.start()
        there.close()
        results[name] = here.recv()
        process.join()
        print(name, results[name], flush=True)
    return results


def ours(program, x_path, y_path, sigma):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = subprocess.run([program, x_path, y_path, str(sigma)], check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = json.loads(output.stdout)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print("ours: cpu seconds", round(used, 2), "wall", round(found["wall_seconds"], 2),
          "peak MiB", after.ru_maxrss // 1024, flush=True)
    return used, found["metrics"]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--n", type=int, default=10_000)
    parser.add_argument("--dim", type=int, default=768)
    parser.add_argument("--sigma", type=float, default=39.0)
    parser.add_argument("--only", choices=["ours", "theirs"])
    args = parser.parse_args()
    import numpy as np

    with tempfile.TemporaryDirectory() as folder:
        rng = np.random.default_rng(0)
        paths = [os.path.join(folder, name) for name in ["real.npy", "synthetic.npy"]]
        for path in paths:
            np.save(path, rng.standard_normal((args.n, args.dim), dtype=np.float32))
        mine = theirs_found = None
        if args.only != "theirs":
            used, mine = ours(args.program, *paths, args.sigma)
        if args.only != "ours":
            theirs_found = theirs(*paths, args.sigma)
            total = sum(result["cpu_seconds"] for result in theirs_found.values())
            print("theirs: cpu seconds", round(total, 2))
        if mine and theirs_found:
            print("ratio", round(total / used, 2))
            for name, result in theirs_found.items():
                print(name, "ours", mine[name].get("value", mine[name]), "theirs", result["value"])


if __name__ == "__main__":
    main()
