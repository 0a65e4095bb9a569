"""Compiled kernels of the postfix machine: the reverse pass.

Derivatives of one value by all constants cost about one more evaluation: the forward pass keeps the values of all
nodes of a block of rows, the reverse pass walks from the root to the leaves and leaves out every node without a free
constant below it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from nesymres_sk.compilation import Codes, Flags, Floats, Ints, Rows, entry, kernel, linked
from nesymres_sk.expressions import _kernels as k
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions._kernels import BLOCK, forward, link, unary

_CONSTANT = v.CONSTANT


@linked
def mark_needed(code: Codes, left: Ints, right: Ints, length: int, free: Flags, needed: Flags) -> None:
    """Nodes above a constant that is free: the others need no derivative, and no second evaluation."""
    for i in range(length):
        token = code[i]
        if token >= k.FIRST_OPERATOR:
            needed[i] = needed[left[i]] or (k.ARITY[token] == 2 and needed[right[i]])
        else:
            needed[i] = token == _CONSTANT and free[left[i]]


@kernel
def _pull_binary(
    op: int, a: Any, b: Any, value: Any, above: Any, to_a: Any, to_b: Any, need_a: bool, need_b: bool, n: int
) -> None:
    if op == k.ADD or op == k.SUB:
        sign = 1.0 if op == k.ADD else -1.0
        for i in range(n):
            to_a[i] = above[i]
        for i in range(n):
            to_b[i] = sign * above[i]
    elif op == k.MUL:
        for i in range(n):
            to_a[i] = above[i] * b[i]
        for i in range(n):
            to_b[i] = above[i] * a[i]
    elif op == k.DIV:
        for i in range(n):
            to_a[i] = above[i] / b[i]
        if need_b:
            for i in range(n):
                to_b[i] = -above[i] * value[i] / b[i]
    else:
        if need_a:
            for i in range(n):
                # at 0 the quotient is undefined, the derivative is not
                slope = value[i] / a[i] if a[i] != 0.0 else a[i] ** (b[i] - 1.0)
                to_a[i] = above[i] * b[i] * slope
        if need_b:
            unary(k.LOG, a, to_b, n)
            for i in range(n):
                # 0**b does not move with b > 0: the limit, where the formula says 0 * -inf
                to_b[i] = 0.0 if a[i] == 0.0 else above[i] * value[i] * to_b[i]


@kernel
def _pull_unary(op: int, a: Any, value: Any, above: Any, out: Any, n: int) -> None:
    if op == k.NEG:
        for i in range(n):
            out[i] = -above[i]
    elif op == k.INV:
        for i in range(n):
            out[i] = -above[i] * value[i] * value[i]
    elif op == k.SQRT:
        for i in range(n):
            out[i] = 0.5 * above[i] / value[i]
    elif op == k.SQUARE:
        for i in range(n):
            out[i] = 2.0 * above[i] * a[i]
    elif op == k.CUBE:
        for i in range(n):
            out[i] = 3.0 * above[i] * a[i] * a[i]
    elif op == k.POW4:
        for i in range(n):
            out[i] = 4.0 * above[i] * a[i] * a[i] * a[i]
    elif op == k.POW5:
        for i in range(n):
            out[i] = 5.0 * above[i] * (a[i] * a[i]) * (a[i] * a[i])
    elif op == k.EXP:
        for i in range(n):
            out[i] = above[i] * value[i]
    elif op == k.LOG:
        for i in range(n):
            out[i] = above[i] / a[i]
    elif op == k.SIN:
        unary(k.COS, a, out, n)
        for i in range(n):
            out[i] *= above[i]
    elif op == k.COS:
        unary(k.SIN, a, out, n)
        for i in range(n):
            out[i] *= -above[i]
    elif op == k.TAN:
        for i in range(n):
            out[i] = above[i] * (1.0 + value[i] * value[i])
    elif op == k.ASIN:
        for i in range(n):
            out[i] = above[i] / math.sqrt(1.0 - a[i] * a[i])
    elif op == k.ACOS:
        for i in range(n):
            out[i] = -above[i] / math.sqrt(1.0 - a[i] * a[i])
    elif op == k.ATAN:
        for i in range(n):
            out[i] = above[i] / (1.0 + a[i] * a[i])
    elif op == k.TANH:
        for i in range(n):
            out[i] = above[i] * (1.0 - value[i] * value[i])
    else:
        for i in range(n):
            out[i] = above[i] * np.sign(a[i])


@linked
def pull_back(
    code: Codes, left: Ints, right: Ints, length: int, needed: Flags, n: int, rows: Rows, adjoints: Rows
) -> None:
    """Derivatives of the root with respect to all needed nodes, times the root's row of ``adjoints``.

    Follows :func:`forward`; the caller fills the root's row, for instance with weights of the points.
    """
    for i in range(length - 1, -1, -1):
        token = code[i]
        if token < k.FIRST_OPERATOR or not needed[i]:
            continue
        a = left[i]
        if k.ARITY[token] == 2:
            b = right[i]
            _pull_binary(
                token, rows[a], rows[b], rows[i], adjoints[i], adjoints[a], adjoints[b], needed[a], needed[b], n
            )
        else:
            _pull_unary(token, rows[a], rows[i], adjoints[i], adjoints[a], n)


@kernel
def backward(code: Any, left: Any, right: Any, length: int, needed: Any, n: int, rows: Any, adjoints: Any) -> None:
    """Derivative of the root with respect to every needed node, after :func:`forward`."""
    root = adjoints[length - 1]
    for j in range(n):
        root[j] = 1.0
    pull_back(code, left, right, length, needed, n, rows, adjoints)


@entry
def run_gradients(
    code: Codes, length: int, XT: Rows, constants: Floats, rows: Rows, adjoints: Rows, out: Floats, jacobian: Rows
) -> None:
    """Values ``out[n]`` and derivatives ``jacobian[k, n]`` with respect to the constants of one program."""
    left = np.zeros(length, np.int64)
    right = np.zeros(length, np.int64)
    skip = np.zeros(length, np.bool_)
    needed = np.ones(length, np.bool_)
    link(code, length, left, right)
    mark_needed(code, left, right, length, np.ones(length, np.bool_), needed)
    for lo in range(0, out.size, BLOCK):
        n = min(BLOCK, out.size - lo)
        forward(code, left, right, length, skip, XT, lo, n, constants, rows)
        for j in range(n):
            out[lo + j] = rows[length - 1, j]
        backward(code, left, right, length, needed, n, rows, adjoints)
        for i in range(length):
            if code[i] == _CONSTANT:
                for j in range(n):
                    jacobian[left[i], lo + j] = adjoints[i, j]
