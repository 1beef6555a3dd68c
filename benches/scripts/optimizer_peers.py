"""The optimisers that compare_optimizers.py runs, each behind `ask(count)` and `tell(sets, values)`.

One is made with the parameters, whether the values are noisy, a seed, and the starting sets with their values,
and imports its package only then. Where a package has no log scale, ints or choices of its own, `Cube` maps the
parameters to it: a float to [0, 1] on its scale, an int to a grid in there, a choice to 0, 1, ..
"""
import itertools
import math
import random
import warnings


class Cube:
    def __init__(self, parameters):
        self.parameters = parameters

    def unit(self, p, value):
        scale = math.log if p.get("log") else float
        return (scale(value) - scale(p["low"])) / (scale(p["high"]) - scale(p["low"]) or 1.0)

    def encode(self, params):
        return [float(p["choices"].index(params[p["name"]])) if p["type"] == "choice"
                else self.unit(p, params[p["name"]]) for p in self.parameters]

    def decode(self, row):
        out = {}
        for p, x in zip(self.parameters, map(float, row)):
            if p["type"] == "choice":
                value = p["choices"][round(x)]
            elif p.get("log"):
                value = p["low"] * (p["high"] / p["low"]) ** x
            else:
                value = p["low"] + x * (p["high"] - p["low"])
            out[p["name"]] = round(value) if p["type"] == "int" else value
        return out

    def grid(self, p):
        return [self.unit(p, value) for value in range(p["low"], p["high"] + 1)]

    def columns(self, kind):
        return [i for i, p in enumerate(self.parameters) if p["type"] == kind]


class Random:
    """Uniform on each parameter's scale."""

    def __init__(self, parameters, noisy, seed, sets, values):
        self.cube, self.random = Cube(parameters), random.Random(f"proposals {seed}")

    def draw(self, p):
        if p["type"] == "choice":
            return self.random.randrange(len(p["choices"]))
        return self.random.choice(self.cube.grid(p)) if p["type"] == "int" else self.random.random()

    def ask(self, count):
        return [self.cube.decode([self.draw(p) for p in self.cube.parameters]) for _ in range(count)]

    def tell(self, sets, values):
        pass


class BoTorch:
    """SingleTaskGP, with choices MixedSingleTaskGP, with the default priors; where values have no noise it is told
    so (train_Yvar). qLogEI, with noise qLogNoisyEI, a batch point by point (sequential), 10 restarts of 512 raw
    samples as in the tutorials. Ints and choices by optimize_acqf_mixed or optimize_acqf_mixed_alternating,
    whichever should_use_mixed_alternating_optimizer says.
    """

    def __init__(self, parameters, noisy, seed, sets, values):
        import torch
        warnings.simplefilter("ignore")
        torch.manual_seed(seed)
        self.cube, self.noisy, self.rows, self.values = Cube(parameters), noisy, [], []
        self.tell(sets, values)

    def tell(self, sets, values):
        self.rows += [self.cube.encode(params) for params in sets]
        self.values += values

    def rounded(self, x):
        """Ints with too many values for a discrete search come back as floats."""
        for i in self.cube.columns("int"):
            grid = x.new_tensor(self.cube.grid(self.cube.parameters[i]))
            x[..., i] = grid[(x[..., i, None] - grid).abs().argmin(-1)]
        return x

    def ask(self, count):
        import torch
        from botorch.acquisition import qLogExpectedImprovement, qLogNoisyExpectedImprovement
        from botorch.fit import fit_gpytorch_mll
        from botorch.models import MixedSingleTaskGP, SingleTaskGP
        from botorch.optim import optimize_acqf, optimize_acqf_mixed, optimize_acqf_mixed_alternating
        from botorch.optim.optimize_mixed import should_use_mixed_alternating_optimizer
        from gpytorch.mlls import ExactMarginalLogLikelihood
        x = torch.tensor(self.rows, dtype=torch.double)
        y = -torch.tensor(self.values, dtype=torch.double).unsqueeze(-1)
        choices = {i: range(len(self.cube.parameters[i]["choices"])) for i in self.cube.columns("choice")}
        ints = {i: self.cube.grid(self.cube.parameters[i]) for i in self.cube.columns("int")}
        noise = {} if self.noisy else {"train_Yvar": torch.full_like(y, 1e-6) * y.var()}
        model = MixedSingleTaskGP(x, y, list(choices), **noise) if choices else SingleTaskGP(x, y, **noise)
        fit_gpytorch_mll(ExactMarginalLogLikelihood(model.likelihood, model))
        acquisition = (qLogNoisyExpectedImprovement(model, x, prune_baseline=True) if self.noisy
                       else qLogExpectedImprovement(model, y.max()))
        tops = [float(max(choices[i])) if i in choices else 1.0 for i in range(x.shape[1])]
        bounds = torch.stack([torch.zeros(x.shape[1]).double(), torch.tensor(tops, dtype=torch.double)])
        how = {"num_restarts": 10, "raw_samples": 512}
        if not choices and not ints:
            found, _ = optimize_acqf(acquisition, bounds, q=count, sequential=True, **how)
        elif should_use_mixed_alternating_optimizer(ints, choices):
            found, _ = optimize_acqf_mixed_alternating(acquisition, bounds, discrete_dims=ints, cat_dims=choices,
                                                       q=count, post_processing_func=self.rounded, **how)
        else:
            grid = {**ints, **choices}
            fixed = [dict(zip(grid, map(float, at))) for at in itertools.product(*grid.values())]
            found, _ = optimize_acqf_mixed(acquisition, bounds, q=count, fixed_features_list=fixed, **how)
        return [self.cube.decode(row) for row in found.tolist()]


