"""Compiled kernels of the postfix machine.

A program is a tape: node ``i`` writes row ``i`` of a workspace, so that no row is overwritten while it is read
(LLVM then vectorises the loops over points) and every intermediate value is still there for the reverse pass.
An expression is a tree, each node has one parent, hence adjoints are assigned and never summed, and the adjoints
at the constants are the Jacobian: its cost does not grow with the number of constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.vectormath import cos_row, exp_row, log_row, power_row, sin_row

#: Points processed at once: intermediate rows stay in the first-level cache, dispatch is paid once a block.
BLOCK = 128

kernel: Callable[[Any], Any] = numba.njit(cache=True, nogil=True, error_model="numpy")
#: For functions that are called in one place: compiled there and nowhere else, which takes less time.
part: Callable[[Any], Any] = numba.njit(cache=True, nogil=True, error_model="numpy", inline="always")

#: Arguments that are numbers in the source are given as these: numba compiles a function anew for each literal.
ZERO, ONE = np.int64(0), np.int64(1)

_CONSTANT = v.CONSTANT
_FIRST_VARIABLE = v.FIRST_VARIABLE
_FIRST_INTEGER = v.FIRST_INTEGER
FIRST_OPERATOR = v.FIRST_OPERATOR
ADD, SUB, MUL, DIV, POW = (v.operator_token(name) for name in ("add", "sub", "mul", "div", "pow"))
NEG, INV, SQRT = (v.operator_token(name) for name in ("neg", "inv", "sqrt"))
SQUARE, CUBE, POW4, POW5 = (v.operator_token(name) for name in ("square", "cube", "pow4", "pow5"))
EXP, LOG = v.operator_token("exp"), v.operator_token("log")
SIN, COS, TAN = (v.operator_token(name) for name in ("sin", "cos", "tan"))
ASIN, ACOS, ATAN = (v.operator_token(name) for name in ("asin", "acos", "atan"))
TANH, ABS = v.operator_token("tanh"), v.operator_token("abs")
ARITY = v.ARITY.astype(np.int64)


@kernel
def to_postfix(tokens: Any, starts: Any, codes: Any, lengths: Any, n_constants: Any) -> None:
    """Postfix programs of prefix sequences laid end to end; leaves keep their order."""
    operators = np.empty(codes.shape[1], np.int64)
    missing = np.empty(codes.shape[1], np.int64)
    for p in range(starts.size - 1):
        size = 0
        depth = 0
        for position in range(starts[p], starts[p + 1]):
            token = tokens[position]
            if ARITY[token] > 0:
                operators[depth] = token
                missing[depth] = ARITY[token]
                depth += 1
                continue
            codes[p, size] = token
            size += 1
            n_constants[p] += token == _CONSTANT
            while depth > 0:
                missing[depth - 1] -= 1
                if missing[depth - 1] > 0:
                    break
                depth -= 1
                codes[p, size] = operators[depth]
                size += 1
        lengths[p] = size


@kernel
def link(code: Any, length: int, left: Any, right: Any) -> None:
    """Operand nodes of every node; for leaves ``left`` is the constant's number, the column or the integer."""
    stack = np.empty(length + 1, np.int64)
    depth = 0
    constant = 0
    for i in range(length):
        token = code[i]
        if token >= FIRST_OPERATOR:
            if ARITY[token] == 2:
                right[i] = stack[depth - 1]
                left[i] = stack[depth - 2]
                depth -= 1
            else:
                left[i] = stack[depth - 1]
            stack[depth - 1] = i
            continue
        if token == _CONSTANT:
            left[i] = constant
            constant += 1
        elif token < _FIRST_INTEGER:
            left[i] = token - _FIRST_VARIABLE
        else:
            left[i] = token - _FIRST_INTEGER + 1
        stack[depth] = i
        depth += 1


