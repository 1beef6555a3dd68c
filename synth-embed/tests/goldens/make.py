"""Writes tall.json and neighbors.json: reference values by NumPy and scikit-learn.

pca.json, small_real.npy and small_synth.npy come from the same program as the metrics' goldens.
"""
import json
from pathlib import Path

import numpy as np
import sklearn
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

here = Path(__file__).parent
rng = np.random.default_rng(20261121)


def listed(array):
    return np.asarray(array, np.float64).tolist()


def tall():
    """60 rows of length 8 whose spreads fall from 1 to 1e-4, mixed by a rotation."""
    rotation = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    rows = (rng.standard_normal((60, 8)) * np.logspace(0, -4, 8) @ rotation + 0.5).astype(np.float32)
    pca = PCA(8, svd_solver="full").fit(rows.astype(np.float64))
    return {"sklearn": sklearn.__version__, "rows": listed(rows), "components": listed(pca.components_),
            "explained_variance": listed(pca.explained_variance_),
            "explained_variance_ratio": listed(pca.explained_variance_ratio_)}


def neighbors():
    rows = rng.standard_normal((300, 11)).astype(np.float32)
    queries = rng.standard_normal((5, 11)).astype(np.float32)
    out = {"sklearn": sklearn.__version__, "rows": listed(rows), "queries": listed(queries)}
    for metric in ("euclidean", "cosine"):
        search = NearestNeighbors(n_neighbors=6, algorithm="brute", metric=metric)
        distances, indices = search.fit(rows.astype(np.float64)).kneighbors(queries.astype(np.float64))
        out[metric] = {"distances": listed(distances), "indices": indices.tolist()}
    return out


(here / "tall.json").write_text(json.dumps(tall()) + "\n")
(here / "neighbors.json").write_text(json.dumps(neighbors()) + "\n")
