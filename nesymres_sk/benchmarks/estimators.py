"""The estimators that are compared, each on one core and with the same time limit."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.parser import parse

Array = NDArray[np.float64]

_WARM_UPS, _WARM_UP_TIME = 5, 2.0


@dataclass(frozen=True)
class Options:
    """What every estimator is given.

    Attributes
    ----------
    time_limit : float
        Seconds for one fit.
    seed : int
        Seed of the estimator.
    beam_size : int or None
        Width of our decoding; ``None`` leaves the estimator's default.
    """

    time_limit: float
    seed: int
    beam_size: int | None = None


@dataclass(frozen=True)
class Found:
    """A fitted equation: values on new points, tree, and text in ``x1``, ``x2`` and so on.

    ``n_fitted`` is the number of skeletons whose constants were fitted, where it is known. Where a table has more than
    ten columns, ``x1`` of the tree is the first that the equation uses; there is no tree if it uses more than ten.
    """

    predict: Callable[[Array], Array]
    expression: Expression | None
    equation: str
    n_fitted: int | None = None


def fit_ours(X: Array, y: Array, options: Options, finetune: EquateConfig | None = None) -> Found:
    """Fit :class:`nesymres_sk.NeuralSymbolicRegressor` with its bundled weights."""
    from nesymres_sk.regressor import NeuralSymbolicRegressor

    return _fit_own(NeuralSymbolicRegressor, X, y, options, options.time_limit, finetune)


def fit_default(X: Array, y: Array, options: Options, finetune: EquateConfig | None = None) -> Found:
    """Fit ours with its default settings, which have no time limit."""
    from nesymres_sk.regressor import NeuralSymbolicRegressor

    return _fit_own(NeuralSymbolicRegressor, X, y, options, None, finetune)


def fit_prior(X: Array, y: Array, options: Options) -> Found:
    """Fit the control: the same search in the same time with random skeletons in place of the network's."""
    from nesymres_sk.benchmarks.control import PriorControl

    return _fit_own(PriorControl, X, y, options, options.time_limit)


def fit_without(X: Array, y: Array, options: Options) -> Found:
    """Fit the same search in the same time with nothing in place of the network."""
    from nesymres_sk.benchmarks.control import WithoutNetwork

    return _fit_own(WithoutNetwork, X, y, options, options.time_limit)


def fit_random(X: Array, y: Array, options: Options) -> Found:
    """Fit random skeletons of the prior, and nothing else, through the same solver in the same time."""
    from nesymres_sk.benchmarks.control import RandomAlone

    return _fit_own(RandomAlone, X, y, options, options.time_limit)


def fit_network(X: Array, y: Array, options: Options, finetune: EquateConfig | None = None) -> Found:
    """Fit ours with the network as the only source of skeletons."""
    from nesymres_sk.benchmarks.control import NetworkAlone

    return _fit_own(NetworkAlone, X, y, options, options.time_limit, finetune)


def fit_backbone(X: Array, y: Array, options: Options, finetune: EquateConfig | None = None) -> Found:
    """Fit one beam of the network's skeletons and no others, whatever time it takes.

    With fine-tuning, all variants then fit the same number of further skeletons.
    """
    from nesymres_sk.benchmarks.control import NetworkAlone

    return _fit_own(NetworkAlone, X, y, options, None, finetune)


def _fit_own(
    kind: Callable[..., Any],
    X: Array,
    y: Array,
    options: Options,
    max_time: float | None,
    finetune: EquateConfig | None = None,
) -> Found:
    width = {} if options.beam_size is None else {"beam_size": options.beam_size}
    model = kind(max_time=max_time, random_state=options.seed, n_jobs=1, device="cpu", finetune=finetune, **width)
    model.fit(X, y)
    return Found(model.predict, _tree(model.equation_, X), model.equation_, getattr(model, "n_fitted_", None))


def fit_gplearn(X: Array, y: Array, options: Options) -> Found:
    """Fit gplearn's genetic programming, generation by generation until the time is up."""
    from gplearn.functions import make_function
    from gplearn.genetic import SymbolicRegressor

    exponential = make_function(function=_protected_exp, name="exp", arity=1, wrap=False)
    model = SymbolicRegressor(
        generations=1,
        warm_start=True,
        low_memory=True,
        const_range=(-5.0, 5.0),
        function_set=("add", "sub", "mul", "div", "inv", "neg", "sqrt", "log", "sin", "cos", exponential),
        stopping_criteria=1e-12,
        # the default of 1e-3 is meant for targets of unit spread
        parsimony_coefficient=1e-3 * float(np.mean(np.abs(y - np.median(y)))),
        random_state=options.seed,
    )
    end = time.perf_counter() + options.time_limit
    generation_time = 0.0
    while time.perf_counter() + generation_time < end:
        started = time.perf_counter()
        model.fit(X, y)
        if model.run_details_["best_fitness"][-1] <= model.stopping_criteria:
            break
        model.set_params(generations=model.generations + 1)
        generation_time = time.perf_counter() - started
    program = model._program.program
    if X.shape[1] > v.MAX_VARIABLES:
        places = {column: place for place, column in enumerate(sorted({n for n in program if isinstance(n, int)}))}
        program = [places[node] if isinstance(node, int) else node for node in program]
        if len(places) > v.MAX_VARIABLES:
            return Found(model.predict, None, str(model._program))
    return Found(model.predict, gplearn_expression(program), str(model._program))


