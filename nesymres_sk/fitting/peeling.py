"""Undoing the outermost functions of an expression on the side of the target.

``sqrt(C*x1 + C)`` fitted to y has two nonlinear constants; ``C*x1 + C`` fitted to y squared has none. Residuals are
weighted by the slope of what was undone, so that to first order the loss stays the same. The optimum serves as a
start only: the fit that counts is that of the whole expression.
"""

from __future__ import annotations

import math

import numpy as np

from nesymres_sk.compilation import Floats, Ints, kernel, linked
from nesymres_sk.expressions import _kernels as k
from nesymres_sk.fitting.least_squares import Tape
from nesymres_sk.fitting.structure import count_bits


@kernel
def _undo(token: int, is_left: bool, t: float, s: float) -> tuple[float, float]:
    """Target of the operand below, and the slope of the operator there; ``s`` is the other operand's value."""
    if token == k.ADD:
        return t - s, 1.0
    if token == k.SUB:
        return (t + s, 1.0) if is_left else (s - t, 1.0)
    if token == k.NEG:
        return -t, 1.0
    if token == k.MUL:
        return (t / s, s) if s != 0.0 else (0.0, 0.0)
    if token == k.DIV and is_left:
        return t * s, 1.0 / s
    if token == k.DIV:
        return (s / t, t * t / s) if t != 0.0 and s != 0.0 else (0.0, 0.0)
    if token == k.INV:
        return 1.0 / t, t * t
    if token == k.SQRT:
        return (t * t, 0.5 / max(t, 1e-9)) if t >= 0.0 else (math.nan, 0.0)
    if token == k.EXP:
        return math.log(t), t
    if token == k.LOG:
        return math.exp(t), math.exp(-t)
    if token == k.CUBE:
        root = math.copysign(abs(t) ** (1.0 / 3.0), t)
        return root, 3.0 * root * root
    if token == k.POW5:
        root = math.copysign(abs(t) ** 0.2, t)
        return root, 5.0 * root**4
    return math.nan, math.nan


@linked
def peel(tape: Tape, below: Ints, linear: Ints, m: int, target: Floats, weights: Floats) -> int:
    """Node below which most constants are linear; ``target`` and ``weights`` of ``m`` points are changed to fit it.

    ``below`` and ``linear`` are the masks of :func:`nesymres_sk.fitting.structure.linear_constants`. Functions
    with several inverses, and products of two parts with constants, end the descent.
    """
    best = tape.length - 1
    i = best
    t = target[:m].copy()
    w = weights[:m].copy()
    while tape.code[i] >= k.FIRST_OPERATOR:
        token = tape.code[i]
        child, other = tape.left[i], tape.left[i]
        if k.ARITY[token] == 2:
            if below[tape.right[i]] == 0:
                other = tape.right[i]
            elif below[child] == 0:
                child = tape.right[i]
            else:
                break
        total = 0.0
        for j in range(m):
            value, slope = _undo(token, child == tape.left[i], t[j], tape.rows[other, j])
            t[j] = value
            w[j] *= abs(slope)
            total += w[j] * abs(value)
        if not 0.0 < total < math.inf:
            break
        i = child
        if count_bits(linear[i]) > count_bits(linear[best]):
            best = i
            scale = 1.0 / math.sqrt(np.sum(np.square(w * t)))
            for j in range(m):
                target[j] = t[j]
                weights[j] = w[j] * scale
    return int(best)
