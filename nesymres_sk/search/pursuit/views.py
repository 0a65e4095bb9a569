"""Ways to look at a target: transformed by a link function, as a quotient, or as a product.

Each view turns a family of equations into sums that are linear in their coefficients. With library functions
``f``, columns ``x`` and coefficients ``c``:

* ``g(y) = c0 + c1*x1 + ... + c*f + c'*f'`` for a link ``g`` that can be undone;
* ``y = (c0 + c1*x1 + ... + c*f) / (1 + c1'*x1 + ... + c'*f')``, multiplied by its denominator;
* ``y = c0 * x1**c1 * ... * f**c * exp(c'*f')``, in logarithms.

A factor ``m`` known beforehand is divided out first. Residuals are weighted by the slope of the way back, so that
errors of all views are errors of ``y``, to first order.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Node
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.links import Link
from nesymres_sk.search.pursuit.parts import (
    LOGARITHM,
    OUTSIDE,
    PLAIN,
    TIMES_TARGET,
    Part,
    divides,
    exponents_of,
    monomial,
)  # fmt: skip
from nesymres_sk.search.pursuit.trees import (
    ONE,
    constant,
    exponential,
    power,
    product,
    quotient,
    scaled,
    simple_exponent,
    total,
)  # fmt: skip

Array = NDArray[np.float64]

#: Exponents are simple numbers if they are this close to one; a match that is exact may be no other.
_EXPONENT_TOLERANCE = 0.08
#: Monomials of a polynomial, without the constant and the columns themselves, and their greatest degree.
_MOST_MONOMIALS, _HIGHEST_DEGREE = 32, 9
#: Share of the squared target that rounding leaves.
_EXACT = 1e-22
#: Greatest degree of the polynomial below the line, by the number of columns; of more columns it is 1. Of two columns
#: it may be higher where that is exact.
_HIGHEST_BELOW, _HIGHEST_EXACT = {1: 4, 2: 2}, {1: 4, 2: 4}
#: Squares of larger numbers could overflow.
_LARGEST = 1e100


@dataclass(frozen=True)
class View:
    """One linear problem.

    Attributes
    ----------
    target, slope : array of shape (n,)
    functions : array of shape (m, n)
        As they enter the sum; row ``i`` is the library's term ``terms[i]``, of the kind ``kinds[i]``.
    base : list of Part
        What every combination may use.
    base_values : array of shape (len(base), n)
        As they enter the sum.
    families : int array of shape (m,)
        The same for rows of one kind whose terms differ in their constants only.
    moving : int array of shape (k,)
        Rows with a constant that may still move.
    tangents : array of shape (k, n)
        Their derivatives with respect to it.
    build : callable
        From the parts and their coefficients to the tree of an equation; ``None`` where there is none.
    """

    target: Array
    slope: Array
    functions: Array
    terms: NDArray[np.intp]
    kinds: NDArray[np.int8]
    base: list[Part]
    base_values: Array
    families: NDArray[np.int64]
    moving: NDArray[np.intp]
    tangents: Array
    build: Callable[[Sequence[tuple[Part, float]]], Node | None] = field(repr=False)

    @classmethod
    def of_base(
        cls,
        target: Array,
        slope: Array,
        base: list[Part],
        base_values: Array,
        build: Callable[[Sequence[tuple[Part, float]]], Node | None],
    ) -> View:
        """A view without functions of the library."""
        none, nothing = np.empty((0, len(target))), np.empty(0, np.intp)
        kinds, families = np.empty(0, np.int8), np.empty(0, np.int64)
        return cls(target, slope, none, nothing, kinds, base, base_values, families, nothing, none, build)


class Views:
    """Makes the views of one target.

    Parameters
    ----------
    X : array of shape (n, d)
    y : array of shape (n,)
    weight : array of shape (n,)
        Square roots of the weights of the rows.
    given : array of shape (n,), optional
        The same without what was done for the sake of robustness; ``weight`` by default.
    """

    def __init__(self, X: Array, y: Array, weight: Array, given: Array | None = None) -> None:
        self.X = X
        self.y = y
        self.weight = weight
        self.given = weight if given is None else given
        self.columns = [
            Part(PLAIN, (v.variable(i),), np.ascontiguousarray(X[:, i]))
            for i in range(X.shape[1])
            if np.ptp(X[:, i]) > 1e-9 * np.abs(X[:, i]).max()
        ]
        self._one = Part(PLAIN, ONE, np.ones(len(y)))

    def _affordable(self, times: int = 1) -> list[Part]:
        """The columns, unless their coefficients would be too many for the rows: they are in the library as well."""
        return self.columns if times * len(self.columns) + 1 <= len(self.y) // 3 else []

    def linear(self, inverse: bool = False) -> list[Part]:
        """One and the columns, or the inverses of those that have one."""
        columns = self._affordable()
        if inverse:
            columns = [monomial([part], (-1,)) for part in columns if divides(part.values)]
        return [self._one, *columns]

    def ratios(self) -> list[Part]:
        """Inverses of the columns, and quotients of two, unless they are too many for the rows."""
        columns = [part for part in self._affordable(2) if divides(part.values)]
        if len(columns) * len(self.columns) > len(self.y) // 4:
            return []
        parts = [Part(PLAIN, quotient(ONE, part.node), 1.0 / part.values) for part in columns]
        return parts + [
            Part(PLAIN, quotient(above.node, below.node), above.values / below.values)
            for below in columns
            for above in self.columns
            if above is not below
        ]

    def products_of_two(self) -> list[Part]:
        """Products of two columns."""
        return [
            Part(PLAIN, product((a.node, b.node)), a.values * b.values) for a, b in combinations(self._affordable(2), 2)
        ]

    def monomials(self, inverse: bool = False) -> list[Part]:
        """Products of columns, of the greatest total degree at which they are few.

        Parameters
        ----------
        inverse : bool
            Whether powers may be inverse; then there may be more of them.
        """
        limit = len(self.y) // 2 - 2 * len(self.columns) if inverse else min(_MOST_MONOMIALS, len(self.y) // 4)
        parts: list[Part] = []
        for degree in range(1 if inverse else 2, _HIGHEST_DEGREE + 1):
            exponents = exponents_of(len(self.columns), degree, inverse)
            new = [monomial(self.columns, e) for e in exponents if degree > 1 or sum(e) != 1]
            if len(parts) + len(new) > limit:
                break
            parts += new
        return [part for part in parts if np.isfinite(part.values).all()]

    def linked(self, link: Link, robust: bool = True) -> tuple[Array, Array] | None:
        """Transformed target and weights of its residuals, ``None`` where the link is not defined."""
        transformed = link.apply(self.y)
        if transformed is None:
            return None
        target, slope = transformed
        largest = float(slope.max())  # the unit of the weights does not matter, but their squares could overflow
        return (target, slope / largest * (self.weight if robust else self.given)) if largest > 0.0 else None

    def sums(self, library: Library, link: Link, extra: Sequence[Part] = (), factor: Part | None = None) -> View | None:
        """``y = inverse(c + m * sum)``, or ``None`` where the link is not defined."""
        linked = self.linked(link)
        if linked is None:
            return None
        target, slope = linked
        if factor is not None:
            target, slope = target / factor.values, slope * np.abs(factor.values)
        base = [*self.linear(), *extra]
        if factor is not None and np.ptp(factor.values) > 0.0:
            base.append(Part(OUTSIDE, ONE, 1.0 / factor.values))

        def build(parts: Sequence[tuple[Part, float]]) -> Node | None:
            nodes = [scaled(coefficient, part.node) for part, coefficient in parts if part.kind == PLAIN]
            outside = [constant(coefficient) for part, coefficient in parts if part.kind == OUTSIDE]
            if factor is not None and nodes:
                nodes = [product((factor.node, total(nodes)))]
            return link.undone(total([*nodes, *outside])) if nodes else None

        return View(
            target,
            slope,
            library.values,
            np.arange(len(library.terms)),
            np.full(len(library.terms), PLAIN, np.int8),
            base,
            np.array([part.values for part in base]),
            library.families,
            library.moving,
            library.tangents,
            build,
        )

    def quotients(self, library: Library, link: Link, n: int, polynomial: bool = False) -> View | None:
        """``y = inverse(sum / (1 + sum))`` with the ``n`` shortest functions, polynomials added if asked for."""
        linked = self.linked(link)
        if linked is None:
            return None
        y, slope = linked
        columns = self._affordable(2)
        base = self._quotient(columns, columns)
        if polynomial:
            base = self._quotient_of_polynomials(y, slope, columns) or base

        def build(parts: Sequence[tuple[Part, float]]) -> Node | None:
            above = [scaled(c, part.node) for part, c in parts if part.kind == PLAIN]
            below = [scaled(-c, part.node) for part, c in parts if part.kind == TIMES_TARGET]
            if not above:
                return None
            return link.undone(total(above) if not below else quotient(total(above), total([ONE, *below])))

        values = library.values[:n]
        subset = np.arange(len(values))
        moving = library.moving[library.moving < len(values)]
        tangents = library.tangents[: len(moving)]
        return View(
            y,
            slope,
            np.vstack((values, values * y)),
            np.concatenate((subset, subset)),
            np.repeat(np.array([PLAIN, TIMES_TARGET], np.int8), len(subset)),
            base,
            _values_in_quotient(base, y),
            np.concatenate((library.families[:n], -1 - library.families[:n])),
            np.concatenate((moving, moving + len(values))),
            np.vstack((tangents, tangents * y)),
            build,
        )

    def _quotient(self, above: Sequence[Part], below: Sequence[Part]) -> list[Part]:
        return [self._one, *above, *(replace(part, kind=TIMES_TARGET) for part in below)]

    def _quotient_of_polynomials(self, y: Array, slope: Array, columns: list[Part]) -> list[Part]:
        """Base of the lowest degree that is exact, else of the highest; empty if there are too few rows for any.

        A factor that is both above and below the line changes nothing: with a higher degree than needed the
        coefficients would not be determined.
        """
        monomials = self.monomials()
        base: list[Part] = []
        for degree in range(2, max((part.degree for part in monomials), default=1) + 1):
            above = [*columns, *(part for part in monomials if part.degree <= degree)]
            for highest in (_HIGHEST_BELOW, _HIGHEST_EXACT):
                below = [part for part in above if part.degree <= highest.get(len(columns), 1)]
                if len(above) + len(below) + 1 > len(self.y) // 2:
                    return base
                trial = self._quotient(above, below)
                exact = _explains(_values_in_quotient(trial, y) * slope, y * slope)
                if exact or highest is _HIGHEST_BELOW:
                    base = trial
                if exact:
                    return base
        return base

    def products(self, library: Library, exponentials: bool = False) -> View | None:
        """``y = c * product of powers``, or ``None`` if the target is zero somewhere.

        Parameters
        ----------
        library : Library
        exponentials : bool
            Whether exponentials of the columns belong to the base, beside their powers.
        """
        if not np.all(self.y != 0.0):
            return None
        with np.errstate(divide="ignore"):
            logs = np.log(np.abs(library.values))
        inner = np.flatnonzero(np.isfinite(logs).all(axis=1) & (np.ptp(logs, axis=1) > 1e-9))
        plain = np.arange(len(library.terms))
        place = np.full(len(plain), -1)
        place[inner] = np.arange(len(inner))
        usable = place[library.moving] >= 0
        within = library.moving[usable]
        factors = [Part(LOGARITHM, part.node, part.values) for part in self._affordable()]
        factors = [part for part in factors if np.all(part.values != 0.0)]
        exponents = self._affordable(2) if exponentials else []
        base = [self._one, *factors, *exponents]
        values = [np.log(np.abs(part.values)) if part.kind == LOGARITHM else part.values for part in base]
        return View(
            np.log(np.abs(self.y)),
            np.abs(self.y) * self.weight,
            np.vstack((logs[inner], library.values)),
            np.concatenate((inner, plain)),
            np.concatenate((np.full(len(inner), LOGARITHM, np.int8), np.full(len(plain), PLAIN, np.int8))),
            base,
            np.array(values),
            np.concatenate((library.families[inner], -1 - library.families)),
            np.concatenate((place[within], library.moving + len(inner))),
            np.vstack((library.tangents[usable] / library.values[within], library.tangents)),
            self._build_product,
        )

    def powers(self, parts: Sequence[Part]) -> View:
        """``y = c * product of powers`` of some parts alone, for a target that is nowhere zero."""
        base = [self._one, *parts]
        values = [np.log(np.abs(part.values)) if part.kind == LOGARITHM else part.values for part in base]
        target, slope = np.log(np.abs(self.y)), np.abs(self.y) * self.weight
        return View.of_base(target, slope, base, np.array(values), self._build_product)

    def _build_product(self, parts: Sequence[tuple[Part, float]]) -> Node | None:
        nodes: list[Node] = []
        values = np.ones(len(self.y))
        exponents: list[Node] = []
        with np.errstate(all="ignore"):
            for part, coefficient in parts:
                if part.kind == PLAIN:
                    if part.node != ONE:
                        exponents.append(scaled(coefficient, part.node))
                        values = values * np.exp(coefficient * part.values)
                    continue
                simple = simple_exponent(coefficient, _EXPONENT_TOLERANCE)
                exponent = coefficient if simple is None else simple
                raised = np.power(part.values, exponent)
                if not np.isfinite(raised).all():
                    return None
                values = values * raised
                nodes.append(power(part.node, exponent))
            weighted = values * self.weight * self.weight
            factor = float(weighted @ self.y) / (float(weighted @ values) or np.nan)
        if not np.isfinite(factor) or factor == 0.0:
            return None
        if exponents:
            nodes.append(exponential(total(exponents)))
        return scaled(factor, product(nodes))


def _values_in_quotient(base: Sequence[Part], y: Array) -> Array:
    """Functions as they enter a view multiplied by its denominator; those out of range are left at zero."""
    with np.errstate(over="ignore", under="ignore"):
        values = np.array([part.values * (y if part.kind == TIMES_TARGET else 1.0) for part in base])
    values[np.abs(values).max(axis=1) > _LARGEST] = 0.0
    return values


def _explains(rows: Array, target: Array) -> bool:
    """Whether a target is a linear combination of some rows, up to rounding."""
    lengths = np.linalg.norm(rows, axis=1)
    rows, lengths = rows[lengths > 0.0], lengths[lengths > 0.0]
    basis = np.linalg.qr((rows / lengths[:, None]).T)[0]
    residual = target - basis @ (basis.T @ target)
    return bool(residual @ residual <= _EXACT * (target @ target))