@kernel
def binary(op: int, a: Any, b: Any, out: Any, n: int) -> None:
    if op == ADD:
        for i in range(n):
            out[i] = a[i] + b[i]
    elif op == SUB:
        for i in range(n):
            out[i] = a[i] - b[i]
    elif op == MUL:
        for i in range(n):
            out[i] = a[i] * b[i]
    elif op == DIV:
        for i in range(n):
            out[i] = a[i] / b[i]
    else:
        power_row(a, b, out, n)


@kernel
def unary(op: int, a: Any, out: Any, n: int) -> None:
    if op == NEG:
        for i in range(n):
            out[i] = -a[i]
    elif op == INV:
        for i in range(n):
            out[i] = 1.0 / a[i]
    elif op == SQRT:
        for i in range(n):
            out[i] = math.sqrt(a[i])
    elif op == SQUARE:
        for i in range(n):
            out[i] = a[i] * a[i]
    elif op == CUBE:
        for i in range(n):
            out[i] = a[i] * a[i] * a[i]
    elif op == POW4:
        for i in range(n):
            out[i] = (a[i] * a[i]) * (a[i] * a[i])
    elif op == POW5:
        for i in range(n):
            out[i] = (a[i] * a[i]) * (a[i] * a[i]) * a[i]
    elif op == EXP:
        exp_row(a, out, n)
    elif op == LOG:
        log_row(a, out, n)
    elif op == SIN:
        sin_row(a, out, n)
    elif op == COS:
        cos_row(a, out, n)
    elif op == TAN:
        for i in range(n):
            out[i] = math.tan(a[i])
    elif op == ASIN:
        for i in range(n):
            out[i] = math.asin(a[i])
    elif op == ACOS:
        for i in range(n):
            out[i] = math.acos(a[i])
    elif op == ATAN:
        for i in range(n):
            out[i] = math.atan(a[i])
    elif op == TANH:
        for i in range(n):
            out[i] = math.tanh(a[i])
    else:
        for i in range(n):
            out[i] = abs(a[i])


@kernel
def forward(
    code: Any, left: Any, right: Any, length: int, skip: Any, XT: Any, lo: int, n: int, constants: Any, rows: Any
) -> None:
    """Values of all nodes at the points ``lo`` to ``lo + n``, except nodes marked in ``skip``."""
    for i in range(length):
        if skip[i]:
            continue
        token = code[i]
        out = rows[i]
        if token >= FIRST_OPERATOR:
            if ARITY[token] == 2:
                binary(token, rows[left[i]], rows[right[i]], out, n)
            else:
                unary(token, rows[left[i]], out, n)
        elif token == _CONSTANT:
            value = constants[left[i]]
            for j in range(n):
                out[j] = value
        elif token < _FIRST_INTEGER:
            column = XT[left[i]]
            for j in range(n):
                out[j] = column[lo + j]
        else:
            number = float(left[i])
            for j in range(n):
                out[j] = number


@kernel
def _pull_binary(
    op: int, a: Any, b: Any, value: Any, above: Any, to_a: Any, to_b: Any, need_a: bool, need_b: bool, n: int
) -> None:
    if op == ADD or op == SUB:
        sign = 1.0 if op == ADD else -1.0
        for i in range(n):
            to_a[i] = above[i]
        for i in range(n):
            to_b[i] = sign * above[i]
    elif op == MUL:
        for i in range(n):
            to_a[i] = above[i] * b[i]
        for i in range(n):
            to_b[i] = above[i] * a[i]
    elif op == DIV:
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
            log_row(a, to_b, n)
            for i in range(n):
                # 0**b does not move with b > 0: the limit, where the formula says 0 * -inf
                to_b[i] = 0.0 if a[i] == 0.0 else above[i] * value[i] * to_b[i]


