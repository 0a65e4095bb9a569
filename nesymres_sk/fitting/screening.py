"""Screening: many random starts judged by what is left on a few rows once the linear constants are solved for."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nesymres_sk.compilation import Flags, Floats, Ints, Rows, kernel, linked
from nesymres_sk.expressions._derivatives import mark_needed
from nesymres_sk.fitting.least_squares import Tape, Work, copy, normal_equations, solve
from nesymres_sk.fitting.starts import State, draw_start, uniform
from nesymres_sk.fitting.structure import surroundings

#: Best of the first starts, from which the later ones are made.
ELITE = 8


@kernel
def _calm(calm: Any, tape: Any, m: int) -> float:
    """Weights for the start whose values lie in the tape's rows; sum of squares of the weighted targets.

    A start that puts a pole next to a point is judged by that point alone, so that the loss has no slope towards
    the true pole: weigh points down where the start's own values are far beyond their typical size.
    """
    values = tape.rows[tape.length - 1]
    total = 0.0
    for j in range(m):
        total += math.sqrt(abs(values[j]))
    size = (total / m) ** 2
    inverse = 1.0 / size if 0.0 < size < math.inf else 0.0
    norm = 0.0
    for j in range(m):
        calm.weights[j] = tape.weights[j] / (1.0 + abs(values[j]) * inverse)
        norm += (calm.weights[j] * tape.y[j]) ** 2
    return norm if norm > 0.0 else 1.0


@kernel
def _best(losses: Any, n: int, best: Any) -> None:
    """Where the smallest of the first ``n`` losses are, smallest first, and again from there if ``n`` are too few."""
    count = 0
    for i in range(n):
        if count < best.size:
            count += 1
        elif losses[i] >= losses[best[count - 1]]:
            continue
        j = count - 1
        while j > 0 and losses[best[j - 1]] > losses[i]:
            best[j] = best[j - 1]
            j -= 1
        best[j] = i
    for i in range(count, best.size):
        best[i] = best[i - count]


@linked
def screen(
    tape: Tape,
    m: int,
    needed: Flags,
    columns: Ints,
    size: int,
    n_nonlinear: int,
    draws: Rows,
    losses: Floats,
    state: State,
    work: Work,
) -> None:
    """Fill ``draws[1:]`` with random starts, and ``losses`` with what is left after projection on ``m`` points.

    The second half takes one of the best of the first half and draws some of its constants again: with several
    nonlinear constants it is unlikely that all of them are good at once.
    """
    code, left, right, length = tape.code, tape.left, tape.right, tape.length
    n_constants = draws.shape[1]
    skip = ~needed
    linear = np.zeros(n_constants, np.bool_)
    to_draw = np.zeros(n_constants, np.bool_)
    for a in range(size):
        linear[columns[a]] = a >= n_nonlinear
        to_draw[columns[a]] = a < n_nonlinear
    needed_linear = np.empty(length, np.bool_)
    mark_needed(code, left, right, length, linear, needed_linear)
    context = np.empty(length, np.int64)
    direct = np.empty(length, np.bool_)
    mate = np.empty(length, np.int64)
    surroundings(code, left, right, length, context, direct, mate)
    gram, factor = work.matrices[0], work.matrices[2]
    slope, step = work.vectors[0], work.vectors[2]
    n_linear = size - n_nonlinear
    everything = np.ones(length, np.bool_)
    weights = tape.weights.copy()
    calm = Tape(code, left, right, length, tape.leaves, tape.XT, tape.y, weights, tape.rows, tape.adjoints)
    norm = 1.0
    n_all = tape.y.size
    half = len(draws) // 2 if n_nonlinear > 1 else len(draws)
    elite = np.empty(ELITE, np.int64)
    for i in range(len(draws)):
        if i == half:
            _best(losses, half, elite)
        if i >= half:
            copy(draws[elite[int(uniform(state, 0.0, float(ELITE)))]], draws[i], n_constants)
            share = uniform(state, 0.1, 0.9)
            for a in range(n_nonlinear):
                to_draw[columns[a]] = uniform(state, 0.0, 1.0) < share
        elif i > 0:
            copy(draws[0], draws[i], n_constants)
        if i > 0:
            draw_start(
                code, left, right, length, skip, to_draw, context, direct, mate, m, tape.rows, draws[i], n_all, state
            )
            norm = _calm(calm, tape, m)
        ready = everything if i > 0 else skip
        loss = normal_equations(calm, m, draws[i], ready, needed_linear, columns[n_nonlinear:], n_linear, gram, slope)
        if loss < math.inf and n_linear > 0:
            solve(gram, slope, 0, n_linear, 0.0, 0, factor, step)
            for a in range(n_linear):
                draws[i, columns[n_nonlinear + a]] += step[a]
                loss -= step[a] * slope[a]
            loss = max(loss, 0.0)
        losses[i] = loss / norm


@kernel
def select(losses: Any, draws: Any, n_draws: int, columns: Any, n_nonlinear: int, chosen: Any) -> int:
    """Best distinct draws, always the first one before them; number chosen."""
    count = 0
    for c in range(chosen.size):
        chosen[c] = -1
    if losses[0] < math.inf:
        chosen[0] = 0
        losses[0] = math.inf
        count = 1
    while count < chosen.size:
        best = 0
        for i in range(1, n_draws):
            if losses[i] < losses[best]:
                best = i
        if not losses[best] < math.inf:
            break
        losses[best] = math.inf
        near = False
        for c in range(count):
            same = True
            for a in range(n_nonlinear):
                mine, other = draws[best, columns[a]], draws[chosen[c], columns[a]]
                same = same and abs(mine - other) <= 0.04 * (abs(mine) + abs(other))
            near = near or same
        if not near:
            chosen[count] = best
            count += 1
    return count
