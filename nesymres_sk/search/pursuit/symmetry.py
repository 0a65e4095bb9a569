"""Pairs of columns that a target depends on through their sum, difference, product or ratio only.

With one column in the place of two there is a shorter law to be found (symmetries: Udrescu and Tegmark, Sci. Adv.
2020). A polynomial in fewer columns may have a higher degree, so that the right combination shows as a regression that
predicts rows much better which it has not seen.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.search.pursuit.parts import PLAIN, Part, divides
from nesymres_sk.search.pursuit.smooth import ROWS_PER_TERM, polynomials, regressed, unit

Array = NDArray[np.float64]

_ADD, _SUB, _MUL, _DIV = (v.operator_token(name) for name in ("add", "sub", "mul", "div"))
#: Factor by which a combination lowers the error.
_CLEARLY = 0.5
#: Columns from which on there are too many pairs.
_MOST_COLUMNS = 8


def combined_pair(
    columns: Sequence[Part], y: Array, weight: Array, allowed: Callable[[str], bool]
) -> tuple[Part, list[int]] | None:
    """The combination of two columns that stands for both.

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
    column : Part
    places : list of int
        Of the columns that are not in it.
        ``None`` in the place of both if there is no such pair.
    """
    if not 2 <= len(columns) <= _MOST_COLUMNS or len(y) < 2 * ROWS_PER_TERM * (len(columns) + 1):
        return None
    units = [unit(part.values) for part in columns]
    target, weight, least = min(
        ((*pair, regressed(polynomials(units), *pair).error / _spread(*pair)) for pair in _targets(y, weight)),
        key=lambda found: found[2],
    )
    least *= _CLEARLY * _spread(target, weight)
    best: tuple[Part, list[int]] | None = None
    for first, second in combinations(range(len(columns)), 2):
        places = [place for place in range(len(columns)) if place not in (first, second)]
        others = [units[place] for place in places]
        for part in _combinations(columns[first], columns[second], allowed):
            error = regressed(polynomials([*others, unit(part.values)]), target, weight).error
            if error < least:
                best, least = (part, places), error
    return best


def _targets(y: Array, weight: Array) -> Iterator[tuple[Array, Array]]:
    """The target and, where it has one sign, its logarithm, with weights."""
    yield y, weight
    if divides(y) and (y.min() > 0.0 or y.max() < 0.0):
        steep = np.abs(y) * weight
        yield np.log(np.abs(y)), np.minimum(steep / np.median(steep), 1.0)


def _spread(target: Array, weight: Array) -> float:
    square = weight * weight
    return float(np.average(np.square(target - np.average(target, weights=square)), weights=square)) or 1.0


def _combinations(first: Part, second: Part, allowed: Callable[[str], bool]) -> Iterator[Part]:
    a, b = first.values, second.values
    if allowed("sub"):
        yield Part(PLAIN, (_SUB, first.node, second.node), a - b)
    if allowed("add"):
        yield Part(PLAIN, (_ADD, first.node, second.node), a + b)
    with np.errstate(all="ignore"):
        if allowed("mul"):
            yield Part(PLAIN, (_MUL, first.node, second.node), a * b)
        if allowed("div") and divides(b):
            yield Part(PLAIN, (_DIV, first.node, second.node), a / b)
