"""The last touch to an equation before it is shown: one number where the canonical form has two tokens."""

from __future__ import annotations

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, Node

_DECIMAL_DENOMINATORS = (2, 4, 5)
_DIV, _MUL, _NEG, _POW = (v.operator_token(name) for name in ("div", "mul", "neg", "pow"))


def tidy(expression: Expression) -> Expression:
    """One number where the canonical form writes two tokens.

    Short decimals replace two integers, ``5 * x1 / 2`` becomes ``2.5 * x1``, and negative numbers a sign,
    ``exp(-(0.6 * x1))`` becomes ``exp(-0.6 * x1)`` and ``3 / x1 ** (-1.2)`` becomes ``3 * x1 ** 1.2``.
    """
    return Expression.from_tree(_tidy(expression.to_tree()))


def _tidy(node: Node) -> Node:
    if len(node) == 1 or node[0] == v.CONSTANT:
        return node
    node = (node[0], *(_tidy(child) for child in node[1:]))
    if node[0] == _DIV:
        above, below = _first_number(node[1]), _first_number(node[2], (_MUL,))
        if above is not None and below in _DECIMAL_DENOMINATORS and above == round(above):
            numerator = _with_first(node[1], above / below)
            return numerator if node[2][0] != _MUL else (_DIV, numerator, _without_first(node[2]))
        divisor = node[2]
        if divisor[0] == _POW and divisor[2][0] == v.CONSTANT and divisor[2][1] < 0.0:
            return (_MUL, node[1], (_POW, divisor[1], (v.CONSTANT, -divisor[2][1])))
    if node[0] == _NEG:
        number = _first_number(node[1])
        if number is not None:
            return _with_first(node[1], -number)
    return node


def _first_number(node: Node, chain: tuple[int, ...] = (_MUL, _DIV)) -> float | None:
    """First factor of a product or quotient, if it is a number."""
    while node[0] in chain:
        node = node[1]
    if node[0] == v.CONSTANT:
        return float(node[1])
    return float(node[0] - v.FIRST_INTEGER + 1) if v.is_integer(node[0]) else None


def _with_first(node: Node, value: float) -> Node:
    return (node[0], _with_first(node[1], value), node[2]) if node[0] in (_MUL, _DIV) else (v.CONSTANT, value)


def _without_first(node: Node) -> Node:
    """Product without its first factor."""
    return (_MUL, _without_first(node[1]), node[2]) if node[1][0] == _MUL else node[2]
