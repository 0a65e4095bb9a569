"""Trees of matches: sums, quotients of sums, products of powers, below the inverse of what was done to the target."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Node

_ADD, _MUL, _DIV, _POW = (v.operator_token(name) for name in ("add", "mul", "div", "pow"))
_INV, _SQRT, _EXP, _SIN, _COS = (v.operator_token(name) for name in ("inv", "sqrt", "exp", "sin", "cos"))
_POWERS = {number: v.operator_token(name) for number, name in ((2, "square"), (3, "cube"), (4, "pow4"), (5, "pow5"))}
ONE: Node = (v.integer(1),)
#: Coefficients this close to one are one.
_ROUNDING = 1e-9
#: Share of a sine or cosine in a wave below which it is rounding.
_NO_PHASE = 1e-6


def constant(value: float) -> Node:
    """Leaf with a value."""
    return (v.CONSTANT, float(value))


def scaled(factor: float, node: Node) -> Node:
    """Product of a coefficient and a node."""
    if abs(factor - 1.0) < _ROUNDING:
        return node
    return constant(factor) if node == ONE else (_MUL, constant(factor), node)


def total(nodes: Sequence[Node]) -> Node:
    """Sum of at least one node."""
    out = nodes[0]
    for node in nodes[1:]:
        out = (_ADD, out, node)
    return out


def product(nodes: Iterable[Node]) -> Node:
    """Product, 1 if there is no factor."""
    out = ONE
    for node in nodes:
        out = node if out == ONE else out if node == ONE else (_MUL, out, node)
    return out


def quotient(above: Node, below: Node) -> Node:
    """Quotient of two nodes."""
    return (_DIV, above, below)


def exponential(node: Node) -> Node:
    """``exp`` of a node."""
    return (_EXP, node)


def power(node: Node, exponent: float) -> Node:
    """Power of a node, with roots, inverses and whole powers where the exponent is of that kind."""
    if exponent == 0.0:
        return ONE
    if exponent < 0.0:
        return (_INV, power(node, -exponent))
    if exponent == 1.0:
        return node
    if exponent == int(exponent) and exponent <= 5:
        return (_POWERS[int(exponent)], node)
    if 2.0 * exponent == int(2.0 * exponent) and exponent <= 2.5:
        return (_SQRT, power(node, 2.0 * exponent))
    return (_POW, node, constant(exponent))


def simple_exponent(value: float, tolerance: float) -> float | None:
    """The multiple of 1/2 or 1/3 next to a value, ``None`` if none is within the tolerance."""
    for parts in (1, 2, 3):
        near = round(value * parts) / parts
        if abs(value - near) <= tolerance * (1.0 if parts == 1 else 0.5):
            return near
    return None


def sine_of(rate: float, node: Node, phase: float) -> Node:
    """``sin(rate * node + phase)``."""
    return (_SIN, (_ADD, scaled(rate, node), constant(phase)))


def wave_tree(f: Node, g: Node, offset: float, sine: float, cosine: float) -> Node:
    """``offset + sine * sin(f + g) + cosine * cos(f + g)`` as one wave with a phase, if it has one."""
    amplitude = math.hypot(sine, cosine)
    inner = (_ADD, f, g)
    if abs(sine) < _NO_PHASE * amplitude:
        wave = scaled(cosine, (_COS, inner))
    elif abs(cosine) < _NO_PHASE * amplitude:
        wave = scaled(sine, (_SIN, inner))
    else:
        wave = scaled(amplitude, (_SIN, (_ADD, inner, constant(math.atan2(cosine, sine)))))
    return wave if abs(offset) < _ROUNDING * amplitude else (_ADD, wave, constant(offset))
