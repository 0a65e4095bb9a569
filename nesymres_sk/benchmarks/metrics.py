"""How good a found equation is: solved, accuracy inside and outside the support, R², length."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.benchmarks.suites import Problem
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate

Array = NDArray[np.float64]

N_FRESH = 4096
#: Share of the points that must be hit (Biggio et al. 2021, section 4).
A1_SHARE, A1_RTOL, A1_ATOL = 0.95, 0.05, 1e-3
#: The share is below one because a pole that is off by a rounding error ruins the points right at it.
SOLVED_SHARE, SOLVED_RTOL = 0.99, 1e-4


@dataclass(frozen=True)
class Score:
    """Metrics of one equation on one problem.

    Attributes
    ----------
    solved : bool
        Whether it is the law itself, up to rounding (see :func:`is_same_law`).
    a1_inside, a1_outside : bool
        At least 95 % of fresh points within 5 % of the law (or 1e-3 absolute), in the support and in the support
        widened by its own length on both sides (Biggio et al. 2021).
    r2 : float
        Coefficient of determination on fresh points of the support; minus infinity where undefined.
    complexity : int
        Nodes of the equation in canonical form; operators, variables and constants count one each.
    """

    solved: bool
    a1_inside: bool
    a1_outside: bool
    r2: float
    complexity: int


def score(problem: Problem, predict: Callable[[Array], Array], found: Expression, seed: int) -> Score:
    """Score a fitted equation on points it has not seen.

    Parameters
    ----------
    problem : Problem
        The law.
    predict : callable
        Values ``float[n]`` of the equation on ``X`` of shape ``(n, d)``.
    found : Expression
        The same equation as mathematics, which is what can be the law: a peer's own functions may be protected
        against values outside their domain.
    seed : int
        Seed of the fresh points.
    """
    X_in, y_in = problem.draw(N_FRESH, problem.generator(seed, "inside"))
    X_out, y_out = problem.draw(N_FRESH, problem.generator(seed, "outside"), widen=1.0)
    found_in = _values(predict, X_in)
    complexity = length(found)
    return Score(
        solved=(
            complexity <= complexity_limit(problem)
            and is_same_law(evaluate(found, X_in), y_in)
            and is_same_law(evaluate(found, X_out), y_out)
        ),
        a1_inside=a1(found_in, y_in),
        a1_outside=a1(_values(predict, X_out), y_out),
        r2=r2(found_in, y_in),
        complexity=complexity,
    )


def a1(found: Array, truth: Array) -> bool:
    """Whether at least 95 % of the points are within 5 %, the paper's accuracy A1; NaN equals NaN."""
    hits = np.isclose(found, truth, rtol=A1_RTOL, atol=A1_ATOL, equal_nan=True)
    return bool(hits.mean() >= A1_SHARE)


def r2(found: Array, truth: Array) -> float:
    """Coefficient of determination; minus infinity if any value is undefined."""
    if not np.isfinite(found).all():
        return -np.inf
    return float(1.0 - np.mean((found - truth) ** 2) / np.var(truth))


def is_same_law(found: Array, truth: Array) -> bool:
    """Whether the values agree to four digits nearly everywhere.

    A comparison of values decides what a comparison of symbols cannot: two spellings of one law, or constants
    rounded to different digits, are the same law. It is asked inside and outside the support, and of equations of
    limited length only, because a long interpolation can imitate any law where it has seen it.
    """
    tiny = 1e-2 * SOLVED_RTOL * np.median(np.abs(truth))
    hits = np.isclose(found, truth, rtol=SOLVED_RTOL, atol=tiny)
    return bool(hits.mean() >= SOLVED_SHARE)


def complexity_limit(problem: Problem) -> int:
    """Longest equation that counts as the law: three times its nodes, and ten for scale and offset terms."""
    return 3 * length(problem.expression) + 10


def length(expression: Expression) -> int:
    """Number of nodes in canonical form, in which peers' redundant constants are folded."""
    simplest = canonical(expression)
    return expression.complexity if simplest is None else simplest.complexity


def _values(predict: Callable[[Array], Array], X: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(predict(X), dtype=np.float64).ravel()
