"""Rational functions of the columns and one more function: ``(x1 - x1**x2) / (1 - x1*x1**x2)``.

Polynomials of the columns and the target are the same for all functions: what they leave of the products with a
function shows which of hundreds of functions are worth a closer look.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.parts import PLAIN, Part, exponents_of, monomial, part_of
from nesymres_sk.search.pursuit.rational import PER_ROW, RELATED, rational

Array = NDArray[np.float64]

_SQRT = v.operator_token("sqrt")
#: Functions at the root of those that are tried, the most of them, and all of which such a function has one.
_ROOTS = {v.operator_token(name) for name in ("exp", "log", "sin", "cos", "tan", "sqrt", "pow")}
_MOST_FUNCTIONS = 400
_TRANSCENDENTAL = _ROOTS | {v.operator_token(name) for name in ("asin", "acos", "atan", "tanh")}
#: Degrees of the polynomials, by the number of columns, 2 by default; rows beyond the coefficients on which functions
#: are told from others, and functions that are looked at closely.
_DEGREES, _MORE_ROWS, _CLOSEST = {1: (2, 3, 4), 2: (2, 3)}, 12, 6
#: Part of its largest value over which a function ranges at least, and which at least so many of its values exceed.
_LEAST_RANGE, _SMALL, _NOT_SMALL = 0.01, 0.1, 16


def functions_of(library: Library) -> list[Part]:
    """Short functions without constants that no polynomial is, nor a quotient of two."""
    out = []
    for i in np.flatnonzero(library.natural)[np.argsort(library.sizes[library.natural], kind="stable")].tolist():
        tokens = library.terms[i].tokens
        if tokens[0] in _ROOTS and sum(token in _TRANSCENDENTAL for token in tokens) == 1:
            if _varies(library.values[i]):
                out.append(part_of(PLAIN, library.terms[i], library.values[i]))
            if len(out) == _MOST_FUNCTIONS:
                break
    return out


def rational_in_function(columns: Sequence[Part], functions: Sequence[Part], y: Array) -> Expression | None:
    """The quotient of two polynomials of the columns and one function that a target is.

    Parameters
    ----------
    columns, functions : sequences of Part
    y : array of shape (n,)

    Returns
    -------
    Expression or None
        As of :func:`rational`, of the first function of which the target is one.
    """
    roots = [function for function in functions if function.node[0] == _SQRT]
    others = [function for function in functions if function.node[0] != _SQRT]
    for degree in _DEGREES.get(len(columns), (2,)):
        # squares of roots depend on the columns, whatever the target is
        ranked = _ranked(columns, others, y, degree, degree) + _ranked(columns, roots, y, degree, 1)
        for _, function in sorted(ranked, key=lambda pair: pair[0])[:_CLOSEST]:
            found = rational([*columns, function], y, degree)
            if found is not None:
                return found
    return None


def _varies(values: Array) -> bool:
    """Whether a function is neither nearly constant nor nearly nothing but for a few rows, where any relation holds."""
    sizes = np.abs(values)
    largest = float(sizes.max())
    return bool(np.ptp(values) > _LEAST_RANGE * largest and np.sum(sizes > _SMALL * largest) >= _NOT_SMALL)


def _ranked(
    columns: Sequence[Part], functions: Sequence[Part], y: Array, degree: int, power: int
) -> list[tuple[float, Part]]:
    """Functions with which there is a relation between monomials up to a degree and the target, and how exact it is.

    ``power`` is the highest one of the function. What is known without a function is taken off first, so that there is
    one decomposition of many rows for all of them and a small one for each.
    """
    exponents = [e for k in range(degree + 1) for e in exponents_of(len(columns) + 1, k) if e[-1] <= power]
    n_columns = 2 * len(exponents)
    if not functions or n_columns > PER_ROW * len(y):
        return []
    rows = slice(n_columns + _MORE_ROWS)
    plain = np.array([monomial(columns, e[:-1]).values[rows] for e in exponents if not e[-1]])
    values = np.array([function.values[rows] for function in functions])
    with np.errstate(all="ignore"):
        others = np.array([monomial(columns, e[:-1]).values[rows] * values ** e[-1] for e in exponents if e[-1]])
    known = _with_target(plain.T, y[rows])
    beyond = np.linalg.qr(known, mode="complete")[0][:, known.shape[1] :]
    system = _with_target(others.transpose(1, 2, 0), y[rows])  # (function, row, monomial)
    defined = np.flatnonzero(np.isfinite(system).all(axis=(1, 2)))
    triangles = np.linalg.qr(beyond.T @ system[defined], mode="r")
    smallest = np.abs(np.diagonal(triangles, axis1=1, axis2=2)).min(axis=1)
    return [
        (error, functions[i]) for error, i in zip(smallest.tolist(), defined.tolist(), strict=True) if error < RELATED
    ]


def _with_target(values: Array, y: Array) -> Array:
    """Columns of a system and the same times the target, of length one."""
    with np.errstate(all="ignore"):
        system = np.concatenate((values, values * y[:, None]), axis=-1)
        system = system / np.linalg.norm(system, axis=-2, keepdims=True)
    return np.asarray(system)
