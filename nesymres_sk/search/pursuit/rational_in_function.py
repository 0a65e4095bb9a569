"""Rational functions of the columns and one more function: ``(x1 - x1**x2) / (1 - x1*x1**x2)``.

Polynomials of the columns and the target are the same for all functions: what they leave of the products with a
function shows which of hundreds of functions are worth a closer look.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.parts import PLAIN, Exponents, Part, monomial, part_of
from nesymres_sk.search.pursuit.rational import PER_ROW, RELATED, Quotients, of_degree

Array = NDArray[np.float64]

_SQRT = v.operator_token("sqrt")
#: Functions at the root of those that are tried, the most of them, and all of which such a function has one.
_ROOTS = {v.operator_token(name) for name in ("exp", "log", "sin", "cos", "tan", "sqrt", "pow")}
_MOST_FUNCTIONS = 400
_TRANSCENDENTAL = _ROOTS | {v.operator_token(name) for name in ("asin", "acos", "atan", "tanh")}
#: Degrees of the polynomials whose products with a power of the function are tried, and that power, by the number of
#: columns, the simplest first; of more columns they are linear.
_DEGREES = {
    1: (((2, 0), (1, 1), (0, 2)), ((3, 0), (2, 1), (1, 2), (0, 3)), ((4, 0), (3, 1), (2, 2), (1, 3), (0, 4))),
    2: (((2, 0), (1, 1), (0, 2)), ((3, 0), (2, 1), (1, 2), (0, 3)), ((3, 0), (3, 1), (1, 2))),
    3: (((2, 0), (1, 1), (0, 2)), ((2, 0), (2, 1), (1, 2))),
    4: (((2, 0), (1, 1), (0, 2)), ((2, 0), (2, 1))),
}
_LINEAR = (((2, 0), (1, 1)),)
#: Rows beyond the coefficients on which functions are told from others, and functions that are looked at closely.
_MORE_ROWS, _CLOSEST = 12, 3
#: What is left of a relation that is exact.
_ROUNDING = 1e-14
#: Part of its largest value over which a function ranges at least, and which at least so many of its values exceed.
_LEAST_RANGE, _SMALL, _NOT_SMALL = 0.01, 0.1, 16


class QuotientsInFunction:
    """Quotients of polynomials of some columns and one function more.

    Parameters
    ----------
    columns : sequence of Part
    functions : sequence of Part
        Of which one is a part of the quotient.
    n_rows : int
        Rows of the targets: polynomials with more coefficients than they allow are left out.
    """

    def __init__(self, columns: Sequence[Part], functions: Sequence[Part], n_rows: int) -> None:
        self._columns = columns
        self._families: list[list[_Family]] = []
        functions = [function for function in functions if _varies(function.values)]
        # squares of roots are polynomials
        roots = [function for function in functions if function.node[0] == _SQRT]
        others = [function for function in functions if function.node[0] != _SQRT]
        for degrees in _DEGREES.get(len(columns), _LINEAR):
            exponents = [(*e, power) for degree, power in degrees for e in of_degree(len(columns), degree)]
            if 2 * len(exponents) <= PER_ROW * n_rows:
                linear = [e for e in exponents if e[-1] <= 1]
                families = [_Family.of(columns, *pair) for pair in ((others, exponents), (roots, linear)) if pair[0]]
                self._families.append(families)

    def equation(self, y: Array) -> Expression | None:
        """The quotient that a target is.

        Parameters
        ----------
        y : array of shape (n,)

        Returns
        -------
        Expression or None
            In its shortest form, of the first function of which the target is one up to rounding.
        """
        for families in self._families:
            for family in families:
                for function in family.related(y)[:_CLOSEST]:
                    found = Quotients([*self._columns, function], len(y), family.exponents).equation(y)
                    if found is not None:
                        return found
        return None


class _Family(NamedTuple):
    """Functions that may be parts of quotients with the same monomials.

    Attributes
    ----------
    exponents : sequence of Exponents
        Those of the columns, and last that of the function.
    functions : sequence of Part
    plain : array of shape (n, k)
        Monomials without the function, on the first rows.
    others : array of shape (m, n, l)
        Monomials with each function.
    """

    exponents: Sequence[Exponents]
    functions: Sequence[Part]
    plain: Array
    others: Array

    @classmethod
    def of(cls, columns: Sequence[Part], functions: Sequence[Part], exponents: Sequence[Exponents]) -> _Family:
        rows = slice(2 * len(exponents) + _MORE_ROWS)
        plain = [monomial(columns, e[:-1]).values[rows] for e in exponents if not e[-1]]
        values = np.array([function.values[rows] for function in functions])
        with np.errstate(all="ignore"):
            others = [monomial(columns, e[:-1]).values[rows] * values ** e[-1] for e in exponents if e[-1]]
        family = cls(exponents, functions, np.array(plain).T, np.array(others).transpose(1, 2, 0))
        # what the columns alone come near to is related to them whatever the target is
        use = np.flatnonzero(_left(family.plain, family.others) > RELATED)
        return cls(exponents, [functions[i] for i in use.tolist()], family.plain, family.others[use])

    def related(self, y: Array) -> list[Part]:
        """Functions with which there is a relation between monomials and the target, the most exact first."""
        rows = y[: len(self.plain), None]
        with np.errstate(all="ignore"):
            plain = np.concatenate((self.plain, self.plain * rows), axis=-1)
            others = np.concatenate((self.others, self.others * rows), axis=-1)
        errors = np.maximum(_left(plain, others), _ROUNDING)
        return [self.functions[i] for i in np.argsort(errors, kind="stable").tolist() if errors[i] < RELATED]


def functions_of(library: Library) -> list[Part]:
    """Short functions without constants that no polynomial is, nor a quotient of two."""
    out = []
    for i in np.flatnonzero(library.natural)[np.argsort(library.sizes[library.natural], kind="stable")].tolist():
        tokens = library.terms[i].tokens
        if tokens[0] in _ROOTS and sum(token in _TRANSCENDENTAL for token in tokens) == 1:
            out.append(part_of(PLAIN, library.terms[i], library.values[i]))
    return out[:_MOST_FUNCTIONS]


def _varies(values: Array) -> bool:
    """Whether a function is neither nearly constant nor nearly nothing but for a few rows, where any relation holds."""
    sizes = np.abs(values)
    largest = float(sizes.max())
    return bool(np.ptp(values) > _LEAST_RANGE * largest and np.sum(sizes > _SMALL * largest) >= _NOT_SMALL)


def _left(known: Array, systems: Array) -> Array:
    """Length of what each system adds to the span of known columns, by its column that adds least; 0 to 1, or NaN.

    What is known is taken off first, so that there is one decomposition of many rows and a small one for each system.
    """
    with np.errstate(all="ignore"):
        known = known / np.linalg.norm(known, axis=-2)
        systems = systems / np.linalg.norm(systems, axis=-2, keepdims=True)
    out = np.full(len(systems), np.nan)
    defined = np.isfinite(systems).all(axis=(1, 2))
    if np.isfinite(known).all() and defined.any():
        beyond = np.linalg.qr(known, mode="complete")[0][:, known.shape[1] :]
        triangles = np.linalg.qr(beyond.T @ systems[defined], mode="r")
        out[defined] = np.abs(np.diagonal(triangles, axis1=1, axis2=2)).min(axis=1)
    return out
