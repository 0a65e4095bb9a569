"""Random starts for the constants that are not linear.

A start is drawn while the program runs: when a constant meets its operand, the operand's values are known, so the
constant is drawn relative to their size and range. Starts are therefore the same in any units, frequencies span
the columns, and arguments of logarithms, roots and denominators begin where they are valid.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numba
import numpy as np

from nesymres_sk.compilation import Codes, Flags, Floats, Ints, Rows, kernel, linked
from nesymres_sk.expressions import _kernels as k
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.fitting.structure import (
    DENOMINATOR,
    EXPONENT,
    PLAIN,
    POSITIVE,
    SATURATING,
    TRIGONOMETRIC,
    UNIT,
)

#: State of a program's own generator of random numbers: one number.
State = Annotated[Any, numba.uint64[::1]]

_CONSTANT = v.CONSTANT
_POWERS = np.array([-2.0, -1.0, -0.5, 0.5, 1.5, 2.0, 3.0, 4.0])
#: Most periods of a sine over the range of its argument that a start may have. In few rows there are fewer: on a
#: regular grid a sine with more than half a period between rows has the values of a slower one (Nyquist).
_PERIODS = 20.0


@kernel
def uniform(state: Any, low: float, high: float) -> float:
    """Uniform number from a splitmix64 generator (Steele et al. 2014) whose state is ``state[0]``, uint64."""
    state[0] += np.uint64(0x9E3779B97F4A7C15)
    z = state[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return low + (high - low) * (np.float64(z >> np.uint64(11)) * 2.0**-53)


@kernel
def _magnitude(state: Any, low: float, high: float) -> float:
    """Power of ten with a uniform exponent."""
    return math.exp(math.log(10.0) * uniform(state, low, high))


@kernel
def _sign(state: Any, negative: float) -> float:
    return -1.0 if uniform(state, 0.0, 1.0) < negative else 1.0


@kernel
def _factor(state: Any, context: int, periods: float, low: float, high: float, size: float, other: float) -> float:
    """Factor of an operand with values from ``low`` to ``high``, added to something of the size ``other``."""
    if context == TRIGONOMETRIC:
        if high > low and uniform(state, 0.0, 1.0) < 0.6:
            return _sign(state, 0.3) * 2.0 * math.pi * uniform(state, 0.0, periods) / (high - low)
        return _sign(state, 0.3) * _magnitude(state, -1.0, 1.0) / size
    if context == EXPONENT:
        return _sign(state, 0.5) * _magnitude(state, -1.5, 1.2) / size
    if context == UNIT:
        return _sign(state, 0.5) * uniform(state, 0.0, 1.0) / max(abs(low), abs(high))
    if context == SATURATING:
        return _sign(state, 0.5) * _magnitude(state, -1.5, 1.5) / size
    if context == POSITIVE and other == 0.0:
        return (-1.0 if high <= 0.0 else 1.0) * _magnitude(state, -2.0, 2.0) / size
    scale = other if other > 0.0 else 1.0
    return _sign(state, 0.35) * _magnitude(state, -1.7, 1.7) * scale / size


@kernel
def _offset(state: Any, context: int, direct: bool, low: float, high: float, size: float) -> float:
    """Term added to an operand with values from ``low`` to ``high``."""
    span = high - low if high > low else size
    if direct and context == TRIGONOMETRIC:
        return uniform(state, -math.pi, math.pi)
    if direct and (context == POSITIVE or context == DENOMINATOR):
        gap = span * _magnitude(state, -2.5, 1.3)
        if context == POSITIVE or uniform(state, 0.0, 1.0) < 0.65:
            return -low + gap
        return -high - gap
    if direct and context == UNIT and span < 2.0:
        return uniform(state, -1.0 - low, 1.0 - high)
    if uniform(state, 0.0, 1.0) < 0.5:
        return -(low + uniform(state, -0.2, 1.2) * span)
    return _sign(state, 0.5) * size * _magnitude(state, -1.3, 1.3)


@kernel
def _size(row: Any, n: int) -> float:
    total = 0.0
    for j in range(n):
        total += row[j] * row[j]
    size = math.sqrt(total / n)
    return size if 0.0 < size < math.inf else 1.0


@kernel
def _draw(
    state: Any,
    token: int,
    is_left: bool,
    operand: Any,
    n: int,
    context: int,
    direct: bool,
    other: float,
    periods: float,
) -> float:
    """Constant on one side of a binary operator whose other operand has the values ``operand[:n]``."""
    low, high = operand[0], operand[0]
    for j in range(n):
        low = min(low, operand[j])
        high = max(high, operand[j])
    size = _size(operand, n)
    if token == k.MUL:
        return _factor(state, context, periods, low, high, size, other)
    if token == k.DIV:
        if is_left:
            return _factor(state, PLAIN, periods, low, high, 1.0 / size, other)
        return 1.0 / _factor(state, context, periods, low, high, size, other)
    if token == k.ADD:
        return _offset(state, context, direct, low, high, size)
    if token == k.SUB:
        if is_left:
            return _offset(state, context, direct, -high, -low, size)
        return -_offset(state, context, direct, low, high, size)
    if is_left:
        return _magnitude(state, -0.7, 0.7)
    if low < 0.0:
        return float(round(uniform(state, -3.0, 5.0)))
    if uniform(state, 0.0, 1.0) < 0.4:
        return _POWERS[int(uniform(state, 0.0, float(_POWERS.size)))]
    return uniform(state, -4.0, 5.0)


@linked
def draw_start(
    code: Codes,
    left: Ints,
    right: Ints,
    length: int,
    skip: Flags,
    to_draw: Flags,
    context: Ints,
    direct: Flags,
    mate: Ints,
    n: int,
    rows: Rows,
    constants: Floats,
    n_all: int,
    state: State,
) -> None:
    """Run a program on the first ``n`` of ``n_all`` points and draw the constants marked ``to_draw`` as they are met.

    ``rows`` must hold the values of the nodes in ``skip`` already.
    """
    periods = min(_PERIODS, 0.5 * (n_all - 1))
    for i in range(length):
        if skip[i]:
            continue
        token = code[i]
        if token == _CONSTANT:
            for j in range(n):
                rows[i, j] = constants[left[i]]
            continue
        a = left[i]
        if k.ARITY[token] == 1:
            if code[a] == _CONSTANT and to_draw[left[a]]:
                constants[left[a]] = uniform(state, -2.0, 2.0)
                rows[a, :n] = constants[left[a]]
            k.unary(token, rows[a], rows[i], n)
            continue
        b = right[i]
        draw_a = code[a] == _CONSTANT and to_draw[left[a]]
        draw_b = code[b] == _CONSTANT and to_draw[left[b]]
        if draw_a and draw_b:
            constants[left[b]] = uniform(state, 0.1, 3.0)
            rows[b, :n] = constants[left[b]]
            draw_b = False
        if draw_a or draw_b:
            other = 0.0
            if mate[i] >= 0 and (skip[mate[i]] or mate[i] < i):
                other = _size(rows[mate[i]], n)
            if draw_a:
                constants[left[a]] = _draw(state, token, True, rows[b], n, context[i], direct[i], other, periods)
                rows[a, :n] = constants[left[a]]
            else:
                constants[left[b]] = _draw(state, token, False, rows[a], n, context[i], direct[i], other, periods)
                rows[b, :n] = constants[left[b]]
        k.binary(token, rows[a], rows[b], rows[i], n)
