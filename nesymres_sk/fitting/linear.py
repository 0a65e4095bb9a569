"""Least squares on tables of any length in bounded memory, and the constant and affine equations from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.table import Table

#: Least part of a column, in its own length, that the columns before it leave over.
_WELL_CONDITIONED = 0.01
#: Rows from which inner products are worth it: they are ten times faster.
_LONG = 4096

_ADD = v.operator_token("add")
_MUL = v.operator_token("mul")


def compress(blocks: Iterable[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Few rows with the same inner products as many: the triangular factor of stacked blocks.

    Parameters
    ----------
    blocks : iterable of arrays of shape (any, k)

    Returns
    -------
    array of shape (at most k, k)
        ``R`` with ``R.T @ R`` equal to the sum of ``block.T @ block``, without the loss of digits of forming that sum.
    """
    upper: NDArray[np.float64] | None = None
    for block in blocks:
        triangle = _triangle(block)
        upper = triangle if upper is None else np.linalg.qr(np.vstack((upper, triangle))).R
    if upper is None:
        raise ValueError("no blocks")
    return upper


def _triangle(block: NDArray[np.float64]) -> NDArray[np.float64]:
    """Triangular factor of one block; of a long one by way of the inner products, if they lose few digits."""
    if len(block) < _LONG:
        return np.linalg.qr(block).R
    with np.errstate(all="ignore"):
        lengths = np.sqrt(np.sum(np.square(block), axis=0))
        unit = block / lengths
        products = unit.T @ unit
    if np.isfinite(products).all():
        try:
            lower = np.linalg.cholesky(products)
        except np.linalg.LinAlgError:
            pass
        else:
            if lower.diagonal().min() > _WELL_CONDITIONED:
                return lower.T * lengths
    return np.linalg.qr(block).R


def affine_equations(table: Table, required: Sequence[int] = ()) -> list[Expression]:
    """The constant equation, then affine equations in one, two … columns chosen greedily, in the user's units.

    Closed forms, so that they are there before any search. The constant comes first and always exists.

    Parameters
    ----------
    table : Table
    required : sequence of int
        Columns that are chosen before all others.
    """
    n_columns = table.X.shape[1]
    triangle = compress(_design(table))
    ones, columns, target = triangle[:, :1], triangle[:, 1:-1], triangle[:, -1]
    chosen: list[int] = []
    equations = [Expression((v.CONSTANT,), (table.mean,))]
    # A column that is constant, or repeats chosen ones, has nothing left after projection and is passed over.
    sizes = np.sqrt(np.sum(np.square(columns), axis=0))
    for _ in range(n_columns):
        basis = np.linalg.qr(np.hstack((ones, columns[:, chosen])))[0]
        rest = columns - basis @ (basis.T @ columns)
        residual = target - basis @ (basis.T @ target)
        lengths = np.sqrt(np.sum(np.square(rest), axis=0))
        usable = lengths > 1e-10 * np.maximum(sizes, 1e-300)
        usable[chosen] = False
        if not usable.any():
            break
        if usable[[column for column in required if column not in chosen]].any():
            usable &= np.isin(np.arange(n_columns), required)
        gain = np.where(usable, np.abs(rest.T @ residual) / np.where(usable, lengths, 1.0), -1.0)
        chosen.append(int(gain.argmax()))
        system = np.hstack((ones, columns[:, chosen]))
        with np.errstate(over="ignore"):
            intercept, *slopes = np.linalg.lstsq(system, target, rcond=None)[0] * table.y_scale
            by_column = {column: slope / table.x_scales[column] for column, slope in zip(chosen, slopes, strict=True)}
        equation = _affine(float(intercept), by_column)
        if equation is not None:
            equations.append(equation)
    return equations


def _design(table: Table, n_rows: int = 65_536) -> Iterable[NDArray[np.float64]]:
    """Weighted blocks of a column of ones, the scaled columns and the scaled target."""
    for start in range(0, table.n_rows, n_rows):
        rows = slice(start, start + n_rows)
        y = table.y[rows] / table.y_scale
        block = np.column_stack((np.ones(len(y)), table.X[rows] / table.x_scales, y))
        yield block if table.weight is None else block * np.sqrt(table.weight[rows])[:, None]


def _affine(intercept: float, slopes: dict[int, float]) -> Expression | None:
    tree: Node = (v.CONSTANT, intercept)
    for column in sorted(slopes, reverse=True):
        tree = (_ADD, (_MUL, (v.CONSTANT, float(slopes[column])), (v.variable(column),)), tree)
    expression = Expression.from_tree(tree)
    if not np.isfinite(expression.constants).all():
        return None
    return canonical(expression)
