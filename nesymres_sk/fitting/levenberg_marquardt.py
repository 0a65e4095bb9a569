"""Levenberg-Marquardt with variable projection, for many programs on the same data.

Nonlinear constants are damped, linear ones are not and are solved for again at every trial point, which makes the
joint step that of Kaufman's variable projection (Kaufman 1975; Ruhe & Wedin 1980, algorithm 3). Starts are screened
on a few rows by their loss after projection, the best take a few iterations on those rows, and the survivors are
fitted on all rows: successive halving inside the kernel.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numba
import numpy as np

from nesymres_sk.compilation import Flags, Floats, Ints, Rows, entry, kernel, linked
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions._derivatives import mark_needed
from nesymres_sk.expressions._kernels import BLOCK, Counts, ManyCodes, forward, link
from nesymres_sk.fitting.least_squares import Tape, Work, copy, normal_equations, solve
from nesymres_sk.fitting.peeling import peel
from nesymres_sk.fitting.screening import screen, select
from nesymres_sk.fitting.starts import State
from nesymres_sk.fitting.structure import linear_constants

#: Losses are relative to the mean square of y. Below this one nothing but rounding is left.
EXACT = 1e-30
#: A start that comes this low on the subset has found the law.
FOUND = 1e-22
SUBSET = 32
#: Rounds on the subset: iterations of each start, and one in how many goes on.
HALVING = ((8, 3), (24, 6))
#: Iterations on all rows, with and without nonlinear constants.
LAST_STEPS, LINEAR_STEPS = 250, 12
#: No fit above the loss ``CLOSE`` gets more iterations than this.
PATIENCE, CLOSE = 50, 1e-3

_CONSTANT = v.CONSTANT


@linked
def refine(
    tape: Tape,
    n: int,
    constants: Floats,
    columns: Ints,
    size: int,
    n_nonlinear: int,
    skip: Flags,
    needed: Flags,
    iterations: int,
    tolerance: float,
    stop: Ints,
    work: Work,
) -> float:
    """Improve ``constants`` in place; the loss returned is theirs, never that of a last probe.

    ``columns[:size]`` are the free constants, the ``n_nonlinear`` nonlinear ones first. ``work`` holds 3 matrices of
    shape (K + 1, K + 1) and 4 rows of K + 1; ``stop[0]`` ends the iterations as soon as it is set from outside.
    """
    gram, new_gram, factor = work.matrices[0], work.matrices[1], work.matrices[2]
    slope, new_slope, step, trial = work.vectors[0], work.vectors[1], work.vectors[2], work.vectors[3]
    loss = normal_equations(tape, n, constants, skip, needed, columns, size, gram, slope)
    if not loss < math.inf or size == 0:
        return loss
    copy(constants, trial, constants.size)
    damping = 1e-2
    stalled = 0
    for iteration in range(iterations):
        if loss < EXACT or stop[0] or (iteration >= PATIENCE and loss > CLOSE):
            break
        if iteration == 0:
            # the linear constants first: the nonlinear step means nothing before
            solve(gram, slope, n_nonlinear, size, 0.0, 0, factor, step)
            for a in range(n_nonlinear):
                step[a] = 0.0
        else:
            solve(gram, slope, 0, size, damping, n_nonlinear, factor, step)
        for a in range(size):
            trial[columns[a]] = constants[columns[a]] + step[a]
        new_loss = normal_equations(tape, n, trial, skip, needed, columns, size, new_gram, new_slope)
        if new_loss < math.inf and iteration > 0 and 0 < n_nonlinear < size:
            solve(new_gram, new_slope, n_nonlinear, size, 0.0, 0, factor, step)
            projected = new_loss
            for a in range(n_nonlinear, size):
                projected -= step[a] * new_slope[a]
            if projected < loss and projected < 0.7 * new_loss:
                for a in range(n_nonlinear, size):
                    trial[columns[a]] += step[a]
                new_loss = normal_equations(tape, n, trial, skip, needed, columns, size, new_gram, new_slope)
        if new_loss < loss:
            # a loss this small is on its way to zero, along a valley perhaps
            enough = tolerance * loss if loss > CLOSE else 1e-3 * tolerance * loss
            stalled = stalled + 1 if loss - new_loss < enough else 0
            loss = new_loss
            for a in range(size):
                constants[columns[a]] = trial[columns[a]]
            gram, new_gram = new_gram, gram
            slope, new_slope = new_slope, slope
            damping = max(0.2 * damping, 1e-12)
        elif iteration > 0:
            damping *= 8.0
            stalled += loss < 1e-20
        if stalled >= 2 or damping > 1e8 or (n_nonlinear == 0 and stalled):
            break
    return loss


@kernel
def _order(losses: Any, chosen: Any, count: int) -> None:
    """Sort ``chosen`` by the losses, best first."""
    for i in range(1, count):
        mine = chosen[i]
        j = i
        while j > 0 and losses[chosen[j - 1]] > losses[mine]:
            chosen[j] = chosen[j - 1]
            j -= 1
        chosen[j] = mine


@kernel
def _partition(free: Any, linear: int, columns: Any) -> int:
    """Free constants, nonlinear ones first; number of those."""
    n_nonlinear = 0
    for c in range(free.size):
        if free[c] and not (linear >> c) & 1:
            columns[n_nonlinear] = c
            n_nonlinear += 1
    size = n_nonlinear
    for c in range(free.size):
        if free[c] and (linear >> c) & 1:
            columns[size] = c
            size += 1
    return n_nonlinear


@linked
def _halve(
    tape: Tape,
    m: int,
    needed: Flags,
    columns: Ints,
    size: int,
    n_nonlinear: int,
    draws: Rows,
    losses: Floats,
    chosen: Ints,
    state: State,
    stop: Ints,
    work: Work,
) -> None:
    """Screen, then iterate the best starts on ``m`` points; ``chosen`` receives the survivors, best first."""
    screen(tape, m, needed, columns, size, n_nonlinear, draws, losses, state, work)
    count = select(losses, draws, len(draws), columns, n_nonlinear, chosen)
    skip = ~needed
    for iterations, share in HALVING:
        for i in range(count):
            s = chosen[i]
            losses[s] = refine(
                tape, m, draws[s], columns, size, n_nonlinear, skip, needed, iterations, 1e-2, stop, work
            )
            if losses[s] < FOUND:
                chosen[0], chosen[i] = chosen[i], chosen[0]
                return
        _order(losses, chosen, count)
        count = (count + share - 1) // share


@linked
def _fit_one(
    tape: Tape, tamed: Floats, constants: Floats, initial: Floats, n_restarts: int, state: State, stop: Ints, work: Work
) -> float:
    """Fit the NaN entries of ``constants``; relative loss on all points, infinite if undefined."""
    code, left, right, length = tape.code, tape.left, tape.right, tape.length
    n = tape.y.size
    n_constants = constants.size
    free = np.isnan(constants)
    size = 0
    for c in range(n_constants):
        if free[c]:
            constants[c] = initial[c]
            size += 1
    linear = np.empty(length, np.int64)
    below = np.empty(length, np.int64)
    linear_constants(code, left, right, length, free, linear, below)
    columns = np.empty(n_constants, np.int64)
    n_nonlinear = _partition(free, linear[length - 1], columns)
    needed = np.empty(length, np.bool_)
    mark_needed(code, left, right, length, free, needed)
    nothing = np.zeros(length, np.bool_)
    # nodes without free constants keep their rows, as long as all points fit into one block
    m = min(n, BLOCK)
    forward(code, left, right, length, nothing, tape.XT, 0, m, constants, tape.rows)
    static = ~needed if n <= BLOCK else nothing
    if n_nonlinear == 0:
        return refine(tape, n, constants, columns, size, n_nonlinear, static, needed, LINEAR_STEPS, 0.5, stop, work)
    if n_restarts == 1:
        # the first start alone, unless it is undefined: there is nothing to compare it with
        loss = refine(tape, n, constants, columns, size, n_nonlinear, static, needed, LAST_STEPS, 1e-4, stop, work)
        if loss < math.inf:
            return loss

    m = min(m, max(SUBSET, 4 * size))
    gentle = Tape(code, left, right, length, tape.leaves, tape.XT, tape.y, tamed, tape.rows, tape.adjoints)
    best = math.inf
    peeled = np.empty(n_constants, np.int64)
    chosen = np.empty(n_restarts, np.int64)
    for attempt in range(2):
        target, weights = tape.y[:m].copy(), tamed[:m].copy()
        root = length - 1
        if attempt == 0:
            root = peel(tape, below, linear, m, target, weights)
        elif n > BLOCK:
            forward(code, left, right, length, nothing, tape.XT, 0, m, constants, tape.rows)
        inner = Tape(code, left, right, root + 1, tape.leaves, tape.XT, target, weights, tape.rows, tape.adjoints)
        n_inner = _partition(free, linear[root], peeled)
        n_draws = 1 + n_restarts * min(12 * n_inner, 24)
        draws = np.empty((n_draws, n_constants))
        copy(constants, draws[0], n_constants)
        losses = np.empty(n_draws)
        _halve(inner, m, needed, peeled, size, n_inner, draws, losses, chosen, state, stop, work)
        finalists = (n_restarts + 5) // 6
        for i in range(n_restarts):
            if chosen[i] < 0 or (i >= finalists and best < math.inf):
                break
            start = draws[chosen[i]]
            if losses[chosen[i]] < 100.0 * CLOSE:
                refine(gentle, n, start, columns, size, n_nonlinear, static, needed, LAST_STEPS, 1e-4, stop, work)
            loss = refine(tape, n, start, columns, size, n_nonlinear, static, needed, LAST_STEPS, 1e-4, stop, work)
            if loss < best:
                best = loss
                copy(start, constants, n_constants)
            if best < EXACT * 1e4:
                break
        if best < math.inf or root == length - 1:
            break
    return best


@entry
def fit_chunk(
    codes: ManyCodes,
    lengths: Counts,
    n_constants: Counts,
    first: int,
    last: int,
    XT: Rows,
    y: Floats,
    weights: Floats,
    tamed: Floats,
    constants: Rows,
    initial: Rows,
    n_restarts: int,
    seeds: Annotated[Any, numba.uint64[:, ::1]],
    stop: Ints,
    losses: Floats,
) -> None:
    """Fit the programs ``first`` to ``last``.

    Parameters
    ----------
    codes, lengths, n_constants : int arrays
        :class:`~nesymres_sk.expressions.machine.Programs`.
    XT : float64 array of shape (d, n)
        Points in random order: the first ones serve as the subset.
    y, weights : float64 arrays of shape (n,)
        Targets and factors of the residuals; squared weighted residuals sum to the relative loss.
    tamed : float64 array of shape (n,)
        Factors of the residuals while starts are compared.
    constants : float64 array of shape (P, K)
        NaN entries are fitted, in place.
    initial : float64 array of shape (P, K)
        First start of the free constants.
    n_restarts : int
        Screened starts that are iterated.
    seeds : uint64 array of shape (P, 1)
        State of each program's own generator, so that results do not depend on chunks.
    stop : int64 array of shape (1,)
        Set from outside when time is up; programs not reached keep their loss.
    losses : float64 array of shape (P,)
        Receives the relative losses.
    """
    longest = max(codes.shape[1], 1)
    rows = np.empty((longest, BLOCK))
    adjoints = np.empty((longest, BLOCK))
    left = np.zeros(longest, np.int64)
    right = np.zeros(longest, np.int64)
    leaves = np.zeros(longest, np.int64)
    side = constants.shape[1] + 1
    work = Work(np.zeros((3, side, side)), np.zeros((4, side)))
    for p in range(first, last):
        if stop[0]:
            break
        length = int(np.int64(lengths[p]))  # int alone keeps the 32 bits
        link(codes[p], length, left, right)
        for i in range(length):
            if codes[p, i] == _CONSTANT:
                leaves[left[i]] = i
        tape = Tape(codes[p], left, right, length, leaves, XT, y, weights, rows, adjoints)
        size = n_constants[p]
        losses[p] = _fit_one(tape, tamed, constants[p, :size], initial[p, :size], n_restarts, seeds[p], stop, work)
