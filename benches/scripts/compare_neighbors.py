"""Synth's approximate neighbour index beside hnswlib: recall and queries per second on one thread.

Needs NumPy, hnswlib and the bench program:

    cargo build --release -p synth-benches --bin neighbors_bench
    python benches/scripts/compare_neighbors.py --bench target/release/neighbors_bench [--n 100000] [--dim 384]

Both sides index the same float32 rows by Euclidean distance with the same M and ef_construction, and are
asked for 10 neighbours of the same queries, one query a call. The truth is the exact index's. CPU seconds
of one thread; set-up is left out. Rows vary in `--intrinsic` directions around 100 centres, with a little
noise in all.
"""
import argparse
import json
import platform
import subprocess
import tempfile
import time
from pathlib import Path

import hnswlib
import numpy as np

K = 10


def make(n, dim, intrinsic, seed):
    rng = np.random.default_rng(seed)
    directions = rng.standard_normal((intrinsic, dim)) / np.sqrt(intrinsic)
    centres = rng.standard_normal((100, intrinsic))
    inner = centres[rng.integers(100, size=n)] + rng.standard_normal((n, intrinsic))
    return (inner @ directions + 0.05 * rng.standard_normal((n, dim))).astype(np.float32)


def theirs(rows, queries, links, ef_construction, breadths):
    index = hnswlib.Index(space="l2", dim=rows.shape[1])
    index.init_index(max_elements=len(rows), M=links, ef_construction=ef_construction, random_seed=1)
    index.set_num_threads(1)
    start = time.process_time()
    index.add_items(rows, num_threads=1)
    report = {"build_cpu_s": time.process_time() - start, "searches": []}
    for breadth in breadths:
        index.set_ef(breadth)
        start = time.process_time()
        found = [index.knn_query(query, k=K, num_threads=1)[0][0] for query in queries]
        report["searches"].append({"ef_search": str(breadth), "cpu_s": time.process_time() - start,
                                   "found": [[str(i) for i in row] for row in found]})
    return report


def recall(found, truth):
    return sum(len(set(a) & set(b)) for a, b in zip(found, truth)) / (K * len(truth))


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bench", required=True, help="the neighbors_bench program")
    p.add_argument("--n", type=int, default=100_000)
    p.add_argument("--dim", type=int, default=384)
    p.add_argument("--intrinsic", type=int, default=24)
    p.add_argument("--queries", type=int, default=1000)
    p.add_argument("--links", type=int, default=16)
    p.add_argument("--ef-construction", type=int, default=200)
    p.add_argument("--ef-search", type=int, nargs="+", default=[32, 64, 100, 200])
    p.add_argument("--out", help="JSON file to write")
    a = p.parse_args()
    data = make(a.n + a.queries, a.dim, a.intrinsic, 1)
    rows, queries = data[:a.n], data[a.n:]
    with tempfile.TemporaryDirectory() as name:
        paths = [str(Path(name) / part) for part in ("rows.npy", "queries.npy")]
        np.save(paths[0], rows)
        np.save(paths[1], queries)
        breadths = [str(ef) for ef in a.ef_search]
        command = [a.bench, *paths, str(a.links), str(a.ef_construction), *breadths, "exact"]
        ours = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    exact = ours["searches"].pop()
    hnsw = theirs(rows, queries, a.links, a.ef_construction, a.ef_search)
    report = {"platform": platform.platform(), "n": a.n, "dim": a.dim, "intrinsic": a.intrinsic,
              "links": a.links, "ef_construction": a.ef_construction, "rows": []}
    print(f"build, CPU s: synth {ours['build_cpu_s']:.1f}, hnswlib {hnsw['build_cpu_s']:.1f}; "
          f"exact index {len(queries) / exact['cpu_s']:.0f} queries/s in one batch")
    report["build_cpu_s"] = {"synth": ours["build_cpu_s"], "hnswlib": hnsw["build_cpu_s"]}
    for mine, other in zip(ours["searches"], hnsw["searches"]):
        row = {"ef_search": mine["ef_search"]}
        for who, search in [("synth", mine), ("hnswlib", other)]:
            row[who] = {"recall": recall(search["found"], exact["found"]),
                        "queries_per_cpu_s": len(queries) / search["cpu_s"]}
        report["rows"].append(row)
        print("ef {:>4}: synth recall {:.4f}, {:6.0f}/s; hnswlib recall {:.4f}, {:6.0f}/s".format(
            row["ef_search"], *row["synth"].values(), *row["hnswlib"].values()), flush=True)
    if a.out:
        Path(a.out).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
