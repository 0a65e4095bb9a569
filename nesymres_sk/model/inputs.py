"""From tables of numbers to the arrays the network reads; NumPy only, shared by training and inference."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.scaling import column_scales

#: Width of a point: ten columns and the target, which is always last.
POINT_WIDTH = v.MAX_VARIABLES + 1


class Batch(NamedTuple):
    """Network inputs of B problems.

    Attributes
    ----------
    points : float32 array of shape (B, N, 11)
        Columns x1 to x10 and y (last), each divided by its scale; zero where a column or row is absent.
    n_points : int32 array of shape (B,)
        Number of rows that are there.
    present : bool array of shape (B, 11)
        Which columns exist; the target always does.
    log_scales : float32 array of shape (B, 11)
        Natural logarithm of the scale each column was divided by; zero where absent.
    tokens : int16 array of shape (B, T)
        Label with start, end and padding, T = longest label + 2; width 0 where there is none.
    """

    points: NDArray[np.float32]
    n_points: NDArray[np.int32]
    present: NDArray[np.bool_]
    log_scales: NDArray[np.float32]
    tokens: NDArray[np.int16]


def table_to_batch(X: ArrayLike, y: ArrayLike, *, max_points: int, rng: np.random.Generator) -> Batch:
    """Batch of one problem.

    Parameters
    ----------
    X : array of shape (n, d)
        Finite numbers, at most ten columns.
    y : array of shape (n,)
        Finite target.
    max_points : int
        If there are more rows, this many are picked at random without replacement.
    rng : numpy.random.Generator
        Picks the rows.

    Returns
    -------
    Batch
        B = 1, N = the number of rows kept, no label. Scales are those of the rows kept, as in training.

    Raises
    ------
    ValueError
        If X has more than ten columns.
    """
    X = np.asarray(X, dtype=np.float64)
    y = np.asarray(y, dtype=np.float64)
    n, d = X.shape
    if d > v.MAX_VARIABLES:
        raise ValueError(f"the network reads at most {v.MAX_VARIABLES} columns, X has {d}")
    if n > max_points:
        rows = rng.choice(n, size=max_points, replace=False)
        X, y, n = X[rows], y[rows], max_points
    values = np.zeros((1, n, POINT_WIDTH))
    values[0, :, :d] = X
    values[0, :, -1] = y
    present = np.zeros((1, POINT_WIDTH), dtype=np.bool_)
    present[0, :d] = True
    present[0, -1] = True
    scales = column_scales(values[0])[None]
    no_label = np.empty((1, 0), dtype=np.int16)
    return assemble(values, np.array([n], dtype=np.int32), present, scales, scales, no_label)


def assemble(
    values: NDArray[np.float64],
    n_points: NDArray[np.int32],
    present: NDArray[np.bool_],
    scales: NDArray[np.float64],
    units: NDArray[np.float64],
    tokens: NDArray[np.int16],
) -> Batch:
    """Batch from numbers and their scales.

    Parameters
    ----------
    values : float64 array of shape (B, N, 11)
        Columns and target, any content in absent rows and columns.
    n_points, present, tokens : arrays
        As in :class:`Batch`.
    scales : float64 array of shape (B, 11)
        What each column is divided by, positive.
    units : float64 array of shape (B, 11)
        The scales that the network is told: those same ones, or others if the problem is to look as if it had been
        measured in other units.
    """
    rows = np.arange(values.shape[1]) < n_points[:, None]
    there = rows[:, :, None] & present[:, None, :]
    points = np.divide(values, scales[:, None, :], out=np.zeros_like(values), where=there)
    log_scales = np.where(present, np.log(units), 0.0)
    return Batch(
        points.astype(np.float32),
        np.asarray(n_points, dtype=np.int32),
        present,
        log_scales.astype(np.float32),
        tokens,
    )


def masked_scales(values: NDArray[np.float64], n_points: NDArray[np.integer]) -> NDArray[np.float64]:
    """Root mean square of every column of many problems, as :func:`nesymres_sk.scaling.column_scales`.

    Parameters
    ----------
    values : float64 array of shape (B, N, 11)
        Finite numbers, zero in absent rows.
    n_points : integer array of shape (B,)

    Returns
    -------
    float64 array of shape (B, 11)
    """
    largest = np.abs(values).max(axis=1)
    largest[largest == 0.0] = 1.0
    ratio = values / largest[:, None, :]
    mean = np.einsum("bnc,bnc->bc", ratio, ratio) / n_points[:, None]
    return np.where(mean > 0.0, largest * np.sqrt(mean), 1.0)