def _protected_exp(x: Array) -> Array:
    return np.exp(np.minimum(x, 100.0))


def gplearn_expression(program: list[Any]) -> Expression:
    """Our expression of a gplearn program, a prefix list of functions, column indices and constants."""
    names: list[str] = []
    constants: list[float] = []
    for node in program:
        if isinstance(node, int):
            names.append(f"x{node + 1}")
        elif isinstance(node, float):
            names.append("C")
            constants.append(node)
        else:
            names.append(node.name)
    return Expression.from_names(names, constants)


def fit_operon(X: Array, y: Array, options: Options) -> Found:
    """Fit Operon's multi-objective genetic programming with local optimisation of the constants."""
    from pyoperon.sklearn import SymbolicRegressor

    model = SymbolicRegressor(
        allowed_symbols="add,sub,mul,div,sqrt,square,exp,log,sin,cos,constant,variable",
        objectives=["r2", "length"],
        optimizer_iterations=10,
        # only the time ends the search
        max_time=max(1, round(options.time_limit)),
        generations=1_000_000,
        max_evaluations=1_000_000_000,
        epsilon=1e-12,
        uncertainty=[1e-3 * float(np.std(y)) or 1.0],
        model_selection_criterion="bayesian_information_criterion",
        random_state=options.seed + 1,
        n_threads=1,
    )
    model.fit(X, y)
    text = model.get_model_string(model.model_, 15, _column_names(X))
    return Found(model.predict, _tree(text, X), text)


def _column_names(X: Array) -> list[str]:
    return [f"x{column + 1}" for column in range(X.shape[1])]


def _tree(text: str, X: Array) -> Expression | None:
    names = _column_names(X)
    if len(names) > v.MAX_VARIABLES:
        used = set(re.findall(r"\bx\d+\b", text))
        names = [name for name in names if name in used]
    return parse(text, names=names) if len(names) <= v.MAX_VARIABLES else None


ESTIMATORS: dict[str, Callable[[Array, Array, Options], Found]] = {
    "ours": fit_ours,
    "default": fit_default,
    "network": fit_network,
    "backbone": fit_backbone,
    "prior": fit_prior,
    "without": fit_without,
    "random": fit_random,
    "gplearn": fit_gplearn,
    "operon": fit_operon,
}
#: Estimators of the command line.
NAMES = tuple(ESTIMATORS)

#: Settings of the fine-tuning that are compared; the control fits as many skeletons without any.
FINETUNE: dict[str, EquateConfig] = {
    "control": EquateConfig(tuning="none"),
    "equate": EquateConfig(),
    "search": EquateConfig(embedding_search=True),
    "paper": EquateConfig.paper(),
    "paper-no-equation": EquateConfig.paper(equation_encoder=False),
    "paper-no-search": EquateConfig.paper(embedding_search=False),
    "full": EquateConfig(tuning="full", learning_rate=1e-4),
    "lora": EquateConfig(tuning="lora"),
    **{f"lambda-{weight}": EquateConfig(simplicity=weight) for weight in (0, 1, 10)},
}
#: Estimators that can be fine-tuned; ``ours+equate`` and so on are estimators, too.
TUNABLE = {"ours": fit_ours, "default": fit_default, "network": fit_network, "backbone": fit_backbone}
ESTIMATORS.update(
    {
        f"{name}+{setting}": partial(fit, finetune=config)
        for name, fit in TUNABLE.items()
        for setting, config in FINETUNE.items()
    }
)


def warm_up(estimator: str) -> None:
    """Load and compile everything that a first fit would, so that no problem pays for it.

    Fine-tuning has no kernels of its own, and without a time limit takes long.
    """
    rng = np.random.default_rng(0)
    # no law in it, so that every stage has its turn; again if compilation, not the limit, ended the fit
    X, y = rng.uniform(1.0, 2.0, size=(50, 2)), rng.standard_normal(50)
    for _ in range(_WARM_UPS):
        started = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ESTIMATORS[estimator.partition("+")[0]](X, y, Options(time_limit=_WARM_UP_TIME, seed=0))
        if time.perf_counter() - started < 1.25 * _WARM_UP_TIME:
            break