@kernel
def _pull_unary(op: int, a: Any, value: Any, above: Any, out: Any, n: int) -> None:
    if op == NEG:
        for i in range(n):
            out[i] = -above[i]
    elif op == INV:
        for i in range(n):
            out[i] = -above[i] * value[i] * value[i]
    elif op == SQRT:
        for i in range(n):
            out[i] = 0.5 * above[i] / value[i]
    elif op == SQUARE:
        for i in range(n):
            out[i] = 2.0 * above[i] * a[i]
    elif op == CUBE:
        for i in range(n):
            out[i] = 3.0 * above[i] * a[i] * a[i]
    elif op == POW4:
        for i in range(n):
            out[i] = 4.0 * above[i] * a[i] * a[i] * a[i]
    elif op == POW5:
        for i in range(n):
            out[i] = 5.0 * above[i] * (a[i] * a[i]) * (a[i] * a[i])
    elif op == EXP:
        for i in range(n):
            out[i] = above[i] * value[i]
    elif op == LOG:
        for i in range(n):
            out[i] = above[i] / a[i]
    elif op == SIN:
        cos_row(a, out, n)
        for i in range(n):
            out[i] *= above[i]
    elif op == COS:
        sin_row(a, out, n)
        for i in range(n):
            out[i] *= -above[i]
    elif op == TAN:
        for i in range(n):
            out[i] = above[i] * (1.0 + value[i] * value[i])
    elif op == ASIN:
        for i in range(n):
            out[i] = above[i] / math.sqrt(1.0 - a[i] * a[i])
    elif op == ACOS:
        for i in range(n):
            out[i] = -above[i] / math.sqrt(1.0 - a[i] * a[i])
    elif op == ATAN:
        for i in range(n):
            out[i] = above[i] / (1.0 + a[i] * a[i])
    elif op == TANH:
        for i in range(n):
            out[i] = above[i] * (1.0 - value[i] * value[i])
    else:
        for i in range(n):
            out[i] = above[i] * np.sign(a[i])


@kernel
def pull_back(code: Any, left: Any, right: Any, length: int, needed: Any, n: int, rows: Any, adjoints: Any) -> None:
    """Derivatives of the root with respect to all needed nodes, times the root's row of ``adjoints``.

    Follows :func:`forward`; the caller fills the root's row, for instance with weights of the points.
    """
    for i in range(length - 1, -1, -1):
        token = code[i]
        if token < FIRST_OPERATOR or not needed[i]:
            continue
        a = left[i]
        if ARITY[token] == 2:
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


@kernel
def run_values(code: Any, length: int, XT: Any, constants: Any, rows: Any, out: Any) -> None:
    """Values ``out[n]`` of one program on column-major points ``XT[d, n]``; ``rows[>= length, BLOCK]`` is workspace."""
    left = np.zeros(length, np.int64)
    right = np.zeros(length, np.int64)
    skip = np.zeros(length, np.bool_)
    link(code, length, left, right)
    for lo in range(0, out.size, BLOCK):
        n = min(BLOCK, out.size - lo)
        forward(code, left, right, length, skip, XT, lo, n, constants, rows)
        top = rows[length - 1]
        for j in range(n):
            out[lo + j] = top[j]


@kernel
def run_gradients(
    code: Any, length: int, XT: Any, constants: Any, rows: Any, adjoints: Any, out: Any, jacobian: Any
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


@kernel
def mark_needed(code: Any, left: Any, right: Any, length: int, free: Any, needed: Any) -> None:
    """Nodes above a constant that is free: the others need no derivative, and no second evaluation."""
    for i in range(length):
        token = code[i]
        if token >= FIRST_OPERATOR:
            needed[i] = needed[left[i]] or (ARITY[token] == 2 and needed[right[i]])
        else:
            needed[i] = token == _CONSTANT and free[left[i]]


@kernel
def run_many(codes: Any, lengths: Any, first: int, last: int, XT: Any, constants: Any, out: Any) -> None:
    """Values ``out[P, n]`` of the programs ``first`` to ``last``."""
    rows = np.empty((max(codes.shape[1], 1), BLOCK))
    for p in range(first, last):
        run_values(codes[p], np.int64(lengths[p]), XT, constants[p], rows, out[p])