class Optuna:
    """A study with the starting sets as completed trials; a batch is asked before any of it is told.

    gp: GPSampler, told whether values have noise. tpe: TPESampler(multivariate, constant_liar); `group` is for
    spaces that change, these don't. cma: CmaEsSampler, a generation a batch, started from the starting sets
    (source_trials), with margin where there are ints; it knows no choices, TPE draws them.
    """

    def __init__(self, parameters, noisy, seed, sets, values, kind):
        import optuna
        from optuna import distributions as d
        warnings.simplefilter("ignore")
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self.space = {p["name"]: d.CategoricalDistribution(p["choices"]) if p["type"] == "choice" else
                      (d.IntDistribution if p["type"] == "int" else d.FloatDistribution)(
                          p["low"], p["high"], log=p.get("log", False)) for p in parameters}
        numbers = {p["name"]: self.space[p["name"]] for p in parameters if p["type"] != "choice"}

        def trials(space):
            return [optuna.trial.create_trial(params={name: params[name] for name in space}, distributions=space,
                                              value=value) for params, value in zip(sets, values)]
        tpe = optuna.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)
        if kind == "gp":
            sampler = optuna.samplers.GPSampler(seed=seed, deterministic_objective=not noisy)
        elif kind == "cma":
            sampler = optuna.samplers.CmaEsSampler(
                popsize=8, source_trials=trials(numbers), with_margin=any(p["type"] == "int" for p in parameters),
                independent_sampler=tpe, warn_independent_sampling=False, seed=seed)
        else:
            sampler = tpe
        self.study = optuna.create_study(sampler=sampler)
        self.study.add_trials(trials(self.space))

    def ask(self, count):
        self.trials = [self.study.ask(self.space) for _ in range(count)]
        return [trial.params for trial in self.trials]

    def tell(self, sets, values):
        for trial, value in zip(self.trials, values):
            self.study.tell(trial, value)


class Smac:
    """hpo: HyperparameterOptimizationFacade (a random forest), bb: BlackBoxFacade (a Gaussian process), as they
    are, told the starting sets in place of an initial design. With noise (`deterministic` off) SMAC repeats sets
    on other seeds, which counts.
    """

    def __init__(self, parameters, noisy, seed, sets, values, kind):
        import logging

        import ConfigSpace as cs
        from smac import BlackBoxFacade, HyperparameterOptimizationFacade, Scenario
        from smac.runhistory import TrialInfo, TrialValue
        logging.disable(logging.CRITICAL)
        warnings.simplefilter("ignore")
        self.value = TrialValue
        space = cs.ConfigurationSpace(seed=seed)
        for p in parameters:
            if p["type"] == "choice":
                space.add(cs.CategoricalHyperparameter(p["name"], p["choices"]))
            else:
                kind_of = cs.Integer if p["type"] == "int" else cs.Float
                space.add(kind_of(p["name"], (p["low"], p["high"]), log=p.get("log", False)))
        scenario = Scenario(space, n_trials=96, deterministic=not noisy, seed=seed, output_directory="smac")
        facade = BlackBoxFacade if kind == "bb" else HyperparameterOptimizationFacade
        self.smac = facade(scenario, lambda config, seed=0: 0.0, overwrite=True, logging_level=False,
                           initial_design=facade.get_initial_design(scenario, n_configs=0))
        self.names = [p["name"] for p in parameters]
        for params, value in zip(sets, values):
            self.smac.tell(TrialInfo(cs.Configuration(space, params), seed=0), TrialValue(cost=value))

    def ask(self, count):
        self.infos = [self.smac.ask() for _ in range(count)]
        return [{name: info.config[name] for name in self.names} for info in self.infos]

    def tell(self, sets, values):
        for info, value in zip(self.infos, values):
            self.smac.tell(info, self.value(cost=value))


