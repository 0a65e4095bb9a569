"""Compiled kernels of the postfix machine.

A program is a tape: node ``i`` writes row ``i`` of a workspace, so that no row is overwritten while it is read
(LLVM then vectorises the loops over points) and every intermediate value is still there for the reverse pass.
An expression is a tree, each node has one parent, hence adjoints are assigned and never summed, and the adjoints
at the constants are the Jacobian: its cost does not grow with the number of constants.
"""

from __future__ import annotations

import math
from typing import Annotated, Any

import numba
import numpy as np

from nesymres_sk.compilation import Codes, Flags, Floats, Ints, Rows, entry, linked
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.vectormath import cos_row, exp_row, log_row, power_row, sin_row

#: Points processed at once: intermediate rows stay in the first-level cache, dispatch is paid once a block.
BLOCK = 128

#: Fields of :class:`nesymres_sk.expressions.machine.Programs`.
ManyCodes = Annotated[Any, numba.int16[:, ::1]]
Counts = Annotated[Any, numba.int32[::1]]

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


@linked
def link(code: Codes, length: int, left: Ints, right: Ints) -> None:
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


@entry
def to_postfix(tokens: Codes, starts: Ints, codes: ManyCodes, lengths: Counts, n_constants: Counts) -> None:
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


@linked
def binary(op: int, a: Floats, b: Floats, out: Floats, n: int) -> None:
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


@linked
def unary(op: int, a: Floats, out: Floats, n: int) -> None:
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


@linked
def forward(
    code: Codes,
    left: Ints,
    right: Ints,
    length: int,
    skip: Flags,
    XT: Rows,
    lo: int,
    n: int,
    constants: Floats,
    rows: Rows,
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


@entry
def run_values(code: Codes, length: int, XT: Rows, constants: Floats, rows: Rows, out: Floats) -> None:
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


@entry
def run_many(codes: ManyCodes, lengths: Counts, first: int, last: int, XT: Rows, constants: Rows, out: Rows) -> None:
    """Values ``out[P, n]`` of the programs ``first`` to ``last``."""
    rows = np.empty((max(codes.shape[1], 1), BLOCK))
    for p in range(first, last):
        run_values(codes[p], np.int64(lengths[p]), XT, constants[p], rows, out[p])
