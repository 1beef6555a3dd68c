"""Do synth's voids and the reference program's look alike? Three checks, printed and written as JSON.

paired    The reference program draws synth's own geometry (its random numbers are replaced by synth's
          centres, radii and angles), on the same bases: ratio of the mean darkened area per shape, and
          the mean and largest difference of a pixel. Goal: areas within 0.5 %.
null      1,000 images of each, drawn independently from the search space: unbiased MMD^2, RBF kernel at
          the median distance, 999 permutations, in two spaces (grey histogram + HOG; pixels after 14x
          down-sampling). Goal: not distinguishable (p > 0.05).
sharp     The same at the one parameter set void_gen.MEAN_PARAMS, per shape: far less spread hides a difference.

Needs NumPy and OpenCV, the folder of the reference program, and the bench program (see compare_voids.py):

    python benches/scripts/void_parity.py --peers DIR --bench target/release/void_bench --out parity.json
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import cv2
import numpy as np

SIDE = 224


class Given:
    """Stands in for NumPy's generator inside void_gen.void_mask: gives synth's numbers in its order of use."""

    def __init__(self, voids):
        self.voids, self.next_corners = voids, 0

    def uniform(self, low, high, size=None):
        if size is None:
            return self.voids[0]["angle_deg"]
        if size == 12:
            void = self.voids[self.next_corners]
            self.next_corners += 1
            return np.array([void[f"radius_{k:02d}"] for k in range(12)]) / void["radius"]
        # Whole numbers are pixel centres there and pixel corners in synth.
        return np.array([[void["centre_x"] - 0.5, void["centre_y"] - 0.5] for void in self.voids])

    def standard_normal(self, n):
        return np.array([void["radius"] for void in self.voids])


class Synth:
    def __init__(self, bench, folder, gen):
        self.bench, self.folder, self.bases = bench, folder, folder / "bases"
        self.bases.mkdir()
        for i, chip in enumerate(gen.base_chips(SIDE)):
            cv2.imwrite(str(self.bases / f"chip_{i}.png"), chip)

    def draw(self, params, seed, outline):
        (self.folder / "params.json").write_text(json.dumps(params))
        out = self.folder / "out"
        subprocess.run([self.bench, "dump", str(self.folder / "params.json"), str(self.bases), str(out), str(seed),
                        str(outline)], check=True)
        images = np.fromfile(f"{out}.raw", np.uint8).reshape(len(params), SIDE, SIDE)
        drawn = json.loads(Path(f"{out}.json").read_text())
        bases = [int(image["inputs"]["base_image"][-1]) for image in drawn]
        return images, bases, [[void["attributes"] for void in image["labels"]] for image in drawn]


def reference(gen, bases, params, seed):
    """One image per set, each on a base drawn from its own seed."""
    return np.array([gen.generate_batch(bases, p, [seed + i])[0] for i, p in enumerate(params)])


def search_space(gen, n, seed):
    rng = np.random.default_rng(seed)
    return [dict(void_shape=gen.SHAPES[rng.integers(3)], void_count=int(rng.integers(3, 21)),
                 base_size=rng.uniform(5, 40), brightness_factor=rng.uniform(0.3, 0.8), size_std=rng.uniform(0, 15),
                 position_spread=rng.uniform(0.1, 0.8)) for _ in range(n)]


def paired(gen, synth, bases, params, outline):
    images, drawn_on, labels = synth.draw(params, 3, outline)
    rows = {}
    for shape in gen.SHAPES:
        ours, theirs, worst, total = [], [], 0, []
        for i, p in enumerate(params):
            if p["void_shape"] != shape:
                continue
            given = dict(p, base_size=0.0, size_std=1.0)
            mask = gen.void_mask(SIDE, given, Given(labels[i]))
            alpha = cv2.GaussianBlur(mask, (0, 0), gen.EDGE_BLUR).astype(np.float32)
            base = bases[drawn_on[i]]
            image = np.rint(base * (1.0 - alpha * ((1.0 - p["brightness_factor"]) / 255.0)))
            share = base.astype(float) * (1.0 - p["brightness_factor"])
            ours.append(((base - images[i].astype(float)) / share).sum())
            theirs.append(((base - image) / share).sum())
            off = np.abs(images[i] - image)
            worst = max(worst, off.max())
            total.append(off.mean())
        ratio = float(np.sum(ours) / np.sum(theirs))
        rows[shape] = {"images": len(ours), "area_ratio": ratio, "mean_abs_difference": float(np.mean(total)),
                       "largest_difference": float(worst)}
        print(f"paired {shape:10s} area ratio {ratio:.4f}  mean |difference| {np.mean(total):.3f} grey levels  "
              f"largest {worst:.0f}  ({len(ours)} images)", flush=True)
    return rows


def hog(image, cells=7, bins=9):
    """Gradients weighted by magnitude, per cell and unsigned orientation; the square root evens them out."""
    small = cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA).astype(np.float32)
    gy, gx = np.gradient(small)
    which = np.minimum((np.arctan2(gy, gx) % np.pi) / np.pi * bins, bins - 1).astype(int)
    row, column = np.indices(small.shape) * cells // 112
    return np.sqrt(np.bincount(((row * cells + column) * bins + which).ravel(), np.hypot(gx, gy).ravel(),
                               cells * cells * bins))


def texture(images):
    """Grey histogram (64 bins) beside HOG, each scaled to a mean distance of 1 from its centre."""
    histogram = np.array([np.bincount(im.ravel() >> 2, minlength=64) / im.size for im in images])
    gradients = np.array([hog(im) for im in images])
    return np.hstack([m / np.linalg.norm(m - m.mean(0), axis=1).mean() for m in (histogram, gradients)])


def pixels(images):
    return np.array([cv2.resize(im, (16, 16), interpolation=cv2.INTER_AREA).ravel() / 255.0 for im in images])


def mmd_test(x, y, permutations=999):
    z = np.vstack([x, y])
    z = z - z.mean(0)  # both norms stay small, so that the differences below keep their digits
    square = (z ** 2).sum(1)
    d2 = np.maximum(square[:, None] + square[None] - 2 * z @ z.T, 0)
    sigma2 = np.median(d2[np.triu_indices(len(z), 1)])
    k = np.exp(-d2 / (2 * sigma2))
    np.fill_diagonal(k, 0.0)
    n, m = len(x), len(y)

    def value(side):
        a = side @ k @ side
        b = (1 - side) @ k @ (1 - side)
        return a / (n * (n - 1)) + b / (m * (m - 1)) - 2 * (side @ k @ (1 - side)) / (n * m)

    rng = np.random.default_rng(0)
    side = np.r_[np.ones(n), np.zeros(m)]
    observed = value(side)
    null = np.array([value(rng.permutation(side)) for _ in range(permutations)])
    return float(observed), float((1 + (null >= observed).sum()) / (permutations + 1)), float(np.quantile(null, 0.95))


def compare(name, ours, theirs):
    rows = {}
    for space, embed in (("histogram_hog", texture), ("pixels", pixels)):
        value, p, q95 = mmd_test(*np.split(embed(np.concatenate([ours, theirs])), [len(ours)]))
        rows[space] = {"mmd2": value, "p_value": p, "null_q95": q95}
        print(f"{name:16s} {space:14s} MMD^2 {value:+.2e}  p {p:.3f}  (5 % critical value {q95:.2e})", flush=True)
    return rows


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--peers", required=True, help="folder that holds void_gen.py")
    p.add_argument("--bench", required=True, help="the void_bench program")
    p.add_argument("--images", type=int, default=1000)
    p.add_argument("--outline", type=float, default=0.62, help="px; the generator's default")
    p.add_argument("--out", help="JSON file to write")
    a = p.parse_args()
    sys.path.insert(0, a.peers)
    import void_gen
    cv2.setNumThreads(1)
    with tempfile.TemporaryDirectory() as name:
        synth, bases = Synth(a.bench, Path(name), void_gen), void_gen.base_chips(SIDE)
        report = {"outline": a.outline, "paired": paired(void_gen, synth, bases, search_space(void_gen, a.images, 1),
                                                         a.outline)}
        ours, theirs = search_space(void_gen, a.images, 11), search_space(void_gen, a.images, 12)
        report["null"] = compare("null", synth.draw(ours, 5, a.outline)[0], reference(void_gen, bases, theirs, 10 ** 6))
        for shape in void_gen.SHAPES:
            params = [dict(void_gen.MEAN_PARAMS, void_shape=shape)] * a.images
            images = synth.draw(params, 7, a.outline)[0]
            report[f"sharp_{shape}"] = compare(f"sharp {shape}", images, reference(void_gen, bases, params, 2 * 10 ** 6))
    if a.out:
        Path(a.out).write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
