"""Functions that a view of the target may use beside the library: columns, monomials, and parts of equations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement
from itertools import product as cartesian

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.search.pursuit.trees import ONE, power, product, quotient

Array = NDArray[np.float64]
Exponents = tuple[int, ...]

#: How a function enters a view: as itself, times the target (in a denominator), by its logarithm (as a factor), or
#: outside of the factor.
PLAIN, TIMES_TARGET, LOGARITHM, OUTSIDE = range(4)

#: Inverses of smaller numbers are larger than any value in a library.
_SMALLEST_DIVISOR = 1e-100


@dataclass(frozen=True)
class Part:
    """A function that a view may use.

    Attributes
    ----------
    kind : int
        :data:`PLAIN`, :data:`TIMES_TARGET`, :data:`LOGARITHM` or :data:`OUTSIDE`.
    node : Node
    values : array of shape (n,)
        Of the function itself, whatever the kind.
    degree : int
        Of a monomial, 1 otherwise.
    """

    kind: int
    node: Node
    values: Array
    degree: int = 1


def part_of(kind: int, term: Expression, values: Array) -> Part:
    """A library entry as part of a view."""
    return Part(kind, term.to_tree(), values)


def divides(values: Array) -> NDArray[np.bool_]:
    """Whether functions, one in a row, are so far from zero everywhere that one may divide by them."""
    return np.asarray(np.abs(values).min(axis=-1) > _SMALLEST_DIVISOR)


def exponents_of(n: int, degree: int, inverse: bool = False) -> Iterator[Exponents]:
    """Exponents of all monomials of ``n`` columns, the sum of whose absolute exponents is the degree.

    Parameters
    ----------
    n, degree : int
    inverse : bool
        Whether exponents may be negative.
    """
    for columns in combinations_with_replacement(range(n), degree):
        counts = [columns.count(i) for i in range(n)]
        yield from cartesian(*((k, -k) if inverse and k else (k,) for k in counts))


def monomial(columns: Sequence[Part], exponents: Exponents, kind: int = PLAIN) -> Part:
    """Product of powers of columns, which may be inverse; its values need not be finite."""
    used = [(column, k) for column, k in zip(columns, exponents, strict=True) if k]
    above = product([power(column.node, float(k)) for column, k in used if k > 0])
    below = product([power(column.node, float(-k)) for column, k in used if k < 0])
    with np.errstate(all="ignore"):
        values = np.prod([column.values**k for column, k in used], axis=0) if used else np.ones_like(columns[0].values)
    return Part(kind, above if below == ONE else quotient(above, below), values, sum(map(abs, exponents)))
