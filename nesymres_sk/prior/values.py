"""Compiled part of the problems: constants, values of the target, and what makes an equation unfit for its points."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nesymres_sk.compilation import kernel
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions._derivatives import backward
from nesymres_sk.expressions._kernels import BLOCK, forward, link
from nesymres_sk.prior.skeletons import BASE, EXPONENT, FREQUENCY, PHASE, RATE, SUMMAND
from nesymres_sk.prior.trees import COS, SIN

#: What became of an attempt, in the order of the checks.
OUTCOMES = ("not tried", "kept", "undefined", "magnitude", "constant", "oscillating", "invisible part")
NOT_TRIED, KEPT, UNDEFINED, MAGNITUDE, CONSTANT, OSCILLATING, INVISIBLE = range(7)

_UNDEFINED_SHARE = 0.05
_LARGEST, _SMALLEST = 1e15, 1e-15
_SPREAD = 1e-6
_TAIL = 1e9  # largest over median magnitude
_RADIANS = 60.0  # range of the argument of sin and cos beyond which the points cannot show the waves
_VISIBLE = 2e-3  # effect of a leaf relative to the deviation of the target
_VISIBLE_NOISE = 0.01  # more would ask too much of narrow columns
_FIRST_OPERATOR = v.FIRST_OPERATOR
_FIRST_VARIABLE = v.FIRST_VARIABLE
_FIRST_INTEGER = v.FIRST_INTEGER
TAN = v.operator_token("tan")
# Round numbers that laws contain; 1 to 5 are left out because labels write those as integers.
_ROUND = np.array([
    0.5, 0.5, 0.25, 0.75, 1.5, 2.5, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 6.0, 7.0, 8.0, 9.0, 10.0, 12.0, 15.0, 20.0,
    100.0, 0.01, 9.81, 1.0 / 3.0, 2.0 / 3.0, math.e, math.sqrt(2.0), math.sqrt(2.0 * math.pi), math.pi,
    math.pi, 2.0 * math.pi, 4.0 * math.pi, math.pi / 2.0, math.pi / 4.0,
])  # fmt: skip
_EXPONENTS = np.array([1.5, 1.5, 2.5, 1.0 / 3.0, 2.0 / 3.0, 0.25, 0.75, 1.2, 1.4, 0.8, 6.0, 3.5])


@kernel
def _draw_constant(rng: Any, role: int, wide: bool) -> float:
    """Value of a constant that plays a role (codes of :mod:`nesymres_sk.prior.skeletons`)."""
    if not wide:
        return 1.0 + 4.0 * rng.random()
    negative = 0.22
    low, high = -1.3, 1.3
    if role == SUMMAND:
        negative = 0.4
    elif role == EXPONENT:
        if rng.random() < 0.5:
            value = _EXPONENTS[int(rng.random() * _EXPONENTS.size)]
        else:
            value = 0.2 + 2.8 * rng.random()
        return -value if rng.random() < 0.35 else value
    elif role == BASE:
        return 10.0 ** (-0.7 + 1.4 * rng.random())
    elif role == FREQUENCY:
        negative = 0.05
        low, high = -0.8, 1.1
    elif role == RATE:
        negative = 0.5
        low, high = -1.3, 0.8
    elif role == PHASE:
        return math.pi * (2.0 * rng.random() - 1.0)
    if rng.random() < 0.25:
        value = _ROUND[int(rng.random() * _ROUND.size)]
    else:
        value = 10.0 ** (low + (high - low) * rng.random())
        if rng.random() < 0.2:
            value = max(math.floor(value * 10.0 + 0.5), 1.0) / 10.0
    return -value if rng.random() < negative else value


@kernel
def _good(value: float) -> bool:
    return math.isfinite(value) and abs(value) <= _LARGEST


@kernel
def _judge_values(y: Any, n: int, magnitudes: Any) -> int:
    """Whether the target itself is fit: defined nearly everywhere, of sane magnitude, not constant."""
    n_good = 0
    mean = 0.0
    n_finite = 0
    for i in range(n):
        if math.isfinite(y[i]):
            n_finite += 1
            if _good(y[i]):
                magnitudes[n_good] = abs(y[i])
                mean += y[i]
                n_good += 1
    if n - n_finite > _UNDEFINED_SHARE * n:
        return UNDEFINED
    if n - n_good > _UNDEFINED_SHARE * n:
        return MAGNITUDE
    mean /= n_good
    largest = 0.0
    variance = 0.0
    for i in range(n):
        if _good(y[i]):
            largest = max(largest, abs(y[i]))
            variance += (y[i] - mean) ** 2
    if largest < _SMALLEST:
        return MAGNITUDE
    if math.sqrt(variance / n_good) < _SPREAD * max(largest, abs(mean)):
        return CONSTANT
    middle = np.median(magnitudes[:n_good])
    if largest > _TAIL * middle:
        return MAGNITUDE
    return KEPT


@kernel
def _judge_parts(
    code: Any, left: Any, right: Any, length: int, rows: Any, adjoints: Any, n: int, fixed: Any, threshold: float
) -> int:
    """Whether every leaf moves the target visibly and no wave is faster than the points can show."""
    root = rows[length - 1]
    n_good = 0
    mean = 0.0
    for j in range(n):
        if _good(root[j]):
            n_good += 1
            mean += root[j]
    if n_good < 2:
        return UNDEFINED
    mean /= n_good
    variance = 0.0
    for j in range(n):
        if _good(root[j]):
            variance += (root[j] - mean) ** 2
    for i in range(length):
        token = code[i]
        if token == SIN or token == COS or token == TAN:
            low, high = np.inf, -np.inf
            argument = rows[left[i]]
            for j in range(n):
                if _good(root[j]):
                    low = min(low, argument[j])
                    high = max(high, argument[j])
            if high - low > _RADIANS:
                return OSCILLATING
    backward(code, left, right, length, fixed, n, rows, adjoints)
    for i in range(length):
        token = code[i]
        if token >= _FIRST_OPERATOR:
            continue
        row = rows[i]
        centre = 0.0
        if token >= _FIRST_VARIABLE and token < _FIRST_INTEGER:
            for j in range(n):
                if _good(root[j]):
                    centre += row[j]
            centre /= n_good
        effect = 0.0
        for j in range(n):
            if _good(root[j]) and math.isfinite(adjoints[i, j]):
                effect += (adjoints[i, j] * (row[j] - centre)) ** 2
        if not effect > threshold * threshold * variance:
            return INVISIBLE
    return KEPT


@kernel
def attempt(
    rng: Any, wide: bool, XT: Any, n_points: Any, n_columns: Any, noise: Any, todo: Any, candidates: Any, codes: Any,
    lengths: Any, roles: Any, settled: Any, n_constants: Any, y: Any, constants: Any, chosen: Any, outcomes: Any,
) -> None:  # fmt: skip
    """Try equations on the problems ``todo`` until one fits each of them.

    Problem ``todo[t]`` tries the rows ``candidates[t]`` of the program table in turn, each with new constants. The
    first that fits goes into ``y``, ``constants`` and ``chosen``; rows of the points where it is undefined are
    moved out and ``n_points`` reduced. ``outcomes[t, a]`` says what became of each attempt.
    """
    rows = np.empty((codes.shape[1], BLOCK))
    adjoints = np.empty((codes.shape[1], BLOCK))
    left = np.zeros(codes.shape[1], np.int64)
    right = np.zeros(codes.shape[1], np.int64)
    nothing = np.zeros(codes.shape[1], np.bool_)
    everything = np.ones(codes.shape[1], np.bool_)
    magnitudes = np.empty(XT.shape[2])
    for t in range(todo.size):
        b = todo[t]
        n = n_points[b]
        threshold = max(_VISIBLE, min(_VISIBLE_NOISE, 0.5 * noise[b]))
        for a in range(candidates.shape[1]):
            program = candidates[t, a]
            code = codes[program]
            length = lengths[program]
            for k in range(n_constants[program]):
                value = settled[program, k]
                constants[b, k] = value if value == value else _draw_constant(rng, roles[program, k], wide)
            link(code, length, left, right)
            outcome = KEPT
            block = 0
            # the last block is the one that stays in the workspace for the judgement of the parts, so go backwards
            for lo in range(BLOCK * ((n - 1) // BLOCK), -1, -BLOCK):
                block = min(BLOCK, n - lo)
                forward(code, left, right, length, nothing, XT[b], lo, block, constants[b], rows)
                bad = 0
                for j in range(block):
                    y[b, lo + j] = rows[length - 1, j]
                    bad += not math.isfinite(y[b, lo + j])
                if bad > _UNDEFINED_SHARE * n:
                    outcome = UNDEFINED
                    break
            if outcome == KEPT:
                outcome = _judge_values(y[b], n, magnitudes)
            if outcome == KEPT:
                outcome = _judge_parts(code, left, right, length, rows, adjoints, block, everything, threshold)
            outcomes[t, a] = outcome
            if outcome == KEPT:
                chosen[b] = program
                kept = 0
                for i in range(n):
                    if _good(y[b, i]):
                        if kept < i:
                            y[b, kept] = y[b, i]
                            for c in range(n_columns[b]):
                                XT[b, c, kept] = XT[b, c, i]
                        kept += 1
                n_points[b] = kept
                break
