"""Least squares for many small systems at once: coefficients of matches, and sums with a common factor."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.search.pursuit.matching import largest

Array = NDArray[np.float64]

#: Share of a product's squared length that projections must leave: what is shorter is rounding.
_LEFT = 1e-9
#: Part of a function, beside those before it, that is rounding.
_NOTHING_NEW = 1e-10
#: Diagonal entries of a triangular factor below this stand for functions that depend on others.
_DEPENDENT = 1e-14
#: Added to the diagonal of unit functions' products, and the squared t statistic that a node has to be worth.
_RIDGE, _PER_NODE = 1e-12, 2.5


def solve_many(systems: Array, target: Array) -> tuple[Array, Array, Array]:
    """Least squares for many small systems at once.

    Parameters
    ----------
    systems : array of shape (m, k, n)
        Rows are functions.
    target : array of shape (n,)

    Returns
    -------
    coefficients : array of shape (m, k)
    importance : array of shape (m, k)
        By how much the relative error grows without each function.
    errors : array of shape (m,)
        Squared residual over the squared length of the target.
    """
    lengths = np.sqrt(np.einsum("mkn,mkn->mk", systems, systems))
    lengths[lengths == 0.0] = 1.0
    q, r = np.linalg.qr((systems / lengths[:, :, None]).transpose(0, 2, 1))
    diagonal = np.einsum("mkk->mk", r)  # a view: functions that depend on others are kept from dividing by zero
    tiny = np.abs(diagonal) < _DEPENDENT
    np.einsum("mkk->mk", r)[tiny] = _DEPENDENT
    inverse = np.linalg.inv(r)
    projections = target @ q
    coefficients = np.einsum("mij,mj->mi", inverse, projections)
    power = float(target @ target) or 1.0
    residuals = target - np.einsum("mnk,mk->mn", q, projections)
    variances = np.einsum("mij,mij->mi", inverse, inverse)
    errors = np.einsum("mn,mn->m", residuals, residuals) / power
    return coefficients / lengths, np.square(coefficients) / variances / power, errors


def needed(
    functions: Array, target: Array, sizes: Array, degrees: NDArray[np.int64]
) -> tuple[NDArray[np.bool_], Array]:
    """Functions that are left after backward elimination, and their least squares coefficients.

    It begins with the degree of the shortest description: of many monomials any others would be left as well.

    Parameters
    ----------
    functions : array of shape (k, n)
    target : array of shape (n,)
    sizes : array of shape (k,)
        Nodes of the functions: the long ones go first.
    degrees : int array of shape (k,)
        Of monomials; 0 for other functions.

    Returns
    -------
    kept : bool array of shape (k,)
    coefficients : array of shape (k,)
        Zeros where a function is not kept.
    """
    k, n = functions.shape
    lengths = np.sqrt(np.einsum("kn,kn->k", functions, functions))
    units = functions / np.where(lengths > 0.0, lengths, 1.0)[:, None]

    def description(degree: int) -> float:
        some = units[degrees <= degree]
        rest = target - some.T @ np.linalg.lstsq(some.T, target, rcond=_DEPENDENT)[0]
        return n * math.log(max(float(rest @ rest), 1e-300)) + _PER_NODE * float(sizes[degrees <= degree].sum())

    kept = (lengths > 0.0) & (degrees <= min(np.unique(degrees).tolist(), key=description))
    units[~kept] = 0.0
    inverse = np.linalg.inv(units @ units.T + np.diag(np.where(kept, _RIDGE, 1.0)))
    coefficients = inverse @ (units @ target)
    residual = target - coefficients @ units
    error = float(residual @ residual)
    for size in range(int(kept.sum()), 1, -1):
        gains = np.where(kept, np.square(coefficients) / np.diagonal(inverse), np.inf)
        last = int((gains / sizes).argmin())
        if gains[last] * max(n - size, 1) > _PER_NODE * sizes[last] * error:
            break
        column = inverse[:, last] / inverse[last, last]
        coefficients = coefficients - column * coefficients[last]
        inverse = inverse - np.outer(column, inverse[last])
        inverse[last, last] = 1.0
        error += float(gains[last])
        kept[last] = False
    coefficients = np.zeros(k)
    coefficients[kept] = np.linalg.lstsq(units[kept].T, target, rcond=_DEPENDENT)[0] / lengths[kept]
    return kept, coefficients


def orthonormal(rows: Array) -> Array:
    """Orthonormal rows of the same span.

    Parameters
    ----------
    rows : array of shape (k, n)

    Returns
    -------
    array of shape (any, n)
        Rows that are combinations of those before them have no part.
    """
    lengths = np.sqrt(np.einsum("kn,kn->k", rows, rows))
    units = rows / np.where(lengths > 0.0, lengths, 1.0)[:, None]
    q, r = np.linalg.qr(units.T)
    new = np.abs(np.diagonal(r)) > _NOTHING_NEW
    if not new.all():  # the direction that stands for nothing new is arbitrary, and has taken a part of later rows
        q = np.linalg.qr(units[: len(new)][new].T)[0]
    return np.ascontiguousarray(q.T)


def outside(rows: Array, basis: Array) -> Array:
    """What is left of rows, on the last axis, after projection on orthonormal ones; twice for the sake of rounding."""
    rows = rows - (rows @ basis.T) @ basis
    return rows - (rows @ basis.T) @ basis


def factored(
    factors: Array, functions: Array, target: Array, weight: Array, n_each: int
) -> list[tuple[int, int, float]]:
    """Best ``target = c0 + f * (c1 + c2 * g)`` for factors ``f`` and functions ``g``.

    Parameters
    ----------
    factors : array of shape (p, n)
    functions : array of shape (m, n)
    target, weight : array of shape (n,)
        Weights multiply residuals.
    n_each : int
        Functions kept for each factor.

    Returns
    -------
    list of (int, int, float)
        Row of the factor, row of the function, relative error.
    """
    one = weight / np.sqrt(weight @ weight)
    y = target * weight
    length = float(np.sqrt(y @ y)) or 1.0
    y = (y - (one @ y) * one) / length
    f = factors * weight
    f /= np.sqrt(np.einsum("ij,ij->i", f, f))[:, None]
    g = functions - functions.mean(axis=1, keepdims=True)
    g /= g.std(axis=1, keepdims=True)
    # the part of each factor that is no constant, and the products f * g without these two
    rest = f - (f @ one)[:, None] * one
    rest /= np.maximum(np.sqrt(np.einsum("ij,ij->i", rest, rest)), 1e-12)[:, None]
    cosine = rest @ y
    along = (f * rest) @ g.T
    constant = (f * one) @ g.T
    shared = (f * y) @ g.T - cosine[:, None] * along
    left = np.square(f) @ np.square(g).T
    floor = _LEFT * left
    left -= np.square(along)
    left -= np.square(constant)
    with np.errstate(all="ignore"):
        gains = np.where(left > floor, np.square(shared) / left, 0.0)
    gains[~np.isfinite(gains)] = 0.0
    power = float(y @ y)
    found = []
    for i, row in enumerate(gains):
        error = power - float(cosine[i]) ** 2
        found += [(i, j, max(error - float(row[j]), 0.0)) for j in largest(row, n_each)]
    return found


def modulating(functions: Array, base: Array, target: Array, weight: Array, n: int) -> list[tuple[int, float]]:
    """Rows of the functions ``f`` with the best ``target = sum + f * sum``, both sums being over the base, and errors.

    Parameters
    ----------
    functions : array of shape (m, n_rows)
    base : array of shape (k, n_rows)
    target, weight : array of shape (n_rows,)
        Weights multiply residuals.
    n : int
        Greatest number.
    """
    basis = orthonormal(base * weight)
    with np.errstate(all="ignore"):
        products = functions[:, None] * (base * weight)
        products /= np.sqrt(np.einsum("mkn,mkn->mk", products, products))[..., None]
    usable = np.flatnonzero(np.isfinite(products).all(axis=(1, 2)))
    products, rest = outside(products[usable], basis), outside(target * weight, basis)
    cosines = products @ rest
    gram = products @ products.transpose(0, 2, 1) + _RIDGE * np.eye(len(base))
    gains = np.einsum("mk,mk->m", cosines, np.linalg.solve(gram, cosines[..., None])[..., 0])
    return [(int(usable[i]), float(rest @ rest - gains[i])) for i in largest(gains, n)]
