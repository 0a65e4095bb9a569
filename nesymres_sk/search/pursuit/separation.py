"""Columns that stand in a law as factors only: ``y = x1**p * cos(x2)**q * g(x3, x4, ...)``.

Without them there is a shorter law of fewer columns to be found (separability: Udrescu and Tegmark, Sci. Adv. 2020,
who train a network on the table and ask it for the points of a grid). Here the logarithm of the target is regressed on
that of the factor and a polynomial in all other columns (partially linear regression: Robinson, Econometrica 1988).
The exponent of a column that is a factor is then a simple number, within its standard error.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.search.pursuit.coordinates import Coordinate, factors_of
from nesymres_sk.search.pursuit.parts import PLAIN, Part
from nesymres_sk.search.pursuit.regression import outside
from nesymres_sk.search.pursuit.smooth import ROWS_PER_TERM, polynomials, predicted, regressed, unit
from nesymres_sk.search.pursuit.trees import product

Array = NDArray[np.float64]

#: How much more a function of a column has to explain than the column itself: there are many more of them.
_CAUTION = 2.0
#: Largest exponent of a factor.
_LARGEST_EXPONENT = 5.0
#: Standard errors between an exponent and a simple number, the largest that says something, and the least.
_DEVIATION, _VAGUE, _LEAST_ERROR = 2.5, 0.12, 0.004
#: Least weight of a row: where the target is near zero its logarithm is steep.
_LEAST_WEIGHT = 0.1
#: Part of the squared deviation of the target's logarithm that a law leaves at most, predicted from other rows.
_LARGEST_ERROR = 0.3
#: Share of a function's squared length outside of the others, below which it is rounding.
_LEFT = 1e-9
#: Share of the rows on which the target has to have a logarithm.
_DEFINED = 0.8


class _Factor(NamedTuple):
    """A function of the column in a place, its exponent, and the error with it, for functions times the caution."""

    place: int
    coordinate: Coordinate
    exponent: float
    error: float


def separated(
    columns: Sequence[Part], y: Array, weight: Array, allowed: Callable[[str], bool]
) -> tuple[Part, list[int]] | None:
    """The factor of a target that explains it best together with a function of the other columns.

    Parameters
    ----------
    columns : sequence of Part
    y : array of shape (n,)
    weight : array of shape (n,)
        Square roots of the weights of the rows.
    allowed : callable
        Whether an operator may be used.

    Returns
    -------
    factor : Part
        A product of powers.
    places : list of int
        Of the columns that are not in it.
        ``None`` in the place of both if no column is a factor.
    """
    rows = y != 0.0
    if len(columns) < 2 or rows.sum() < max(_DEFINED * len(y), 2 * ROWS_PER_TERM * len(columns)):
        return None
    target, steep = np.log(np.abs(y[rows])), np.abs(y[rows]) * weight[rows]
    weight = np.clip(steep / np.median(steep), _LEAST_WEIGHT, 1.0)
    target = target - (target @ weight**2) / (weight @ weight)
    units = [unit(part.values[rows]) for part in columns]
    candidates = [factors_of(part, allowed) for part in columns]
    least = regressed(polynomials(units), target, weight).error
    chosen: list[_Factor] = []
    while len(chosen) < len(columns) - 1:
        taken = {factor.place for factor in chosen}
        found = []
        for place in set(range(len(columns))) - taken:
            others = polynomials([column for i, column in enumerate(units) if i != place and i not in taken])
            base = np.vstack((others, *(factor.coordinate.logs[rows] for factor in chosen)))
            logs = [coordinate.logs[rows] for coordinate in candidates[place]]
            found += [
                _Factor(place, candidates[place][i], exponent, error if i == 0 else _CAUTION * error)
                for i, exponent, error in _exponents(logs, base, target, weight)
                if candidates[place][i].power(exponent) is not None
            ]
        best = min(found, key=lambda factor: factor.error, default=None)
        if best is None or best.error > least:
            break
        chosen.append(best)
        least = best.error
    if not chosen or not least <= _LARGEST_ERROR * float(np.mean(np.square(target * weight))):
        return None
    values = np.prod([_power(factor) for factor in chosen], axis=0)
    if not (np.isfinite(values).all() and np.isfinite(y / values).all()):
        return None
    nodes = [factor.coordinate.power(factor.exponent) for factor in chosen]
    places = sorted(set(range(len(columns))) - {factor.place for factor in chosen})
    return Part(PLAIN, product([node for node in nodes if node is not None]), values), places


def _exponents(logs: Sequence[Array], functions: Array, target: Array, weight: Array) -> list[tuple[int, float, float]]:
    """Which of the logarithms have simple coefficients beside the functions, these, and the errors.

    Those of the column itself, the first, may be halves, all others whole.
    """
    regression = regressed(functions, target, weight)
    found = []
    for i, row in enumerate(logs):
        left = outside(row * weight, regression.basis)
        length = float(left @ left)
        if not length > _LEFT * float(np.square(row * weight).sum()):
            continue
        coefficient = float(left @ regression.residual) / length
        error = predicted(regression.residual - coefficient * left, regression.leverage + left * left / length)
        sigma = max(math.sqrt(error / length), _LEAST_ERROR)
        parts = 2 if i == 0 else 1
        simple = round(parts * coefficient) / parts
        if (
            sigma <= _VAGUE
            and abs(coefficient - simple) <= _DEVIATION * sigma
            and 0.0 < abs(simple) <= _LARGEST_EXPONENT
        ):
            found.append((i, simple, error))
    return found


def _power(factor: _Factor) -> Array:
    values, exponent = factor.coordinate.values, factor.exponent
    # roots of columns that are never positive are those of their opposites
    return values**exponent if exponent == round(exponent) else np.abs(values) ** exponent
