"""Rational functions of the columns, of several columns and higher degrees than quotients with functions can afford.

``y * q(x) = p(x)`` is linear in the coefficients of both polynomials. Products of columns, and the same times the
target, are taken in the order of their degrees: the first that depends on those before it gives the quotient of the
lowest degree, so that no factor is above and below the line. Of its many coefficients most are nothing if the target
is a law; where they are not, it is a smooth function that any quotient of a high degree would come near.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.factorisation import factorise
from nesymres_sk.search.pursuit.parts import Part, exponents_of, monomial
from nesymres_sk.search.pursuit.trees import quotient, scaled, total

Array = NDArray[np.float64]

#: Coefficients for a row, at most, and the highest degree.
PER_ROW, _HIGHEST_DEGREE = 0.8, 8
#: What a column may have apart from those before it, relative to its length, and still depend on them.
_DEPENDENT = 1e-10
#: The same for a relation that is left with what it uses.
RELATED = 1e-12
#: Share of the largest term below which a coefficient is nothing.
_NOTHING = 1e-7
#: Share of the coefficients that a law uses at most, and how many it may use in any case.
_MOST_USED, _FEW = 0.5, 6
#: Square of the relative error of rounding, and part of its terms that a divisor has to be.
_EXACT, _CANCELLED = 1e-22, 1e-6
#: Squares of larger numbers could overflow.
_LARGEST = 1e100
#: Coefficients of parts.
_Terms = list[tuple[float, Part]]


class _Column(NamedTuple):
    """A monomial, or one times the target, scaled to length one."""

    part: Part
    times_target: bool
    values: Array
    length: float


def rational(columns: Sequence[Part], y: Array, highest: int = _HIGHEST_DEGREE) -> Expression | None:
    """The quotient of two polynomials that a target is.

    Parameters
    ----------
    columns : sequence of Part
    y : array of shape (n,)
    highest : int
        Degree up to which quotients are tried while there are rows for them.

    Returns
    -------
    Expression or None
        In its shortest form; None if the target is none up to rounding, or none with few terms.
    """
    basis: list[_Column] = []
    most = int(PER_ROW * len(y))
    for degree in range(highest + 1):
        parts = [monomial(columns, exponents) for exponents in exponents_of(len(columns), degree)]
        new = [column for times in (False, True) for part in parts if (column := _column(part, y, times)) is not None]
        if len(basis) + len(new) > most:
            return None
        basis, relation = _independent([*basis, *new])
        if relation is not None:
            return _equation(relation, len(basis), y)
    return None


def _column(part: Part, y: Array, times_target: bool) -> _Column | None:
    with np.errstate(all="ignore"):
        values = part.values * y if times_target else part.values
        length = float(np.linalg.norm(values))
    return _Column(part, times_target, values / length, length) if 0.0 < length < _LARGEST else None


def _independent(basis: list[_Column]) -> tuple[list[_Column], list[_Column] | None]:
    """Columns without those that depend on others before them, and the first relation that the target is in."""
    while True:
        triangle: Array = np.linalg.qr(np.array([column.values for column in basis]).T, mode="r")  # type: ignore[assignment]
        dependent = np.flatnonzero(np.abs(np.diagonal(triangle)) < _DEPENDENT)
        if not len(dependent):
            return basis, None
        place = int(dependent[0])
        coefficients = np.append(np.linalg.solve(triangle[:place, :place], triangle[:place, place]), -1.0)
        used = np.abs(coefficients) > _NOTHING * np.abs(coefficients).max()
        relation = [column for column, use in zip(basis, used, strict=False) if use]
        if any(column.times_target for column in relation):
            return basis[: place + 1], relation
        basis = [*basis[:place], *basis[place + 1 :]]  # of few values of a column powers depend on each other


def _equation(relation: list[_Column], n_columns: int, y: Array) -> Expression | None:
    """The quotient of a relation, whose columns depend on each other alone."""
    if len(relation) > max(_FEW, _MOST_USED * n_columns):
        return None
    _, singular, rows = np.linalg.svd(np.array([column.values for column in relation]).T, full_matrices=False)
    if singular[-1] > RELATED or singular[-2] < _DEPENDENT:
        return None
    terms = [(c / column.length, column) for c, column in zip(rows[-1].tolist(), relation, strict=True)]
    below = [(c, column.part) for c, column in terms if column.times_target]
    scale = below[0][0]
    if not scale:  # beyond the range of floats
        return None
    below = [(c / scale, part) for c, part in below]
    above = [(-c / scale, column.part) for c, column in terms if not column.times_target]
    if not above or not _reproduces(above, below, y):
        return None
    found = canonical(Expression.from_tree(quotient(_sum(above), _sum(below))))
    return None if found is None else factorise(found) or found


def _reproduces(above: _Terms, below: _Terms, y: Array) -> bool:
    """Whether a quotient is the target, and not only small beside its parts."""
    parts = np.array([c * part.values for c, part in below])
    divisor = parts.sum(axis=0)
    if np.any(np.abs(divisor) < _CANCELLED * np.abs(parts).max(axis=0)):
        return False
    with np.errstate(all="ignore"):
        residual = sum(c * part.values for c, part in above) / divisor - y
        return bool(residual @ residual <= _EXACT * (y @ y))


def _sum(terms: _Terms) -> Node:
    return total([scaled(c, part.node) for c, part in terms])
