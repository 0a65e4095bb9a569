"""Regression on polynomials of several columns, and how well it predicts rows that it has not seen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.search.pursuit.regression import orthonormal, outside

Array = NDArray[np.float64]

#: Rows for each function of the polynomial, and its greatest degree.
ROWS_PER_TERM = 3
_HIGHEST_DEGREE = 8
#: Ratio of largest and smallest value from which on a column is looked at in logarithms.
_LOGARITHMIC = 4.0
#: Least part of a row that the others decide about, and share of the rows that errors are the mean of.
_LEAST_FREEDOM, _SHARE = 1e-3, 0.95


class Regression(NamedTuple):
    """What functions leave of a target.

    Attributes
    ----------
    basis : array of shape (k, n)
        Orthonormal rows that span the functions, weighted.
    residual : array of shape (n,)
        Weighted.
    leverage : array of shape (n,)
        How much each row decides about its own value.
    error : float
        Of :func:`predicted`.
    """

    basis: Array
    residual: Array
    leverage: Array
    error: float


def regressed(functions: Array, target: Array, weight: Array) -> Regression:
    """Least squares.

    Parameters
    ----------
    functions : array of shape (m, n)
    target, weight : array of shape (n,)
        Weights multiply residuals.
    """
    basis = orthonormal(functions * weight)
    residual = outside(target * weight, basis)
    leverage = np.einsum("kn,kn->n", basis, basis)
    return Regression(basis, residual, leverage, predicted(residual, leverage))


def predicted(residual: Array, leverage: Array) -> float:
    """Mean squared error of rows predicted from the others (PRESS: Allen, Technometrics 1974).

    The worst are left out: at the corners of a table a polynomial predicts anything.
    """
    squares = np.sort(np.square(residual / np.maximum(1.0 - leverage, _LEAST_FREEDOM)))
    return float(np.mean(squares[: max(1, round(_SHARE * len(squares)))]))


def unit(values: Array) -> Array:
    """A column on [-1, 1], in logarithms if it spans factors."""
    if values.min() > 0.0 and values.max() > _LOGARITHMIC * values.min():
        values = np.log(values)
    low, high = values.min(), values.max()
    return np.asarray(2.0 * (values - low) / ((high - low) or 1.0) - 1.0)


def polynomials(units: Sequence[Array]) -> Array:
    """Products of Legendre polynomials of the columns, the constant first, up to the degree that rows allow.

    Parameters
    ----------
    units : sequence of arrays of shape (n,)
        Of :func:`unit`.
    """
    n, k = len(units[0]), len(units)
    degree = 1
    while degree < _HIGHEST_DEGREE and math.comb(k + degree + 1, k) <= n // ROWS_PER_TERM:
        degree += 1
    products, degrees = [np.ones(n)], [0]
    for column in units:
        powers = np.polynomial.legendre.legvander(column, degree).T
        pairs = [(i, d) for i in range(len(products)) for d in range(degree - degrees[i] + 1)]
        products, degrees = [products[i] * powers[d] for i, d in pairs], [degrees[i] + d for i, d in pairs]
    return np.array(products)
