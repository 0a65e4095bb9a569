"""What a network is good for: held-out problems that it solves together with the fit of constants."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.fitting.constants import fit_skeletons
from nesymres_sk.model.inputs import table_to_batch
from nesymres_sk.model.network import Network
from nesymres_sk.prior.problems import sample_problems
from nesymres_sk.prior.recipes import PriorConfig
from nesymres_sk.scaling import column_scales, scale_of
from nesymres_sk.search.candidate import Candidate
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.network.beam import beam_search
from nesymres_sk.search.network.decoding import encode_problem

#: Decades of the random units, to both sides.
_DECADES = 3.0
_ROWS = 128
_NOISE = 0.01
_RESTARTS = 4
#: Relative mean squared error below which an equation is exact.
_EXACT = 1e-12


class Question(NamedTuple):
    """A table, and the closure of the equation behind it."""

    X: NDArray[np.float64]
    y: NDArray[np.float64]
    closed: Expression


class Score(NamedTuple):
    """Shares of the problems.

    Attributes
    ----------
    exact : float
        An equation fits up to rounding, with more rows than constants.
    accurate : float
        An equation has R² above 0.99.
    found : float
        The law's skeleton, or one with its closure, is among the candidates.
    """

    exact: float
    accurate: float
    found: float


def questions(prior: PriorConfig, n: int, seed: int, *, rescaled: bool, noisy: bool = False) -> list[Question]:
    """Problems of a prior in natural or in arbitrary units, at most 128 rows, without noise or with 1 % on y."""
    rng = np.random.default_rng([seed, 0xE8A])
    config = dataclasses.replace(prior, rescaled=1.0, noisy=0.0, point_buckets=((_ROWS, 1.0),))
    result = []
    for problem in sample_problems(config, n, rng):
        units = 10.0 ** rng.uniform(-_DECADES, _DECADES, problem.X.shape[1] + 1)
        noise = _NOISE * np.std(problem.y) * rng.standard_normal(problem.y.shape)
        y = problem.y + noise if noisy else problem.y
        if rescaled:
            result.append(Question(problem.X * units[:-1], y * units[-1], problem.closed))
        else:
            result.append(Question(problem.X, y, problem.closed))
    return result


def examine(network: Network, asked: list[Question], n_candidates: int, *, fit: bool = True) -> Score:
    """Let a network propose skeletons by beam search, and fit their constants.

    Each candidate is fitted as it is in the given units and as its closure in scaled ones, so that networks that were
    taught natural and closed labels can be compared.

    Parameters
    ----------
    network : Network
        In evaluation mode, on the CPU.
    asked : list of Question
    n_candidates : int
        Width of the beam, and candidates of a problem.
    fit : bool
        Whether to fit; without it ``exact`` and ``accurate`` are NaN.
    """
    rng = np.random.default_rng(0)
    exact = accurate = found = 0
    for X, y, closed in asked:
        batch = table_to_batch(X, y, max_points=_ROWS, rng=rng)
        grammar = Grammar(network.config.max_length, X.shape[1])
        candidates = beam_search(network, encode_problem(network, batch), n_candidates, grammar, Deadline())
        closures = [closure for candidate in candidates if (closure := _closure(candidate)) is not None]
        found += any(closure.tokens == closed.tokens for closure in closures)
        if fit:
            error, is_exact = _best_fit(candidates, closures, X, y, rng)
            exact += is_exact
            accurate += int(error < 0.01 * np.var(y) / scale_of(y) ** 2)
    n = len(asked)
    return Score(exact / n, accurate / n, found / n) if fit else Score(np.nan, np.nan, found / n)


def _closure(candidate: Candidate) -> Expression | None:
    try:
        return close(candidate.skeleton)
    except ValueError:
        return None  # undefined everywhere


def _best_fit(
    candidates: list[Candidate],
    closures: list[Expression],
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    rng: np.random.Generator,
) -> tuple[float, bool]:
    """Smallest relative mean squared error, and whether an equation that could not fit by chance is exact."""
    scales, scale = column_scales(X), scale_of(y)
    raw = [candidate.skeleton for candidate in candidates]
    forms = [(raw, X, y, scale**2), (closures, X / scales, y / scale, 1.0)]
    best, exact = np.inf, False
    for skeletons, points, target, unit in forms:
        if not skeletons:
            continue
        losses = fit_skeletons(skeletons, points, target, n_restarts=_RESTARTS, rng=rng).losses / unit
        best = min(best, float(losses.min()))
        few = np.array([len(skeleton.constants) + 1 < len(y) for skeleton in skeletons])
        exact = exact or bool((few & (losses < _EXACT)).any())
    return best, exact
