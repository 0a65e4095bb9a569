"""Closure of a skeleton under a change of units: a free constant exactly where no other can absorb the new scale.

When every column and the target are multiplied by positive numbers, ``x1*x2`` becomes ``C*x1*x2`` and ``sin(x1)``
becomes ``C*sin(C*x1)``: the closed skeleton contains the law in all units. A subtree is rewritten as a *scale* times
a remainder; the scale climbs until something stops it (a sum, ``sin``, ``exp``, the root) and only then becomes a
constant. A positive scale leaves a square root or a logarithm, one of unknown sign does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression, Node

NONE, POSITIVE, ANY = 0, 1, 2

_ID = v.operator_token
_ADD, _SUB, _MUL, _DIV, _POW = (_ID(name) for name in ("add", "sub", "mul", "div", "pow"))
_NEG, _INV, _SQRT, _LOG, _ABS = (_ID(name) for name in ("neg", "inv", "sqrt", "log", "abs"))
_EXPONENTS = {_ID("square"): 2, _ID("cube"): 3, _ID("pow4"): 4, _ID("pow5"): 5}
_ONE: Node = (v.integer(1),)


class Scaled(NamedTuple):
    """A subtree as ``scale * node``.

    ``sign`` says what is known of the scale (none needed, positive, any). ``push(factor)`` is ``factor * node`` for a
    positive factor that constants inside the node absorb, None where they cannot. ``cost`` orders such nodes: 0 if the
    constant is there already, 1 for a sum that gets one more, 2 for a sum under a power.
    """

    node: Node
    sign: int
    scale: float
    push: Callable[[float], Node] | None = None
    cost: int = 0


def close(expression: Expression) -> Expression:
    """Closure of a skeleton under positive rescaling of every column and of the target, in canonical form.

    Parameters
    ----------
    expression : Expression
        All its constants are taken as free; a canonical skeleton gives the smallest closure. Integers stay where
        units cannot change them (``1 - exp(-x1)`` becomes ``C*(exp(C*x1) - 1)``).

    Raises
    ------
    ValueError
        If the expression is undefined everywhere.
    """
    closed = canonical(Expression.from_tree(rescale(expression.skeleton().to_tree())))
    while closed is not None and not all(math.isnan(constant) for constant in closed.constants):
        closed = canonical(closed.skeleton())  # a folded number (3 * 3) is a constant like any other
    if closed is None:
        raise ValueError(f"undefined everywhere: {' '.join(expression.names())}")
    return closed


_UNKNOWN = (math.nan,) * v.MAX_VARIABLES


def rescale(tree: Node, column_scales: Sequence[float] = _UNKNOWN, scale: float = math.nan) -> Node:
    """Closed tree, not yet canonical, of ``scale * tree`` with every column multiplied by its scale.

    With known constants and positive scales the closed constants come out as numbers, which is how the closure is
    tested; unknown ones are NaN, that is free.
    """
    root = _close(tree, column_scales)
    return _settle(root._replace(sign=max(root.sign, POSITIVE), scale=root.scale * scale))


def _settle(part: Scaled) -> Node:
    """The whole subtree, its scale written as a constant."""
    if part.sign == NONE:
        return part.node
    if part.sign == POSITIVE and part.push is not None:
        return part.push(part.scale)
    return _times(part.scale, part.node)


def _times(factor: float, node: Node) -> Node:
    return (v.CONSTANT, factor) if node == _ONE else (_MUL, (v.CONSTANT, factor), node)


def _close(node: Node, scales: Sequence[float]) -> Scaled:
    token = node[0]
    if token == v.CONSTANT:
        return Scaled(_ONE, ANY, node[1])
    if v.is_variable(token):
        return Scaled(node, POSITIVE, scales[token - v.FIRST_VARIABLE])
    if v.is_integer(token):
        return Scaled(node, NONE, 1.0)
    a = _close(node[1], scales)
    if token == _POW:
        return _close_power(a, node[2], scales)
    if len(node) == 3:
        b = _close(node[2], scales)
        return _close_sum(token, a, b) if token in (_ADD, _SUB) else _close_product(token, a, b)
    return _close_unary(token, a)


def _close_sum(token: int, a: Scaled, b: Scaled) -> Scaled:
    """Sums keep one term without a constant, as long as the scale of that term can climb."""
    if a.sign == NONE and b.sign == NONE:
        return Scaled((token, a.node, b.node), NONE, 1.0)
    # a positive scale climbs further than one of unknown sign; an absent one must stay absent
    first = a.sign <= b.sign
    leader, other = (a, b) if first else (b, a)

    def join(leading: Node, factor: float) -> Node:
        following = _times(other.scale * factor, other.node)
        return (token, leading, following) if first else (token, following, leading)

    return Scaled(
        join(leader.node, 1.0 / leader.scale),
        leader.sign,
        leader.scale,
        lambda factor: join(_times(factor, leader.node), factor / leader.scale),
        cost=1,
    )


def _close_product(token: int, a: Scaled, b: Scaled) -> Scaled:
    sign = max(a.sign, b.sign)
    if sign != NONE:
        a, b = _number_as_scale(a), _number_as_scale(b)

    def join(left: Node, right: Node) -> Node:
        if right == _ONE:
            return left
        if left == _ONE:
            return right if token == _MUL else (_INV, right)
        return (token, left, right)

    push_a, push_b = a.push, b.push
    product = Scaled(join(a.node, b.node), sign, a.scale * b.scale if token == _MUL else a.scale / b.scale)
    if push_a is not None and (push_b is None or a.cost <= b.cost):
        return product._replace(push=lambda factor: join(push_a(factor), b.node), cost=a.cost)
    if push_b is not None:
        direction = 1.0 if token == _MUL else -1.0
        return product._replace(push=lambda factor: join(a.node, push_b(factor**direction)), cost=b.cost)
    return product


def _number_as_scale(part: Scaled) -> Scaled:
    """An integer factor is part of the scale, if there is one."""
    if v.is_integer(part.node[0]) and part.sign == NONE:
        return Scaled(_ONE, POSITIVE, float(part.node[0] - v.FIRST_INTEGER + 1))
    return part


def _close_power(base: Scaled, exponent: Node, scales: Sequence[float]) -> Scaled:
    """Powers: a constant exponent has no unit; any other is settled, and so is its base."""
    value = _number(exponent)
    if value is None:
        return Scaled((_POW, _settle(base), _settle(_close(exponent, scales))), NONE, 1.0)
    return _close_root(lambda node: (_POW, node, exponent), value, base)


def _number(node: Node) -> float | None:
    """Value of a tree without variables if it is a plain exponent."""
    if node[0] == v.CONSTANT:
        return node[1]
    if v.is_integer(node[0]):
        return float(node[0] - v.FIRST_INTEGER + 1)
    if node[0] in (_DIV, _NEG):
        parts = [_number(child) for child in node[1:]]
        if None not in parts:
            return parts[0] / parts[1] if node[0] == _DIV else -parts[0]  # type: ignore[operator]
    return None


def _root(factor: float, exponent: float) -> float:
    """What a power with this exponent makes the factor from."""
    root = factor ** (1.0 / exponent)
    if root == 0.0:  # as Python raises it where the root is too large
        raise OverflowError(f"the root {1.0 / exponent} of {factor} is too small")
    return root


def _close_root(build: Callable[[Node], Node], exponent: float, base: Scaled) -> Scaled:
    """Powers that are real for positive bases only: just a positive scale can leave them."""
    if base.sign == ANY:
        return Scaled(
            build(_times(base.scale, base.node)),
            NONE,
            1.0,
            lambda factor: build(_times(base.scale * _root(factor, exponent), base.node)),
        )
    push = base.push
    climb = None if push is None else lambda factor: build(push(_root(factor, exponent)))
    return Scaled(build(base.node), base.sign, base.scale**exponent, climb, 2 if base.cost else 0)


def _close_unary(token: int, a: Scaled) -> Scaled:
    push = a.push
    if token == _SQRT:
        return _close_root(lambda node: (_SQRT, node), 0.5, a)
    if token == _LOG:
        if a.sign == POSITIVE and push is None:
            logarithm, shift = (_LOG, a.node), math.log(a.scale)
            return Scaled(
                (_ADD, logarithm, (v.CONSTANT, shift)),
                NONE,
                1.0,
                lambda factor: (_ADD, _times(factor, logarithm), (v.CONSTANT, factor * shift)),
                cost=1,
            )
        return Scaled((_LOG, _settle(a)), NONE, 1.0)
    if token in _EXPONENTS or token in (_NEG, _INV, _ABS):
        exponent = _EXPONENTS.get(token, -1 if token == _INV else 1)
        sign = min(a.sign, POSITIVE) if token == _ABS or exponent % 2 == 0 else a.sign
        scale = abs(a.scale) if token == _ABS else a.scale**exponent
        climb = None if push is None else lambda factor: (token, push(_root(factor, exponent)))
        cost = 2 if a.cost and token != _NEG else a.cost
        return Scaled((token, a.node), sign, scale, climb, cost)
    return Scaled((token, _settle(a)), NONE, 1.0)
