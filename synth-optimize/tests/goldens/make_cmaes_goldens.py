"""Reference values for CMA-ES.

    python make_cmaes_goldens.py > cmaes.json        (cma 4.5.0, cmaes 0.13.1, numpy)

- "coefficients": weights, mu_eff, c_1 and c_mu as pycma computes them (c_1 scaled by min(1, lambda/6),
  as pycma's sampler does); c_sigma, d_sigma and c_c as the package `cmaes` does (pycma's own step-size
  control has left the tutorial's constants).
- "gaussian": mean, sigma and covariance after each of six generations of the package `cmaes`, given the
  points best first, with pycma's c_mu and weights put in.
- "categories": level probabilities after each of eight generations of its CatCMA, each step's length
  taken from the current Delta (the package takes it from the one before).
- "evaluations": median over 15 runs of pycma's evaluations (population 8, sigma 0.15, unit cube) until the
  value is below 1e-8, from the best of 16 uniform points.
"""
import json
import sys
import warnings

import numpy as np

warnings.filterwarnings("ignore")
import cma
from cmaes import CMA, CatCMA


def coefficients(dim, population):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        es = cma.CMAEvolutionStrategy(dim * [0.0], 1.0, dict(popsize=population, verbose=-9))
        other = CMA(mean=np.zeros(dim), sigma=1.0, population_size=population)
    return dict(dim=dim, population=population, weights=[float(w) for w in es.sp.weights],
                mu_eff=float(es.sp.weights.mueff), c_1=float(es.sp.c1), c_mu=float(es.sp.cmu),
                c_sigma=float(other._c_sigma), d_sigma=float(other._d_sigma), c_c=float(other._cc),
                chi=float(other._chi_n))


def gaussian(dim, population):
    es = cma.CMAEvolutionStrategy(dim * [0.0], 1.0, dict(popsize=population, verbose=-9))
    other = CMA(mean=np.full(dim, 0.4), sigma=0.15, population_size=population, seed=3)
    other._cmu, other._weights = es.sp.cmu, np.array(es.sp.weights)
    generations = []
    for _ in range(6):
        points = sorted((other.ask() for _ in range(population)), key=ellipsoid)
        other.tell([(x, float(rank)) for rank, x in enumerate(points)])
        generations.append(dict(points=[x.tolist() for x in points], mean=other._mean.tolist(),
                                sigma=float(other._sigma), covariance=other._C.tolist()))
    return dict(dim=dim, population=population, mean=0.4, sigma=0.15, generations=generations)


def categories(levels, population):
    other = CatCMA(mean=np.zeros(2), sigma=1.0, cat_num=np.array(levels), population_size=population, seed=4)
    generations = []
    for _ in range(8):
        points = [other.ask() for _ in range(population)]
        other._delta = other._delta_init / other._Delta
        points.sort(key=lambda p: p[1].argmax(axis=1).sum())
        other.tell([(p, float(rank)) for rank, p in enumerate(points)])
        generations.append(dict(levels=[p[1].argmax(axis=1).tolist() for p in points],
                                shares=[other._q[i, :k].tolist() for i, k in enumerate(levels)]))
    return dict(levels=levels, weights=other._weights.tolist(), generations=generations)


def sphere(x):
    return float(np.sum((x - 0.3) ** 2))


def ellipsoid(x):
    return float(np.sum(1e4 ** (np.arange(len(x)) / (len(x) - 1)) * (x - 0.3) ** 2))


def rosenbrock(x):
    y = 4 * x - 1
    return float(np.sum(100 * (y[1:] - y[:-1] ** 2) ** 2 + (1 - y[:-1]) ** 2))


def evaluations(function, dim, seed):
    r = np.random.default_rng(seed)
    points = r.random((16, dim))
    start = min(points, key=function)
    es = cma.CMAEvolutionStrategy(start, 0.15, dict(popsize=8, bounds=[0, 1], seed=seed + 1, verbose=-9))
    count = 16
    while count < 20_000:
        xs = es.ask()
        values = [function(x) for x in xs]
        count += len(xs)
        if min(values) < 1e-8:
            return count
        es.tell(xs, values)
    return count


if __name__ == "__main__":
    cases = [coefficients(*case) for case in [(2, 6), (3, 7), (6, 8), (10, 10), (20, 12), (20, 64), (40, 8)]]
    runs = {name: dict(dim=dim, median=float(np.median([evaluations(f, dim, s) for s in range(15)])))
            for name, f, dim in [("sphere", sphere, 10), ("ellipsoid", ellipsoid, 6), ("rosenbrock", rosenbrock, 4)]}
    json.dump(dict(coefficients=cases, gaussian=gaussian(4, 8), categories=categories([4, 3, 2], 8),
                   evaluations=runs), sys.stdout, indent=1)
    print()
