"""Functions of the target that can be undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Node

Array = NDArray[np.float64]

#: Values of the operators with many branches, the one that is their inverse's.
_RANGES = {"asin": (-np.pi / 2, np.pi / 2), "acos": (0.0, np.pi), "atan": (-np.pi / 2, np.pi / 2)}


@dataclass(frozen=True)
class Link:
    """A function of the target that can be undone.

    Attributes
    ----------
    forward, slope : callable
        ``g(y)``, and the absolute derivative of ``y`` with respect to ``g``, both as functions of ``y``.
    operators : tuple of str
        The inverse of ``g``, from the outside in.
    """

    operators: tuple[str, ...]
    forward: Callable[[Array], Array]
    slope: Callable[[Array], Array]

    def apply(self, y: Array) -> tuple[Array, Array] | None:
        """``g(y)`` and the slope, or ``None`` where the link is not defined or not the inverse of its operator."""
        low, high = _RANGES.get(next(iter(self.operators), ""), (-np.inf, np.inf))
        with np.errstate(all="ignore"):
            target, slope = self.forward(y), np.abs(self.slope(y))
        if not (np.isfinite(target).all() and np.isfinite(slope).all()):
            return None
        return (target, slope) if y.min() >= low and y.max() <= high else None

    def undone(self, node: Node) -> Node:
        """Tree of the target from that of the transformed target."""
        for operator in reversed(self.operators):
            node = (v.operator_token(operator), node)
        return node


LINKS = (
    Link((), lambda y: y, np.ones_like),
    Link(("inv",), lambda y: 1.0 / y, lambda y: y * y),
    Link(("exp",), np.log, np.abs),
    Link(("sqrt",), lambda y: np.where(y >= 0.0, y * y, np.nan), lambda y: 0.5 / np.maximum(np.abs(y), 1e-9)),
    Link(("square",), np.sqrt, lambda y: 2.0 * np.sqrt(y)),
    Link(("log",), lambda y: np.exp(np.where(y < 300.0, y, np.nan)), lambda y: np.exp(-y)),
    Link(("inv", "sqrt"), lambda y: np.where(y >= 0.0, 1.0 / (y * y), np.nan), lambda y: 0.5 * np.abs(y) ** 3),
    Link(("cube",), np.cbrt, lambda y: 3.0 * np.square(np.cbrt(y))),
    Link(("asin",), np.sin, lambda y: 1.0 / np.maximum(np.cos(y), 1e-3)),
    Link(("acos",), np.cos, lambda y: 1.0 / np.maximum(np.abs(np.sin(y)), 1e-3)),
    Link(("atan",), np.tan, lambda y: np.square(np.cos(y))),
    Link(("sin",), np.arcsin, lambda y: np.sqrt(1.0 - y * y)),
    Link(("cos",), np.arccos, lambda y: np.sqrt(1.0 - y * y)),
    Link(("tanh",), np.arctanh, lambda y: 1.0 - y * y),
    Link(("tan",), np.arctan, lambda y: 1.0 + y * y),
)
