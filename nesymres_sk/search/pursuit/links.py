"""Functions of the target that can be undone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Node

Array = NDArray[np.float64]

#: Part of the target's square by which noise may have carried rows out of the range of a link, and the share of the
#: rows that stay.
_LARGEST_EXCESS, _DEFINED = 0.01, 0.8
#: Part of the target's size, and slope of its sine or cosine, below which rows get no more weight: at the ends of
#: their ranges roots and arcs are so steep that noise would decide.
_FLAT = 0.05


@dataclass(frozen=True)
class Link:
    """A function of the target that can be undone.

    Attributes
    ----------
    operators : tuple of str
        The inverse of ``g``, from the outside in.
    forward, slope : callable
        ``g(y)``, and the absolute derivative of ``y`` with respect to ``g``, both as functions of ``y``.
    low, high : float
        Range of the inverse, on one of its branches.
    """

    operators: tuple[str, ...]
    forward: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    low: float = -np.inf
    high: float = np.inf

    def apply(self, y: Array) -> tuple[Array, Array] | None:
        """``g(y)`` and the slope, or ``None`` where the target has values that the inverse has not.

        Rows that noise may have carried out of the range have no weight.
        """
        power = float(np.mean(np.square(y)))
        excess = y - np.clip(y, self.low, self.high)
        if not float(np.mean(np.square(excess))) <= _LARGEST_EXCESS * power:
            return None
        with np.errstate(all="ignore"):
            target, slope = self.forward(y), np.abs(self.slope(y))
        inside = (excess == 0.0) & np.isfinite(target) & np.isfinite(slope)
        if inside.mean() < _DEFINED:
            return None
        return np.where(inside, target, 0.0), np.where(inside, slope, 0.0)

    def undone(self, node: Node) -> Node:
        """Tree of the target from that of the transformed target."""
        for operator in reversed(self.operators):
            node = (v.operator_token(operator), node)
        return node


def _of_root(y: Array) -> Array:
    """Slope of the root, bounded where the target is so near to zero that noise may decide its square."""
    return 0.5 / np.sqrt(np.square(y) + _FLAT**2 * np.mean(np.square(y)))


LINKS = (
    Link((), lambda y: y, np.ones_like),
    Link(("inv",), lambda y: 1.0 / y, lambda y: y * y),
    Link(("exp",), np.log, np.abs, 0.0),
    Link(("sqrt",), np.square, _of_root, 0.0),
    Link(("square",), np.sqrt, lambda y: 2.0 * np.sqrt(y), 0.0),
    Link(("log",), lambda y: np.exp(np.where(y < 300.0, y, np.nan)), lambda y: np.exp(-y)),
    Link(("inv", "sqrt"), lambda y: 1.0 / (y * y), lambda y: 0.5 * np.abs(y) ** 3, 0.0),
    Link(("cube",), np.cbrt, lambda y: 3.0 * np.square(np.cbrt(y))),
    Link(("asin",), np.sin, lambda y: 1.0 / np.maximum(np.cos(y), _FLAT), -np.pi / 2, np.pi / 2),
    Link(("acos",), np.cos, lambda y: 1.0 / np.maximum(np.abs(np.sin(y)), _FLAT), 0.0, np.pi),
    Link(("atan",), np.tan, lambda y: np.square(np.cos(y)), -np.pi / 2, np.pi / 2),
    Link(("sin",), np.arcsin, lambda y: np.sqrt(1.0 - y * y), -1.0, 1.0),
    Link(("cos",), np.arccos, lambda y: np.sqrt(1.0 - y * y), -1.0, 1.0),
    Link(("tanh",), np.arctanh, lambda y: 1.0 - y * y, -1.0, 1.0),
    Link(("tan",), np.arctan, lambda y: 1.0 + y * y),
)

_LOGARITHM = next(link for link in LINKS if link.operators == ("log",))


@dataclass(frozen=True)
class Scaled(Link):
    """A link of the target in another unit.

    Attributes
    ----------
    factor : float
        From the usual unit to that of the target.
    """

    factor: float = 1.0

    @classmethod
    def of(cls, link: Link, factor: float) -> Scaled:
        """A link of ``y / factor``."""
        return cls(
            link.operators,
            lambda y: link.forward(y / factor),
            lambda y: factor * link.slope(y / factor),
            link.low * factor,
            link.high * factor,
            factor,
        )

    def undone(self, node: Node) -> Node:
        return v.operator_token("mul"), (v.CONSTANT, self.factor), super().undone(node)


#: Decibels, logarithms to base ten and two, and arcs in degrees.
CUSTOMARY = (
    *(
        Scaled.of(_LOGARITHM, factor / math.log(base))
        for factor, base in ((10.0, 10.0), (20.0, 10.0), (1.0, 10.0), (1.0, 2.0))
    ),
    *(Scaled.of(link, math.degrees(1.0)) for link in LINKS if link.operators in (("asin",), ("acos",), ("atan",))),
)


@dataclass(frozen=True)
class DifferenceFromOne(Link):
    """What a function of the target lacks to one, or has beyond it: ``y = 1 - g``, ``1 / (1 + g)``, ``sqrt(1 + g)``.

    Attributes
    ----------
    sign : float
        1 if there is more than one, -1 if there is less.
    """

    sign: float = 1.0

    @classmethod
    def of(cls, link: Link, sign: float) -> DifferenceFromOne:
        """The difference of the function of a link."""
        beyond = (sign > 0.0) != ("inv" in link.operators)
        low, high = (1.0, np.inf) if beyond else (0.0, 1.0)
        return cls(link.operators, lambda y: sign * (link.forward(y) - 1.0), link.slope, low, high, sign)

    def undone(self, node: Node) -> Node:
        return super().undone((v.operator_token("add" if self.sign > 0.0 else "sub"), (v.integer(1),), node))


#: What a target, its inverse and their squares are less or more than one.
FROM_ONE = tuple(
    DifferenceFromOne.of(link, sign)
    for link in LINKS
    if link.operators in ((), ("inv",), ("sqrt",), ("inv", "sqrt"))
    for sign in (-1.0, 1.0)
)
