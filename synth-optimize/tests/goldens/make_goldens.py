"""Reference values for the Gaussian process, the acquisition tails and the test problems.

    python make_goldens.py > goldens.json        (numpy, scipy, scikit-learn, mpmath)

- "sklearn": posterior mean and covariance, log marginal likelihood and gradient at fixed
  hyper-parameters, from scikit-learn's GaussianProcessRegressor.
- "mixed": the same for the kernel with categories, from its formula in plain NumPy (explicit
  inverse), with the gradient by mpmath differentiation of the same formula at 40 digits.
- "log_ei", "log_cdf": mpmath at 60 digits.
- "void_surrogate", "branin", "ackley": values of problems.py (pass its folder as the first argument) at drawn points.
"""
import json
import sys

import mpmath as mp
import numpy as np
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel


def sklearn_case(family, seed, n, m, d):
    r = np.random.default_rng(seed)
    x, z, y = r.random((n, d)), r.random((m, d)), r.normal(size=n)
    lengths, variance, noise = 0.3 + r.random(d), 1.7, 0.03
    base = RBF(lengths) if family == "rbf" else Matern(lengths, nu=2.5)
    kernel = ConstantKernel(variance) * base + WhiteKernel(noise)
    gp = GaussianProcessRegressor(kernel, alpha=0.0, optimizer=None).fit(x, y)
    lml, gradient = gp.log_marginal_likelihood(gp.kernel_.theta, eval_gradient=True)
    # The predictive covariance of scikit-learn holds the white noise of new points: condition without.
    gp.kernel_ = gp.kernel_.k1
    mean, covariance = gp.predict(z, return_cov=True)
    return dict(family=family, x=x.tolist(), z=z.tolist(), y=y.tolist(), lengths=lengths.tolist(), variance=variance,
                noise=noise, mean=mean.tolist(), covariance=covariance.tolist(), lml=lml,
                # theta order of scikit-learn: variance, lengths, noise.
                gradient=gradient.tolist())


def mixed_kernel(theta, x, c, z, e, family, levels):
    """Product and sum kernel in mpmath; theta = ln lengths, ln rates, logit share, ln variance, ln noise."""
    d = len(x[0])
    lengths = [mp.e ** t for t in theta[:d]]
    rates, at = [], d
    for k in levels:
        rates.append([mp.e ** t for t in theta[at:at + k]])
        at += k
    share, variance = 1 / (1 + mp.e ** -theta[at]), mp.e ** theta[at + 1]

    def k(p, a, q, b):
        s = sum(((u - v) / l) ** 2 for u, v, l in zip(p, q, lengths))
        if family == "rbf":
            num = mp.e ** (-s / 2)
        else:
            root = mp.sqrt(5 * s)
            num = (1 + root + 5 * s / 3) * mp.e ** -root
        cat = mp.e ** -sum(r[i] + r[j] for r, i, j in zip(rates, a, b) if i != j)
        return variance * ((1 - share) * num * cat + share * (num + cat) / 2)

    return mp.matrix([[k(p, a, q, b) for q, b in zip(z, e)] for p, a in zip(x, c)])


def mixed_case(family, seed, n):
    r = np.random.default_rng(seed)
    m, levels, noise = 4, [3, 4], 0.02
    draw = lambda count: (r.random((count, 2)).tolist(), np.stack([r.integers(0, k, count) for k in levels], 1).tolist())
    (x, c), (z, e), y = draw(n), draw(m), r.normal(size=n).tolist()
    theta = [mp.mpf(float(t)) for t in np.concatenate(
        [np.log(0.3 + r.random(2)), np.log(0.1 + r.random(sum(levels))), [-0.7, np.log(1.3), np.log(noise)]])]

    def lml(*t):
        k = mixed_kernel(list(t), x, c, x, c, family, levels) + mp.e ** t[-1] * mp.eye(n)
        v = mp.matrix(y)
        return -(v.T * mp.lu_solve(k, v))[0] / 2 - mp.log(mp.det(k)) / 2 - n * mp.log(2 * mp.pi) / 2

    gradient = [mp.diff(lml, tuple(theta), n=tuple(int(i == j) for j in range(len(theta)))) for i in range(len(theta))]
    inverse = (mixed_kernel(theta, x, c, x, c, family, levels) + mp.e ** theta[-1] * mp.eye(n)) ** -1
    cross = mixed_kernel(theta, z, e, x, c, family, levels)
    mean = cross * inverse * mp.matrix(y)
    covariance = mixed_kernel(theta, z, e, z, e, family, levels) - cross * inverse * cross.T
    return dict(family=family, x=x, levels_x=c, z=z, levels_z=e, y=y, levels=levels,
                theta=[float(t) for t in theta], mean=[float(v) for v in mean],
                covariance=[[float(covariance[i, j]) for j in range(m)] for i in range(m)],
                lml=float(lml(*theta)), gradient=[float(g) for g in gradient])


def tails():
    us = [-1e4, -300.0, -40.0, -38.5, -20.0, -10.5, -10.0, -9.5, -5.0, -2.0, -1.0, -0.999, -0.1, 0.0, 0.5, 3.0, 12.0]
    h = lambda u: mp.npdf(u) + u * mp.ncdf(u)
    return dict(u=us, log_ei=[float(mp.log(h(mp.mpf(u)))) for u in us],
                log_cdf=[float(mp.log(mp.ncdf(mp.mpf(u)))) for u in us])


def void_surrogate(folder):
    sys.path.insert(0, folder)
    import problems
    out = []
    for seed in range(20):
        problem, r = problems.VoidSurrogate(seed), np.random.default_rng(seed)
        points = [[int(r.integers(3)), int(r.integers(3, 21))] + [float(r.uniform(s[1], s[2])) for s in problem.space[2:]]
                  for _ in range(3)]
        out.append(dict(truth=problem.t, points=points, values=[problem.evaluate(p, 0) for p in points]))
    xs = np.random.default_rng(1).uniform([-5, 0], [10, 15], (5, 2))
    ys = np.random.default_rng(2).uniform(-32.768, 32.768, (5, 5))
    return (out, [[*map(float, x), float(problems.branin(x))] for x in xs],
            [[*map(float, x), float(problems.ackley(x))] for x in ys])


if __name__ == "__main__":
    mp.mp.dps = 60
    tail = tails()
    mp.mp.dps = 40
    surrogate, branin, ackley = void_surrogate(sys.argv[1])
    json.dump(dict(sklearn=[sklearn_case("rbf", 1, 12, 5, 3), sklearn_case("matern52", 2, 15, 4, 4),
                            sklearn_case("matern52", 5, 61, 3, 4)],
                   mixed=[mixed_case("rbf", 3, 9), mixed_case("matern52", 4, 9), mixed_case("rbf", 7, 21)], tails=tail,
                   void_surrogate=surrogate, branin=branin, ackley=ackley), sys.stdout, indent=1)
    print()
