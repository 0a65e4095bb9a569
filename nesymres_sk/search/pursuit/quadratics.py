"""Targets that solve a quadratic equation whose coefficients are polynomials of the columns.

``a * y**2 - p * y - q = 0`` is linear in the coefficients of ``p`` and ``q`` if ``a`` is one or a column. Chemical
equilibria, tight binding and principal stresses are of this kind: ``y = (p ± sqrt(p**2 + 4*a*q)) / (2*a)``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Node
from nesymres_sk.search.pursuit.parts import PLAIN, TIMES_TARGET, Exponents, Part, divides, exponents_of, monomial
from nesymres_sk.search.pursuit.trees import quotient, scaled, total
from nesymres_sk.search.pursuit.views import View, Views

Array = NDArray[np.float64]
Terms = list[tuple[Exponents, float]]

_ADD, _SUB, _SQRT = (v.operator_token(name) for name in ("add", "sub", "sqrt"))
#: Part of the target's size below which rows get no more weight.
_SMALL = 0.05
#: Part of what was added up to a coefficient of the discriminant that is rounding.
_ROUNDING = 1e-9
#: Squares of larger numbers could overflow.
_LARGEST = 1e100
#: Share of the rows that must be on one of the two branches.
_ONE_BRANCH = 0.98


def quadratic_views(views: Views) -> Iterator[View]:
    """Views of a target as the root of a quadratic: with one before the square, then with each of the columns."""
    linear, quadratic = ([e for degree in range(k) for e in exponents_of(len(views.columns), degree)] for k in (2, 3))
    if not views.columns or not views.y.any() or len(linear) + len(quadratic) > len(views.y) // 3:
        return
    for leading in linear:
        first = monomial(views.columns, leading)
        if divides(first.values):
            with np.errstate(all="ignore"):
                view = _view(views, first, leading, linear, quadratic)
            if all(np.abs(values).max() < _LARGEST for values in (view.target, view.slope, view.base_values)):
                yield view


def _view(
    views: Views, first: Part, leading: Exponents, linear: Sequence[Exponents], quadratic: Sequence[Exponents]
) -> View:
    y, columns = views.y, views.columns
    exponents = {monomial(columns, e).node: e for e in quadratic}
    base = [monomial(columns, e, kind) for kind, some in ((TIMES_TARGET, linear), (PLAIN, quadratic)) for e in some]

    def build(parts: Sequence[tuple[Part, float]]) -> Node | None:
        p = [(exponents[part.node], 0.5 * c) for part, c in parts if part.kind == TIMES_TARGET]
        q = [(exponents[part.node], c) for part, c in parts if part.kind == PLAIN]
        under = _discriminant(p, q, leading)
        half = sum(0.5 * c * part.values for part, c in parts if part.kind == TIMES_TARGET)
        above = float(np.mean(first.values * y > half))
        if not p or not under or max(above, 1.0 - above) < _ONE_BRANCH:
            return None
        sums = [total([scaled(c, monomial(columns, e).node) for e, c in terms]) for terms in (p, under)]
        root = (_ADD if above > 0.5 else _SUB, sums[0], (_SQRT, sums[1]))
        return quotient(root, first.node) if any(leading) else root

    size = np.sqrt(np.square(y) + _SMALL**2 * float(np.mean(np.square(y))))
    values = np.array([part.values * (y if part.kind == TIMES_TARGET else 1.0) for part in base])
    return View.of_base(first.values * y * y, views.weight / (np.abs(first.values) * size), base, values, build)


def _discriminant(p: Terms, q: Terms, leading: Exponents) -> Terms:
    """Monomials of ``p**2 + a*q`` that do not cancel, none if there is no ``q``."""
    sums: defaultdict[Exponents, float] = defaultdict(float)
    sizes: defaultdict[Exponents, float] = defaultdict(float)
    products = [(e, f, c * d) for e, c in p for f, d in p] + [(e, leading, c) for e, c in q]
    for e, f, coefficient in products if q else []:
        both = tuple(i + j for i, j in zip(e, f, strict=True))
        sums[both] += coefficient
        sizes[both] += abs(coefficient)
    return [(e, c) for e, c in sums.items() if abs(c) > _ROUNDING * sizes[e]]