class Hebo:
    """HEBO's default model and acquisition; a log scale is its `pow` (`pow_int`). Its evolutionary search
    draws from an unseeded generator of pymoo's, so runs of one seed differ."""

    def __init__(self, parameters, noisy, seed, sets, values):
        import numpy
        import pandas
        import torch
        from hebo.design_space.design_space import DesignSpace
        from hebo.optimizers.hebo import HEBO
        warnings.simplefilter("ignore")
        random.seed(seed)
        numpy.random.seed(seed)
        torch.manual_seed(seed)
        self.frame = pandas.DataFrame

        def spec(p):
            if p["type"] == "choice":
                return {"name": p["name"], "type": "cat", "categories": p["choices"]}
            kind = {("float", False): "num", ("float", True): "pow", ("int", False): "int",
                    ("int", True): "pow_int"}[p["type"], p.get("log", False)]
            return {"name": p["name"], "type": kind, "lb": p["low"], "ub": p["high"]}
        self.hebo = HEBO(DesignSpace().parse([spec(p) for p in parameters]), scramble_seed=seed)
        self.tell(sets, values)

    def ask(self, count):
        return self.hebo.suggest(n_suggestions=count).to_dict("records")

    def tell(self, sets, values):
        import numpy
        self.hebo.observe(self.frame(sets), numpy.array(values)[:, None])


class Nevergrad:
    """NGOpt for 96 evaluations by 8 workers; the starting sets are suggested, asked and told first."""

    def __init__(self, parameters, noisy, seed, sets, values):
        import nevergrad as ng
        warnings.simplefilter("ignore")

        def variable(p):
            if p["type"] == "choice":
                return ng.p.Choice(p["choices"])
            number = (ng.p.Log if p.get("log") else ng.p.Scalar)(lower=p["low"], upper=p["high"])
            return number.set_integer_casting() if p["type"] == "int" else number
        space = ng.p.Dict(**{p["name"]: variable(p) for p in parameters})
        space.random_state.seed(seed)
        space.function.deterministic = not noisy
        self.optimizer = ng.optimizers.NGOpt(space, budget=96, num_workers=8)
        for first in range(0, len(sets), 8):
            for params in reversed(sets[first:first + 8]):
                self.optimizer.suggest(params)
            self.ask(8)
            self.tell(sets[first:first + 8], values[first:first + 8])

    def ask(self, count):
        self.asked = [self.optimizer.ask() for _ in range(count)]
        return [dict(candidate.value) for candidate in self.asked]

    def tell(self, sets, values):
        for candidate, value in zip(self.asked, values):
            self.optimizer.tell(candidate, value)


class PyCma:
    """cma, a generation a batch, from the best starting set with a standard deviation of a quarter of each scale.

    An int on a linear scale is one of its integer_variables, one on a log scale is rounded, a choice is the
    largest of as many coordinates.
    """

    def __init__(self, parameters, noisy, seed, sets, values):
        import cma
        self.cube, self.spans = Cube(parameters), []
        x0, integers = [], []
        for p, x in zip(parameters, self.cube.encode(sets[values.index(min(values))])):
            is_integer = p["type"] == "int" and not p.get("log")
            span = p["high"] - p["low"] if is_integer else 1
            integers += [len(x0)] if is_integer else []
            width = len(p["choices"]) if p["type"] == "choice" else 1
            x0 += [0.75 if i == x else 0.25 for i in range(width)] if p["type"] == "choice" else [x * span]
            self.spans += [span] * width
        low = [-0.499 if i in integers else 0.0 for i in range(len(x0))]
        high = [s + 0.499 if i in integers else s for i, s in enumerate(self.spans)]
        self.es = cma.CMAEvolutionStrategy(x0, 0.25, {
            "bounds": [low, high], "CMA_stds": self.spans, "integer_variables": integers, "popsize": 8,
            "seed": seed + 1, "verbose": -9})

    def ask(self, count):
        self.asked = self.es.ask()
        return [self.cube.decode(self.units(x)) for x in self.asked]

    def units(self, x):
        out, at = [], 0
        for p in self.cube.parameters:
            if p["type"] == "choice":
                width = len(p["choices"])
                out.append(max(range(width), key=lambda i: x[at + i]))
                at += width
            else:
                out.append(min(max(x[at] / self.spans[at], 0.0), 1.0))
                at += 1
        return out

    def tell(self, sets, values):
        self.es.tell(self.asked, values)


