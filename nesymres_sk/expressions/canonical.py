"""The light canonical form: two equations that one local algebra can show to be equal have the same tokens.

It replaces a computer algebra system in every inner loop: constants are folded, sums and products are flat, merged and
ordered, powers and signs are gathered, exponentials and logarithms undone, in one pass over the tree.

- For fitted constants the function is preserved wherever the expression was defined; the domain may grow
  (``exp(log(x1))`` becomes ``x1``).
- For free constants the *family* of functions is preserved, generically: each ``C`` is a number of its own, and what
  only renames constants vanishes (``C*(C*x1 + C)`` becomes ``C*x1 + C``, and ``C*exp(x1 + C)`` becomes ``C*exp(x1)``).
  Signs of free constants are not kept under even powers, logarithms and free exponents: ``log(C*x1)`` becomes
  ``log(x1) + C``.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical_algebra import add, multiply, power
from nesymres_sk.expressions.canonical_functions import MINUS, UNARY
from nesymres_sk.expressions.canonical_powers import raise_to
from nesymres_sk.expressions.canonical_values import FREE, PURE, Degenerate, Value, finite
from nesymres_sk.expressions.canonical_writing import write
from nesymres_sk.expressions.expression import Expression

_LEAVES: dict[int, Value] = {
    **{v.variable(i): (1.0, (((v.variable(i), PURE), 1),)) for i in range(v.MAX_VARIABLES)},
    **{v.integer(i): (float(i), ()) for i in range(1, v.MAX_INTEGER + 1)},
}


def _divide(a: Value, b: Value) -> Value:
    # numbers are divided directly, since 3 * (1/5) is not the float 3/5
    if b[0] != FREE and b[0] != 0.0 and a[0] != FREE:
        return multiply((finite(a[0] / b[0]), a[1]), power((1.0, b[1]), -1))
    return multiply(a, power(b, -1))


_BINARY: dict[int, Callable[[Value, Value], Value]] = {
    v.operator_token("add"): add,
    v.operator_token("sub"): lambda a, b: add(a, multiply(MINUS, b)),
    v.operator_token("mul"): multiply,
    v.operator_token("div"): _divide,
    v.operator_token("pow"): raise_to,
}


def canonical(expression: Expression) -> Expression | None:
    """Canonical form of an expression.

    Parameters
    ----------
    expression : Expression
        Fitted, free or mixed.

    Returns
    -------
    Expression or None
        None if the expression is undefined everywhere (a division by exactly zero, the logarithm of a negative
        number) or a folded number overflows. A constant expression is a single leaf.

    Notes
    -----
    Idempotent and deterministic; tens of microseconds for ten operators.
    """
    value = canonical_value(expression)
    if value is None:
        return None
    if not value[1]:
        return _leaf(value[0])
    written = write(value)
    return Expression(
        tuple(v.CONSTANT if type(item) is float else item for item in written),  # type: ignore[misc]
        tuple(item for item in written if type(item) is float),
    )


def canonical_value(expression: Expression) -> Value | None:
    """What :func:`canonical` writes: a value of :mod:`nesymres_sk.expressions.canonical_values`.

    Parameters
    ----------
    expression : Expression

    Returns
    -------
    Value or None
        None where :func:`canonical` returns None.
    """
    constants = list(expression.constants)
    stack: list[Value] = []
    try:
        for token in reversed(expression.tokens):
            leaf = _LEAVES.get(token)
            if leaf is not None:
                stack.append(leaf)
            elif token == v.CONSTANT:
                number = constants.pop()
                if math.isinf(number):
                    return None
                stack.append((FREE if number != number else number, ()))
            elif token in UNARY:
                stack.append(UNARY[token](stack.pop()))
            else:
                stack.append(_BINARY[token](stack.pop(), stack.pop()))
    except (Degenerate, OverflowError, ZeroDivisionError):
        return None
    return stack[0]


def _leaf(number: float) -> Expression:
    """Expression of one number."""
    if number in range(1, v.MAX_INTEGER + 1):
        return Expression((v.integer(int(number)),))
    return Expression((v.CONSTANT,), (math.nan if number == FREE else number,))
