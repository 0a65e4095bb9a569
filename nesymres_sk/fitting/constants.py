"""Fitting the constants of many skeletons to one table (Biggio et al. 2021, section 3, by other means)."""

from __future__ import annotations

import math
import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import Programs, check_variables, compile_programs, in_chunks
from nesymres_sk.fitting.levenberg_marquardt import EXACT, fit_chunk
from nesymres_sk.fitting.structure import MAX_CONSTANTS

_CHUNK = 16
#: Starts that the kernel is given at a time: it looks at the clock between them, and compares each with each.
_MOST_STARTS = 256
#: Relative loss after which more starts have nothing to gain.
_FOUND = 1e4 * EXACT


class FitResult(NamedTuple):
    """Constants and losses of fitted skeletons.

    Attributes
    ----------
    constants : list of tuple of float
        Every constant of every expression, fixed ones included; NaN where no fit exists.
    losses : float64 array of shape (P,)
        Weighted mean squared error; infinite where the expression is undefined or was not reached in time.
    """

    constants: list[tuple[float, ...]]
    losses: NDArray[np.float64]


class Table(NamedTuple):
    """Data as the fitters read them: rows with weight only, in random order, weights that sum to one."""

    XT: NDArray[np.float64]
    y: NDArray[np.float64]
    weights: NDArray[np.float64]


def prepare_table(
    X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None, rng: np.random.Generator | None
) -> Table:
    """Drop rows without weight, and shuffle the others if ``rng`` is given.

    Raises
    ------
    ValueError
        If the lengths differ, no row has weight, a weight is negative, or anything is NaN or infinite.
    """
    points = np.asarray(X, dtype=np.float64)
    targets = np.asarray(y, dtype=np.float64)
    if points.ndim != 2 or not len(points):
        raise ValueError(f"X must have shape (n, d) with at least one row, got {points.shape}")
    if targets.shape != (len(points),):
        raise ValueError(f"y must have shape ({len(points)},) to go with X, got {targets.shape}")
    weights = np.ones(len(points)) if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
    if weights.shape != targets.shape:
        raise ValueError(f"sample_weight must have shape {targets.shape}, got {weights.shape}")
    if not (np.isfinite(weights).all() and (weights >= 0).all() and (weights > 0).any()):
        raise ValueError("sample_weight must be finite, not negative, and positive somewhere")
    keep = np.flatnonzero(weights > 0)
    if rng is not None:
        keep = rng.permutation(keep)
    points, targets, weights = points[keep], targets[keep], weights[keep]
    if not (np.isfinite(points).all() and np.isfinite(targets).all()):
        raise ValueError("X and y must be finite where the weight is positive")
    return Table(np.ascontiguousarray(points.T), targets, weights / weights.sum())


def fit_skeletons(
    skeletons: Sequence[Expression],
    X: ArrayLike,
    y: ArrayLike,
    *,
    n_restarts: int = 4,
    deadline: Deadline | None = None,
    rng: np.random.Generator,
    n_threads: int = 1,
    sample_weight: ArrayLike | None = None,
    initial: Sequence[Sequence[float] | None] | None = None,
) -> FitResult:
    """Fit the free constants of many expressions by Levenberg-Marquardt with variable projection.

    Parameters
    ----------
    skeletons : sequence of Expression
        NaN constants are fitted, others stay.
    X : array of shape (n, d)
    y : array of shape (n,)
        Any units: starts are drawn relative to the data.
    n_restarts : int, default 4
        Screened starts that are iterated; for each of them 12 (one nonlinear constant) or 24 are drawn. With 1 the
        first start is iterated as it is, and others are drawn only where it is undefined.
    deadline : Deadline, optional
        Honoured within a fit; what has been found by then is returned.
    rng : numpy Generator
        The result depends on its state, not on ``n_threads``.
    n_threads : int, default 1
        Threads; the kernel releases the GIL.
    sample_weight : array of shape (n,), optional
        Rows with weight zero are ignored, even where an expression is undefined.
    initial : sequence of (sequence of float or None), optional
        First start of each skeleton, one value a constant; every constant 1 by default.

    Returns
    -------
    FitResult

    Raises
    ------
    ValueError
        If the table is not valid, a variable has no column, or an expression has more than 62 constants.
    """
    if n_restarts < 1:
        raise ValueError(f"n_restarts must be at least 1, got {n_restarts}")
    table = prepare_table(X, y, sample_weight, rng)
    seeds = rng.integers(0, 2**64, size=(len(skeletons), 1), dtype=np.uint64)
    programs = compile_programs(skeletons)
    check_variables(programs, len(table.XT))
    width = int(programs.n_constants.max(initial=0))
    if width > MAX_CONSTANTS:
        raise ValueError(f"expressions can have at most {MAX_CONSTANTS} constants, got {width}")
    constants = _padded([skeleton.constants for skeleton in skeletons], width)
    starts = first_starts(skeletons, initial)
    losses = np.full(len(skeletons), np.inf)
    _run(programs, table, constants, starts, n_restarts, seeds, losses, deadline, n_threads)
    return FitResult(
        [tuple(row[:size]) for row, size in zip(constants.tolist(), programs.n_constants.tolist(), strict=True)],
        losses,
    )


