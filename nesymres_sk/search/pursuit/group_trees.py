"""Laws of one group as trees, with exponents that are simple numbers where they can be."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.search.pursuit.coordinates import Coordinate
from nesymres_sk.search.pursuit.group_functions import EXPONENTIAL, GROUP_FUNCTIONS, SUMS
from nesymres_sk.search.pursuit.groups import EXACT
from nesymres_sk.search.pursuit.simple_groups import GroupLaw, exact_exponent, shared_exponent
from nesymres_sk.search.pursuit.trees import power, product, scaled, simple_exponent, total

Array = NDArray[np.float64]

#: How close exponents are to simple numbers to be taken for them, in exact laws and others.
_EXACTLY, _ROUGHLY = 1e-5, 0.08


def law_tree(law: GroupLaw, coordinates: Sequence[Coordinate], X: Array) -> Node | None:
    """Tree of a law without the factor before it.

    Parameters
    ----------
    law : GroupLaw
    coordinates : sequence of Coordinate
        In the order of the exponents.
    X : array of shape (n, d)
        Table of the coordinates, on which roots of the function must be defined.

    Returns
    -------
    Node or None
        ``None`` if a power is not defined for want of a sign.
    """
    tolerance = _EXACTLY if law.error <= EXACT else _ROUGHLY
    inner, outer = (
        [_rounded(exponent, tolerance) for exponent in exponents.tolist()] for exponents in (law.inner, law.outer)
    )
    # that of an exponential is a coefficient
    q = law.power if law.function == EXPONENTIAL else _rounded(law.power, tolerance)
    if q == 0.0 or not any(inner):
        return _product(coordinates, outer)
    moved = sum(
        (before - after) * float(coordinate.logs.mean())
        for before, after, coordinate in zip(law.inner.tolist(), inner, coordinates, strict=True)
    )
    sign = float(np.prod([c.sign_of(exponent) for c, exponent in zip(coordinates, inner, strict=True)]))
    coefficient = sign * float(np.exp(law.offset + moved))
    if law.function in SUMS:
        side = 1.0 if law.function == SUMS[0] else -1.0
        shared = [shared_exponent(a, p, q) for a, p in zip(inner, outer, strict=True)]
        outer = [exact_exponent(p - q * s) for p, s in zip(outer, shared, strict=True)]
        first = _product(coordinates, shared)
        second = _product(coordinates, [exact_exponent(a + s) for a, s in zip(inner, shared, strict=True)])
        terms = [] if first is None or second is None else [first, scaled(side * coefficient, second)]
    else:
        group = _product(coordinates, inner)
        terms = [] if group is None else [GROUP_FUNCTIONS[law.function].tree(coefficient, group)]
    rest = _product(coordinates, outer)
    if rest is None or not terms:
        return None
    if evaluate(Expression.from_tree(total(terms)), X).max() < 0.0:
        terms = [scaled(-1.0, term) for term in reversed(terms)]
    return product([rest, power(total(terms), q)])


def _product(coordinates: Sequence[Coordinate], exponents: Sequence[float]) -> Node | None:
    nodes = [c.power(exponent) for c, exponent in zip(coordinates, exponents, strict=True) if exponent]
    return None if None in nodes else product([node for node in nodes if node is not None])


def _rounded(exponent: float, tolerance: float) -> float:
    simple = simple_exponent(exponent, tolerance)
    return exponent if simple is None else simple