class CatCma:
    """cmaes.CatCMAwM, which Optuna's documentation names where there are choices; a generation a batch, from the
    best starting set with a standard deviation of a sixth of each scale."""

    def __init__(self, parameters, noisy, seed, sets, values):
        import cmaes
        import numpy
        self.cube = Cube(parameters)
        self.floats, self.ints, self.choices = map(self.cube.columns, ("float", "int", "choice"))
        best = numpy.array(self.cube.encode(sets[values.index(min(values))]))
        count = len(self.floats) + len(self.ints)
        self.cma = cmaes.CatCMAwM(
            x_space=[[0.0, 1.0]] * len(self.floats) or None,
            z_space=[self.cube.grid(parameters[i]) for i in self.ints] or None,
            c_space=[len(parameters[i]["choices"]) for i in self.choices] or None,
            population_size=8, mean=best[self.floats + self.ints] if count else None, sigma=1 / 6 if count else None,
            cov=numpy.eye(count) if count else None, seed=seed)

    def ask(self, count):
        self.asked = [self.cma.ask() for _ in range(count)]
        out = []
        for solution in self.asked:
            row = [0.0] * len(self.cube.parameters)
            parts = (solution.x, solution.z, None if solution.c is None else solution.c.argmax(-1))
            for columns, part in zip((self.floats, self.ints, self.choices), parts):
                for i, column in enumerate(columns):
                    row[column] = part[i]
            out.append(self.cube.decode(row))
        return out

    def tell(self, sets, values):
        self.cma.tell(list(zip(self.asked, values)))


class Egobox:
    """Egor.suggest on all sets so far, batches by the default kriging believer. Floats and ints on a log scale as
    logarithms (XType.ORD), other ints and choices by its INT and ENUM. It has no option for noise.
    """

    def __init__(self, parameters, noisy, seed, sets, values):
        import egobox
        self.cube, self.seed, self.rows, self.values = Cube(parameters), seed, [], []

        def spec(p):
            if p["type"] == "choice":
                return egobox.XSpec(egobox.XType.ENUM, tags=p["choices"])
            if p["type"] == "float":
                return egobox.XSpec(egobox.XType.FLOAT, [0.0, 1.0])
            return (egobox.XSpec(egobox.XType.ORD, self.cube.grid(p)) if p.get("log")
                    else egobox.XSpec(egobox.XType.INT, [p["low"], p["high"]]))
        self.egor = egobox.Egor([spec(p) for p in parameters], qei_config=egobox.QEiConfig(batch=8), seed=seed)
        self.tell(sets, values)

    def ask(self, count):
        import numpy
        found = self.egor.suggest(numpy.array(self.rows), numpy.array(self.values)[:, None],
                                  seed=self.seed * 1000 + len(self.rows))
        return [self.cube.decode([self.unit(p, x) for p, x in zip(self.cube.parameters, row)]) for row in found]

    @staticmethod
    def linear_int(p):
        return p["type"] == "int" and not p.get("log")

    def unit(self, p, x):
        return (x - p["low"]) / ((p["high"] - p["low"]) or 1) if self.linear_int(p) else x

    def tell(self, sets, values):
        self.rows += [[float(params[p["name"]]) if self.linear_int(p) else x
                       for p, x in zip(self.cube.parameters, self.cube.encode(params))] for params in sets]
        self.values += values


PEERS = {"botorch": (BoTorch, {}), "optuna_gp": (Optuna, {"kind": "gp"}), "optuna_tpe": (Optuna, {"kind": "tpe"}),
         "optuna_cma": (Optuna, {"kind": "cma"}), "smac_hpo": (Smac, {"kind": "hpo"}),
         "smac_bb": (Smac, {"kind": "bb"}), "hebo": (Hebo, {}), "nevergrad": (Nevergrad, {}), "pycma": (PyCma, {}),
         "catcma": (CatCma, {}), "egobox": (Egobox, {}), "random": (Random, {})}
