"""The compiled postfix machine: values and derivatives of expressions on many points.

One machine serves the generator (values), the constant fit (values and derivatives) and ``predict``. Undefined
results are NaN or infinite, never an exception. Kernels release the GIL; more than one thread means a pool of
Python threads over chunks of programs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nesymres_sk.expressions import _kernels
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions._derivatives import run_gradients
from nesymres_sk.expressions._kernels import BLOCK, run_many, run_values
from nesymres_sk.expressions.expression import Expression

__all__ = [
    "BLOCK",
    "Programs",
    "compile_programs",
    "evaluate",
    "evaluate_many",
    "evaluate_with_gradient",
    "run_gradients",
    "run_values",
]


class Programs(NamedTuple):
    """Postfix programs of several expressions.

    Attributes
    ----------
    codes : int16 array of shape (P, L)
        Token ids in postfix order, zero beyond each program's length.
    lengths : int32 array of shape (P,)
        Number of nodes.
    n_constants : int32 array of shape (P,)
        Number of ``C`` tokens, free or not.
    """

    codes: NDArray[np.int16]
    lengths: NDArray[np.int32]
    n_constants: NDArray[np.int32]


def compile_programs(expressions: Iterable[Expression]) -> Programs:
    """Translate expressions to postfix programs (see :class:`Programs`)."""
    sequences = [expression.tokens for expression in expressions]
    sizes = np.fromiter(map(len, sequences), dtype=np.int64, count=len(sequences))
    tokens = np.fromiter(chain.from_iterable(sequences), dtype=np.int16, count=int(sizes.sum()))
    starts = np.concatenate(([0], np.cumsum(sizes)))
    programs = Programs(
        np.zeros((len(sequences), int(sizes.max(initial=0))), np.int16),
        np.zeros(len(sequences), np.int32),
        np.zeros(len(sequences), np.int32),
    )
    _kernels.to_postfix(tokens, starts, *programs)
    return programs


def evaluate(expression: Expression, X: ArrayLike, constants: Sequence[float] | None = None) -> NDArray[np.float64]:
    """Values of one expression.

    Parameters
    ----------
    expression : Expression
        What to evaluate.
    X : array of shape (n, d)
        Points; column ``i`` is variable ``x{i+1}``.
    constants : sequence of float, optional
        Values of the constants; those of the expression by default.

    Returns
    -------
    float64 array of shape (n,)
        NaN or infinite where the expression is undefined.

    Raises
    ------
    ValueError
        If a variable of the expression has no column, or the number of constants is wrong.
    """
    program = compile_programs([expression])
    columns = _columns(X, program)
    values = _constants_of(expression, constants)
    out = np.empty(columns.shape[1])
    run_values(
        program.codes[0], int(program.lengths[0]), columns, values, np.empty((len(expression.tokens), BLOCK)), out
    )
    return out


def evaluate_with_gradient(
    expression: Expression, X: ArrayLike, constants: Sequence[float] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of one expression and their derivatives with respect to its constants.

    Parameters and errors are those of :func:`evaluate`.

    Returns
    -------
    values : float64 array of shape (n,)
    jacobian : float64 array of shape (n, k)
        Derivative with respect to constant ``j`` in column ``j``.
    """
    program = compile_programs([expression])
    columns = _columns(X, program)
    values = _constants_of(expression, constants)
    size = len(expression.tokens)
    out = np.empty(columns.shape[1])
    jacobian = np.empty((values.size, columns.shape[1]))
    rows, adjoints = np.empty((size, BLOCK)), np.empty((size, BLOCK))
    run_gradients(program.codes[0], int(program.lengths[0]), columns, values, rows, adjoints, out, jacobian)
    return out, jacobian.T


def evaluate_many(expressions: Sequence[Expression], X: ArrayLike) -> NDArray[np.float64]:
    """Values of many expressions on the same points.

    Parameters
    ----------
    expressions : sequence of Expression
        Fitted expressions.
    X : array of shape (n, d)
        Points.

    Returns
    -------
    float64 array of shape (len(expressions), n)

    Raises
    ------
    ValueError
        If a variable has no column.
    """
    programs = compile_programs(expressions)
    columns = _columns(X, programs)
    constants = np.zeros((len(expressions), max(1, int(programs.n_constants.max(initial=0)))))
    for row, expression in zip(constants, expressions, strict=True):
        row[: len(expression.constants)] = expression.constants
    out = np.empty((len(expressions), columns.shape[1]))
    run_many(programs.codes, programs.lengths, 0, len(expressions), columns, constants, out)
    return out


def in_chunks(work: Callable[[int, int], None], n: int, size: int, n_threads: int) -> None:
    """Call ``work(first, last)`` over chunks of ``range(n)``, on a pool of threads if more than one is asked for."""
    bounds = [(lo, min(lo + size, n)) for lo in range(0, n, size)]
    if n_threads <= 1 or len(bounds) <= 1:
        for lo, hi in bounds:
            work(lo, hi)
        return
    with ThreadPoolExecutor(min(n_threads, len(bounds))) as pool:
        for future in [pool.submit(work, lo, hi) for lo, hi in bounds]:
            future.result()


def column_major(X: ArrayLike) -> NDArray[np.float64]:
    """Points of shape (n, d) as the contiguous, writable float64 array of shape (d, n) that the kernels take."""
    points = np.asarray(X, dtype=np.float64)
    if points.ndim != 2:
        raise ValueError(f"X must be a table of shape (n, d), got {points.ndim} dimensions")
    return np.require(points.T, requirements=["C", "W"])


def check_variables(programs: Programs, n_columns: int) -> None:
    """Raise ``ValueError`` if a program reads a column that is not there: the kernels do not check."""
    codes = programs.codes
    used = int(np.where((codes >= v.FIRST_VARIABLE) & (codes < v.FIRST_INTEGER), codes, 0).max(initial=0))
    if used - v.FIRST_VARIABLE >= n_columns:
        raise ValueError(f"the expression uses {v.TOKENS[used]}, but X has {n_columns} columns")


def _columns(X: ArrayLike, programs: Programs) -> NDArray[np.float64]:
    columns = column_major(X)
    check_variables(programs, len(columns))
    return columns


def _constants_of(expression: Expression, constants: Sequence[float] | None) -> NDArray[np.float64]:
    values = np.array(expression.constants if constants is None else constants, dtype=np.float64).reshape(-1)
    if values.size != len(expression.constants):
        raise ValueError(f"the expression has {len(expression.constants)} constants, got {values.size}")
    return values
