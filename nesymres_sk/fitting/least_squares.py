"""Residuals and normal equations of one program."""

from __future__ import annotations

import math
from typing import Annotated, Any, NamedTuple

import numba
import numpy as np

from nesymres_sk.compilation import OPTIONS, Codes, Flags, Floats, Ints, Rows, kernel, linked
from nesymres_sk.expressions._derivatives import pull_back
from nesymres_sk.expressions._kernels import BLOCK, forward

#: Added to the unit diagonal of scaled normal equations: far below what matters, enough for collinear columns.
_RIDGE = 1e-14


class Tape(NamedTuple):
    """A program linked to its data and workspace.

    Attributes
    ----------
    code, left, right : int arrays of shape (L,)
        Program and operands.
    length : int
        Number of nodes.
    leaves : int64 array of shape (K,)
        Node of every constant.
    XT : float64 array of shape (d, n)
        Points, column-major.
    y, weights : float64 arrays of shape (n,)
        Targets, and factors of the residuals whose squares then sum to the loss.
    rows, adjoints : float64 arrays of shape (L, BLOCK)
        Values and derivatives of the nodes on the current block of points.
    """

    code: Codes
    left: Ints
    right: Ints
    length: int
    leaves: Ints
    XT: Rows
    y: Floats
    weights: Floats
    rows: Rows
    adjoints: Rows


class Work(NamedTuple):
    """Workspace of the iterations on ``K`` constants: 3 matrices of shape (K + 1, K + 1) and 4 rows of K + 1."""

    matrices: Annotated[Any, numba.float64[:, :, ::1]]
    vectors: Rows


@numba.njit(nogil=True, fastmath={"reassoc", "contract"}, **OPTIONS)
def dot(a: Any, b: Any, n: int) -> float:
    """Inner product; summed in any order, so that it vectorises."""
    total = 0.0
    for i in range(n):
        total += a[i] * b[i]
    return total


@kernel
def copy(source: Any, target: Any, n: int) -> None:
    """Copy ``n`` numbers. Numba compiles an assignment of slices together with the text of its error message."""
    for i in range(n):
        target[i] = source[i]


@linked
def normal_equations(
    tape: Tape,
    n: int,
    constants: Floats,
    skip: Flags,
    needed: Flags,
    columns: Ints,
    size: int,
    gram: Rows,
    slope: Floats,
) -> float:
    """Loss on the first ``n`` points, and what a Gauss-Newton step needs.

    Parameters
    ----------
    tape : Tape
    n : int
        Number of points.
    constants : float64 array of shape (K,)
    skip : bool array of shape (L,)
        Nodes whose rows are valid already.
    needed : bool array of shape (L,)
        Nodes above the constants in ``columns``.
    columns : int array of shape (>= size,)
        Constants with respect to which derivatives are taken.
    gram, slope : float64 arrays
        Receive ``J^T J`` (lower triangle) and ``J^T r`` in their first ``size`` rows.

    Returns
    -------
    float
        Sum of squared weighted residuals, infinite where anything is undefined.
    """
    loss = 0.0
    for a in range(size):
        slope[a] = 0.0
        for b in range(size):
            gram[a, b] = 0.0
    residual = np.empty(BLOCK)
    root = tape.length - 1
    for lo in range(0, n, BLOCK):
        m = min(BLOCK, n - lo)
        forward(tape.code, tape.left, tape.right, tape.length, skip, tape.XT, lo, m, constants, tape.rows)
        for j in range(m):
            residual[j] = tape.weights[lo + j] * (tape.y[lo + j] - tape.rows[root, j])
        loss += dot(residual, residual, m)
        if not loss < math.inf:
            return math.inf
        if size == 0:
            continue
        for j in range(m):
            tape.adjoints[root, j] = tape.weights[lo + j]
        pull_back(tape.code, tape.left, tape.right, tape.length, needed, m, tape.rows, tape.adjoints)
        for a in range(size):
            mine = tape.adjoints[tape.leaves[columns[a]]]
            if not dot(mine, mine, m) < math.inf:
                # the value exists, its derivative does not (the root at 0): such a row says nothing about the step
                for j in range(m):
                    if not abs(mine[j]) < 1e150:
                        mine[j] = 0.0
            slope[a] += dot(mine, residual, m)
            for b in range(a + 1):
                gram[a, b] += dot(mine, tape.adjoints[tape.leaves[columns[b]]], m)
    return loss


@linked
def solve(
    gram: Rows, slope: Floats, first: int, last: int, damping: float, n_damped: int, factor: Rows, step: Floats
) -> None:
    """Solve the normal equations of the constants ``first`` to ``last`` by Cholesky with unit column scaling.

    Columns below ``n_damped`` get ``damping`` added to their unit diagonal (Levenberg-Marquardt). Columns that
    are zero, or combinations of earlier ones, get no step.
    """
    for a in range(first, last):
        factor[a, a] = 0.0
        step[a] = 1.0 / math.sqrt(gram[a, a]) if 0.0 < gram[a, a] < math.inf else 0.0
    for a in range(first, last):
        for b in range(first, a + 1):
            value = gram[a, b] * step[a] * step[b]
            if a == b:
                value = 1.0 + _RIDGE + (damping if a < n_damped else 0.0)
            for c in range(first, b):
                value -= factor[a, c] * factor[b, c]
            if a == b:
                factor[a, a] = math.sqrt(value) if value > 0.1 * _RIDGE else math.inf
            else:
                factor[a, b] = value / factor[b, b]
    for a in range(first, last):
        value = slope[a] * step[a]
        for c in range(first, a):
            value -= factor[a, c] * factor[c, last]
        factor[a, last] = value / factor[a, a]
    for a in range(last - 1, first - 1, -1):
        value = factor[a, last]
        for c in range(a + 1, last):
            value -= factor[c, a] * factor[c, last]
        factor[a, last] = value / factor[a, a]
    for a in range(first, last):
        step[a] *= factor[a, last]