def first_starts(
    skeletons: Sequence[Expression], initial: Sequence[Sequence[float] | None] | None
) -> NDArray[np.float64]:
    """First start of every skeleton, shape (P, K): what ``initial`` gives, 1 elsewhere."""
    sizes = [len(skeleton.constants) for skeleton in skeletons]
    starts = np.ones((len(sizes), max(sizes, default=0)))
    if initial is None:
        return starts
    for row, size, values in zip(starts, sizes, initial, strict=True):
        if values is None:
            continue
        if len(values) != size:
            raise ValueError(f"initial must give one value for each of {size} constants, got {len(values)}")
        given = np.asarray(values, dtype=np.float64)
        row[:size] = np.where(np.isfinite(given), given, 1.0)
    return starts


def _run(
    programs: Programs,
    table: Table,
    constants: NDArray[np.float64],
    starts: NDArray[np.float64],
    n_restarts: int,
    seeds: NDArray[np.uint64],
    losses: NDArray[np.float64],
    deadline: Deadline | None,
    n_threads: int,
) -> None:
    """Run the kernel in chunks, with a timer that stops it in the middle of a fit."""
    with np.errstate(under="ignore"):  # also where a user has made it an error
        scale = math.sqrt(float(table.weights @ np.square(table.y))) or 1.0
    factors = np.sqrt(table.weights) / scale
    # a few huge targets, near a pole for instance, would decide alone which start is best
    deviations = np.abs(table.y - np.median(table.y))
    with np.errstate(over="ignore", under="ignore"):
        tamed = factors / (1.0 + deviations / (np.median(deviations) or math.inf))
    stop = np.zeros(1, np.int64)

    data = table.XT, table.y, factors, tamed

    def work(first: int, last: int) -> None:
        part = slice(first, last)
        unknown = constants[part].copy()
        n = min(n_restarts, _MOST_STARTS)
        fit_chunk(*programs, first, last, *data, constants, starts, n, seeds, stop, losses)
        for done in range(n, n_restarts, _MOST_STARTS):
            if stop[0] or (losses[part] < _FOUND).all():
                return
            n = min(n_restarts - done, _MOST_STARTS)
            again, found = constants.copy(), np.full(len(losses), np.inf)
            again[part] = unknown
            fit_chunk(*programs, first, last, *data, again, starts, n, seeds, stop, found)
            better = np.flatnonzero(found < losses)
            constants[better], losses[better] = again[better], found[better]

    timer = None
    if deadline is not None and math.isfinite(deadline.at):
        if deadline.passed:
            return
        timer = threading.Timer(min(deadline.remaining, threading.TIMEOUT_MAX), stop.fill, (1,))
        timer.daemon = True
        timer.start()
    try:
        in_chunks(work, len(losses), _CHUNK, n_threads)
    finally:
        if timer is not None:
            timer.cancel()
    with np.errstate(over="ignore", under="ignore"):
        losses *= scale * scale


def _padded(rows: Sequence[Sequence[float]], width: int) -> NDArray[np.float64]:
    out = np.full((len(rows), width), np.nan)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out
