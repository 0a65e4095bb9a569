"""Rational functions of the columns, of several columns and higher degrees than quotients with functions can afford.

``y * q(x) = p(x)`` is linear in the coefficients of both polynomials. Products of columns, and the same times the
target, are taken in the order of their degrees: the first that depends on those before it gives the quotient of the
lowest degree, so that no factor is above and below the line. Of its many coefficients most are nothing if the target
is a law; where they are not, it is a smooth function that any quotient of a high degree would come near.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product as cartesian
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.factorisation import factorise
from nesymres_sk.search.pursuit.parts import Exponents, Part, exponents_of, monomial
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
#: Exponents of monomials, and whether they are below the line, times the target.
_Pair = list[tuple[Exponents, bool]]
#: Coefficients of parts.
_Terms = list[tuple[float, Part]]


class _Column(NamedTuple):
    """A monomial, or one times the target, scaled to length one."""

    part: Part
    times_target: bool
    values: Array
    length: float


class Quotients:
    """Quotients of two polynomials.

    Parameters
    ----------
    columns : sequence of Part
        Of which the polynomials are.
    n_rows : int
        Rows of the targets: polynomials with more coefficients than they allow are left out.
    exponents : sequence of Exponents, optional
        Those of the monomials on both sides, if only these are to be tried.
    """

    def __init__(self, columns: Sequence[Part], n_rows: int, exponents: Sequence[Exponents] | None = None) -> None:
        n, most = len(columns), int(PER_ROW * n_rows)
        pairs = _pairs(n, most) if exponents is None else [_pair(exponents, max(map(sum, exponents)))]
        parts = {e: monomial(columns, e) for pair in pairs for e, _ in pair}
        self._pairs = [[(parts[e], times) for e, times in pair] for pair in pairs if len(pair) <= most]

    def equation(self, y: Array) -> Expression | None:
        """The quotient that a target is.

        Parameters
        ----------
        y : array of shape (n,)

        Returns
        -------
        Expression or None
            In its shortest form; None if the target is none up to rounding, or none with few terms.
        """
        for pair in self._pairs:
            columns = [column for part, times in pair if (column := _column(part, y, times)) is not None]
            independent, relation = _independent(columns)
            found = _equation(relation, len(independent), y) if relation else None
            if found is not None:
                return found
        return None


def _pairs(n: int, most: int) -> list[_Pair]:
    """Polynomials above and below the line with no more than so many coefficients together, the most frequent first.

    All monomials up to a degree on both sides; one degree more above; and products of columns, then of columns and
    their squares, of any degree above. Where the sides differ, below the line is what there is room for.
    """
    degree = max(k for k in range(_HIGHEST_DEGREE + 1) if k == 0 or 2 * math.comb(n + k, k) <= most)
    sides = [of_degree(n, degree)]
    if degree < _HIGHEST_DEGREE and math.comb(n + degree + 1, n) < most:
        sides.append(of_degree(n, degree + 1))
    sides += [sorted(cartesian(range(k + 1), repeat=n), key=sum) for k in (1, 2) if n > 1 and (k + 1) ** n < most]
    out: list[_Pair] = []
    for above in sides:
        below = [sum(exponents) for exponents in above]
        room = max((k for k in below if len(above) + sum(d <= k for d in below) <= most), default=0)
        pair = _pair(above, room)
        if not any(set(pair) <= set(other) for other in out):
            out.append(pair)
    return out


def of_degree(n: int, degree: int) -> list[Exponents]:
    """Exponents of all monomials of ``n`` columns up to a degree."""
    return [exponents for k in range(degree + 1) for exponents in exponents_of(n, k)]


def _pair(above: Sequence[Exponents], below: int) -> _Pair:
    """Monomials above the line, and those of them up to a degree below it, in the order of their degrees."""
    both = [(e, times) for e in above for times in (False, True) if not times or sum(e) <= below]
    return sorted(both, key=lambda pair: (sum(pair[0]), pair[1]))


def _column(part: Part, y: Array, times_target: bool) -> _Column | None:
    with np.errstate(all="ignore"):
        values = part.values * y if times_target else part.values
        length = float(np.linalg.norm(values))
    return _Column(part, times_target, values / length, length) if 0.0 < length < _LARGEST else None


def _independent(columns: list[_Column]) -> tuple[list[_Column], list[_Column]]:
    """Columns up to the first relation that the target is in, and that relation, empty if there is none.

    Columns that depend on others before them without the target are left out: of a column with few values these are
    its powers.
    """
    while columns:
        triangle: Array = np.linalg.qr(np.array([column.values for column in columns]).T, mode="r")  # type: ignore[assignment]
        dependent = np.flatnonzero(np.abs(np.diagonal(triangle)) < _DEPENDENT)
        if not len(dependent):
            break
        place = int(dependent[0])
        coefficients = np.append(np.linalg.solve(triangle[:place, :place], triangle[:place, place]), -1.0)
        used = np.abs(coefficients) > _NOTHING * np.abs(coefficients).max()
        relation = [column for column, use in zip(columns, used, strict=False) if use]
        if any(column.times_target for column in relation):
            return columns[: place + 1], relation
        columns = [*columns[:place], *columns[place + 1 :]]
    return columns, []


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
