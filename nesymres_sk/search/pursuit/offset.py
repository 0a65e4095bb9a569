"""A column that a law only adds, or only its differences with another: ``y = x1 + g(x2, x3)``, ``x1 + g(x2 - x1, x3)``.

Such a column has the unit of the target, so that its coefficient is 1 or -1: levels, background, temperatures. Without
it a law that is no sum otherwise is left, a product or a quotient, say.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.search.pursuit.parts import PLAIN, Part
from nesymres_sk.search.pursuit.smooth import ROWS_PER_TERM, polynomials, regressed, unit
from nesymres_sk.search.pursuit.trees import scaled, total

Array = NDArray[np.float64]

#: Factor by which the target without the column is predicted better from the others.
_CLEARLY = 0.5
#: Range of the mean slope along the column: other functions of it may hide a part.
_LEAST_SLOPE, _LARGEST_SLOPE = 0.1, 1.6
#: Columns from which on there are too many pairs.
_MOST_COLUMNS = 8


def offset_column(
    columns: Sequence[Part], y: Array, weight: Array, allowed: Callable[[str], bool]
) -> tuple[Part, list[Part]] | None:
    """The column whose sum with a function of others the target is.

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
    offset : Part
        The column or its opposite.
    others : list of Part
        The other columns; in the place of one of them there may be its difference with the column.
        ``None`` in the place of both if there is no such column.
    """
    if (
        not 2 <= len(columns) <= _MOST_COLUMNS
        or len(y) < 2 * ROWS_PER_TERM * (len(columns) + 1)
        or not (allowed("add") and allowed("sub"))
    ):
        return None
    least = _CLEARLY * regressed(polynomials([unit(part.values) for part in columns]), y, weight).error
    linear = np.array([np.ones(len(y)), *(part.values for part in columns)]) * weight
    slopes = np.linalg.lstsq(linear.T, y * weight, rcond=None)[0][1:]
    best: tuple[Part, list[Part]] | None = None
    for column, slope in zip(columns, slopes.tolist(), strict=True):
        if not _LEAST_SLOPE < abs(slope) < _LARGEST_SLOPE:
            continue
        sign = math.copysign(1.0, slope)
        for others in _others(column, [part for part in columns if part is not column], sign):
            units = [unit(part.values) for part in others]
            error = regressed(polynomials(units), y - sign * column.values, weight).error
            if error < least:
                offset = Part(PLAIN, scaled(sign, column.node), sign * column.values)
                best, least = (offset, others), error
    return best


def _others(column: Part, others: list[Part], sign: float) -> Iterator[list[Part]]:
    yield others
    for place, other in enumerate(others):
        node, values = total([other.node, scaled(-sign, column.node)]), other.values - sign * column.values
        yield [*others[:place], Part(PLAIN, node, values), *others[place + 1 :]]
