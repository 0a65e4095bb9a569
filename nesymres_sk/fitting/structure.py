"""Static analysis of a program: which free constants are linear, and what surrounds the others.

Constants in which an expression is jointly affine have a closed-form optimum once the others are known (variable
projection; Golub & Pereyra 1973), so only the others need starts and iterations.
"""

from __future__ import annotations

from typing import Any

from nesymres_sk.compilation import kernel
from nesymres_sk.expressions import _kernels as k
from nesymres_sk.expressions import vocabulary as v

#: What the value of a node goes into: decides where random starts are sensible.
PLAIN, TRIGONOMETRIC, EXPONENT, POSITIVE, DENOMINATOR, UNIT, SATURATING = range(7)

#: Sets of constants are bit masks of 64-bit integers.
MAX_CONSTANTS = 62

_CONSTANT = v.CONSTANT
_FIRST_OPERATOR = v.FIRST_OPERATOR


@kernel
def count_bits(mask: int) -> int:
    """Size of a set."""
    bits = 0
    while mask:
        mask &= mask - 1
        bits += 1
    return bits


@kernel
def linear_constants(code: Any, left: Any, right: Any, length: int, free: Any, linear: Any, below: Any) -> int:
    """Mask of free constants in which the root is jointly affine.

    ``linear`` and ``below`` are workspace: the same mask for every node, and all free constants below it. Of a
    product only one side can keep its set: the larger, and of two equal ones that of a lone constant.
    """
    for i in range(length):
        token = code[i]
        linear[i] = 0
        below[i] = 0
        if token == _CONSTANT:
            if free[left[i]]:
                linear[i] = 1 << left[i]
                below[i] = linear[i]
            continue
        if token < _FIRST_OPERATOR:
            continue
        a = left[i]
        below[i] = below[a]
        if k.ARITY[token] == 1:
            if token == k.NEG:
                linear[i] = linear[a]
            continue
        b = right[i]
        below[i] |= below[b]
        if token == k.ADD or token == k.SUB:
            linear[i] = linear[a] | linear[b]
        elif token == k.DIV:
            linear[i] = linear[a]
        elif token == k.MUL:
            of_a = 2 * count_bits(linear[a]) + (code[a] == _CONSTANT)
            of_b = 2 * count_bits(linear[b]) + (code[b] == _CONSTANT)
            linear[i] = linear[a] if of_a >= of_b else linear[b]
    return int(linear[length - 1])


@kernel
def surroundings(code: Any, left: Any, right: Any, length: int, context: Any, direct: Any, mate: Any) -> None:
    """What every node's value goes into.

    ``context`` is the nearest enclosing function; ``direct`` says that only sums lie between; ``mate`` is the other
    operand of the nearest enclosing sum within that function, -1 if there is none.
    """
    context[length - 1] = PLAIN
    direct[length - 1] = True
    mate[length - 1] = -1
    for i in range(length - 1, -1, -1):
        token = code[i]
        if token < _FIRST_OPERATOR:
            continue
        a = left[i]
        context[a] = PLAIN
        direct[a] = True
        mate[a] = -1
        if token == k.ADD or token == k.SUB:
            b = right[i]
            context[a] = context[b] = context[i]
            direct[a] = direct[b] = direct[i]
            mate[a] = b
            mate[b] = a
        elif token == k.NEG:
            context[a] = context[i]
            direct[a] = direct[i]
            mate[a] = mate[i]
        elif token == k.MUL or token == k.DIV:
            b = right[i]
            context[a] = context[i]
            direct[a] = False
            mate[a] = mate[i]
            context[b] = context[i] if token == k.MUL else DENOMINATOR
            direct[b] = token == k.DIV
            mate[b] = mate[i] if token == k.MUL else -1
        elif token == k.POW:
            b = right[i]
            context[a] = POSITIVE
            context[b] = EXPONENT
            direct[b] = True
            mate[b] = -1
        elif token == k.INV:
            context[a] = DENOMINATOR
        elif token == k.LOG or token == k.SQRT:
            context[a] = POSITIVE
        elif token == k.SIN or token == k.COS or token == k.TAN:
            context[a] = TRIGONOMETRIC
        elif token == k.EXP:
            context[a] = EXPONENT
        elif token == k.ASIN or token == k.ACOS:
            context[a] = UNIT
        elif token == k.ATAN or token == k.TANH:
            context[a] = SATURATING
