"""How good a found equation is: solved, recovered, accuracy inside and outside the support, R², length."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.benchmarks.problems import N_FRESH, Problem, Table
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.fitting.constants import fit_skeletons
from nesymres_sk.fitting.structure import MAX_CONSTANTS

Array = NDArray[np.float64]

#: Share of the points that must be hit (Biggio et al. 2021, section 4).
A1_SHARE, A1_RTOL, A1_ATOL = 0.95, 0.05, 1e-3
#: The share is below one because a pole that is off by a rounding error ruins the points right at it.
SOLVED_SHARE, SOLVED_RTOL = 0.99, 1e-4
#: Rows that constants are fitted to anew, and starts.
_REFIT_ROWS, _REFIT_STARTS = 256, 8
#: Nodes of an offset, which may vanish when the constants are fitted anew, and the factor that others may change by.
_OFFSET, _LEEWAY = 2, 10.0


@dataclass(frozen=True)
class Score:
    """Metrics of one equation on one problem.

    Attributes
    ----------
    solved : bool
        Whether it is the law itself, up to rounding (see :func:`is_same_law`).
    recovered : bool
        Whether its structure is that of the law (see :func:`is_recovered`).
    a1_inside, a1_outside : bool
        At least 95 % of fresh points within 5 % of the law (or 1e-3 absolute), in the support and in the support
        widened by its own length on both sides (Biggio et al. 2021).
    r2 : float
        Coefficient of determination on fresh points of the support; minus infinity where undefined.
    complexity : int
        Nodes of the equation in canonical form; operators, variables and constants count one each.
    """

    solved: bool
    recovered: bool
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
    X_in, y_in = problem.inside(seed)
    X_out, y_out = problem.draw(N_FRESH, problem.generator(seed, "outside"), widen=1.0)
    found_in = _values(predict, X_in)
    places = judging_places(problem, seed)
    solved = is_law(found, problem, places)
    return Score(
        solved=solved,
        recovered=solved or is_recovered(found, problem, places, seed),
        a1_inside=a1(found_in, y_in),
        a1_outside=a1(_values(predict, X_out), y_out),
        r2=r2(found_in, y_in),
        complexity=length(found),
    )


def a1(found: Array, truth: Array) -> bool:
    """Whether at least 95 % of the points are within 5 %, the paper's accuracy A1; NaN equals NaN."""
    hits = np.isclose(found, truth, rtol=A1_RTOL, atol=A1_ATOL, equal_nan=True)
    return bool(hits.mean() >= A1_SHARE)


def r2(found: Array, truth: Array) -> float:
    """Coefficient of determination; minus infinity if any value is undefined."""
    if not np.isfinite(found).all():
        return -np.inf
    unit = float(np.abs(truth).max()) or 1.0  # squares of some laws' values overflow
    with np.errstate(over="ignore"):
        return float(1.0 - np.mean(((found - truth) / unit) ** 2) / np.var(truth / unit))


def judging_places(problem: Problem, seed: int) -> tuple[Table, Table]:
    """Points in the support and in the widened one, on which equations and law are compared.

    A variable that has one sign in the support keeps it outside: no data tell log(a/b) from log(a) - log(b), or |a|
    from a, where both are positive.
    """
    inside = problem.draw(N_FRESH, problem.generator(seed, "law inside"))
    return inside, problem.draw(N_FRESH, problem.generator(seed, "law outside"), widen=1.0, keep_signs=True)


def is_law(found: Expression, problem: Problem, places: tuple[Table, Table]) -> bool:
    """Whether an equation of limited length has the law's values inside and outside the support.

    Parameters
    ----------
    found : Expression
    problem : Problem
    places : tuple of tables
        Of :func:`judging_places`.
    """
    return length(found) <= complexity_limit(problem) and all(is_same_law(evaluate(found, X), y) for X, y in places)


def is_same_law(found: Array, truth: Array) -> bool:
    """Whether the values agree to four digits nearly everywhere.

    A comparison of values decides what a comparison of symbols cannot: two spellings of one law, or constants
    rounded to different digits, are the same law. It is asked inside and outside the support, and of equations of
    limited length only, because a long interpolation can imitate any law where it has seen it.
    """
    tiny = 0.1 * SOLVED_RTOL * np.median(np.abs(truth))
    hits = np.isclose(found, truth, rtol=SOLVED_RTOL, atol=tiny)
    return bool(hits.mean() >= SOLVED_SHARE)


def is_recovered(found: Expression, problem: Problem, places: tuple[Table, Table], seed: int) -> bool:
    """Whether the equation becomes the law when its constants are fitted to data without noise.

    With noise in the training data no constant can be exact, but the structure can be right. An equation is not the
    law's structure if more than offsets vanish when it becomes the law.

    Parameters
    ----------
    found : Expression
        Fitted equation.
    problem : Problem
    places : tuple of tables
        Of :func:`judging_places`.
    seed : int
        Seed of the rows that the constants are fitted to.
    """
    simplest = canonical(found)
    if simplest is None or simplest.complexity > complexity_limit(problem):
        return False
    loose = _with_numbers_as_constants(simplest)
    if not 0 < len(loose.constants) <= MAX_CONSTANTS:
        return False
    rng = problem.generator(seed, "refit")
    X, y = problem.draw(_REFIT_ROWS, rng)
    fit = fit_skeletons([loose.skeleton()], X, y, n_restarts=_REFIT_STARTS, rng=rng, initial=[loose.constants])
    if not np.isfinite(fit.losses[0]):
        return False
    refitted = loose.with_constants(fit.constants[0])
    if not is_same_law(evaluate(refitted, X), y):
        return False
    without = _without_idle_constants(refitted, loose.constants, (X, y))
    return without is not None and is_law(without, problem, places)


def _with_numbers_as_constants(expression: Expression) -> Expression:
    """The same with a constant for each whole number: a fraction may be a constant that was rounded."""
    constants = iter(expression.constants)
    tokens: list[int] = []
    values: list[float] = []
    for token in expression.tokens:
        if v.is_integer(token):
            values.append(1.0 + token - v.FIRST_INTEGER)
        elif token == v.CONSTANT:
            values.append(next(constants))
        tokens.append(v.CONSTANT if v.is_integer(token) else token)
    return Expression(tuple(tokens), tuple(values))


def _without_idle_constants(refitted: Expression, before: Sequence[float], table: Table) -> Expression | None:
    """Canonical form with whole numbers in place of the constants that may be so; None if too much vanishes.

    Constants may turn out to be zero where they are offsets. Any other zero takes a part of the equation with it that
    the law does not have, and so does a constant that leaves its magnitude: sin(c * x) / c has x as its limit.
    """
    X, y = table
    simplest = canonical(refitted)
    for index, value in enumerate(refitted.constants):
        if simplest is None:
            return None
        for whole in dict.fromkeys((0.0, float(np.round(value)))):
            constants = [*refitted.constants[:index], whole, *refitted.constants[index + 1 :]]
            trial = canonical(refitted.with_constants(constants))
            if trial is not None and is_same_law(evaluate(trial, X), y):
                if whole == 0.0 and simplest.complexity > trial.complexity + _OFFSET:
                    return None
                refitted, simplest = refitted.with_constants(constants), trial
                break
        change = abs(refitted.constants[index] / (before[index] or 1.0))
        if change != 0.0 and not 1.0 / _LEEWAY < change < _LEEWAY:
            return None
    return simplest


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
