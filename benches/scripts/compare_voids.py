"""Images per second of synth's void generator beside the reference program, on one thread in one run.

Needs NumPy and OpenCV, the folder of the reference program (void_gen.py), and the bench program:

    cargo build --release -p synth-benches --bin void_bench
    python benches/scripts/compare_voids.py --peers DIR --bench target/release/void_bench --out voids.json

Both sides make the same parameter sets (void_gen.bench_params) on the same base chips. They take turns,
round after round, so that other load on the machine meets both; CPU seconds are counted, set-up is
left out, and the ratio is the median of the rounds' ratios.
"""
import argparse
import json
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

MODES = [("raw", "none", 5.0), ("labels", "none", 2.0), ("png", "png_cv2_default", 2.0),
         ("png_labels", "png_cv2_default", None)]


def prepare(folder, gen, cv2, sides, images):
    for side in sides:
        bases = folder / str(side)
        bases.mkdir()
        for i, chip in enumerate(gen.base_chips(side)):
            cv2.imwrite(str(bases / f"chip_{i}.png"), chip)
    (folder / "params.json").write_text(json.dumps(gen.bench_params(images)))


def ours(bench, folder, side, mode):
    line = subprocess.run([bench, "time", str(folder / "params.json"), str(folder / str(side)), mode, "2"],
                          check=True, capture_output=True, text=True).stdout
    result = json.loads(line)
    return result["images"] / min(result["cpu_s"]), result["bytes"] / result["images"]


def theirs(gen, side, images, encoder):
    runs = [gen.run_slice((side, 0, images, encoder)) for _ in range(2)]
    return images / min(run[1] for run in runs), runs[0][2] / images


def compare(gen, bench, folder, side, images, rounds):
    rows = []
    for mode, encoder, goal in MODES:
        pairs = [(ours(bench, folder, side, mode), theirs(gen, side, images, encoder)) for _ in range(rounds)]
        ratios = [a[0] / b[0] for a, b in pairs]
        rows.append({
            "side_px": side, "mode": mode, "goal": goal,
            "synth_images_per_cpu_s": round(statistics.median(a[0] for a, _ in pairs)),
            "opencv_images_per_cpu_s": round(statistics.median(b[0] for _, b in pairs)),
            "ratio": round(statistics.median(ratios), 2),
            "ratio_min": round(min(ratios), 2), "ratio_max": round(max(ratios), 2),
            "synth_bytes": round(pairs[0][0][1]), "opencv_bytes": round(pairs[0][1][1]),
        })
        print("{side_px:4d} px {mode:11s} synth {synth_images_per_cpu_s:6d}/s  OpenCV {opencv_images_per_cpu_s:6d}/s  "
              "ratio {ratio:5.2f} ({ratio_min}-{ratio_max}), goal {goal}; bytes {synth_bytes} to {opencv_bytes}"
              .format(**rows[-1]), flush=True)
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peers", required=True, help="folder that holds void_gen.py")
    p.add_argument("--bench", required=True, help="the void_bench program")
    p.add_argument("--images", type=int, default=300)
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--sides", type=int, nargs="+", default=[224, 512])
    p.add_argument("--out", help="JSON file to write")
    a = p.parse_args()
    sys.path.insert(0, a.peers)
    import cv2
    import void_gen
    from common import machine
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, void_gen, cv2, a.sides, a.images)
        rows = [row for side in a.sides
                for row in compare(void_gen, a.bench, folder, side, a.images, a.rounds)]
    if a.out:
        report = {"machine": machine(), "opencv": cv2.__version__, "platform": platform.platform(), "results": rows}
        Path(a.out).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
