"""Equations with a hole: what must stand there for the equation to hold, and the equation with something in it.

A part of an equation is often right before the whole is. With everything but one place fixed, the values that belong
in that place follow from the data by inverting the operators above it: the residual ``y - f(x)`` belongs in
``f + _``, the quotient ``y / f(x)`` in ``f * _``, ``log(y)`` in ``exp(_)``, and ``(y - a) / x1`` in ``a + x1 * _``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.search.inverses import wanted_operands

#: Leaf of a tree that marks the place; no expression contains it.
HOLE: Node = (v.PAD,)
_ONE: Node = (v.integer(1),)


@dataclass(frozen=True)
class Frame:
    """A fitted equation with one hole.

    Parameters
    ----------
    tree : Node
        Tree with :data:`HOLE` as one leaf; the hole alone is the frame of whole equations.
    present : Node
        What stood in the hole, which says on which branch of a square or a sine the values are; 1 if nothing did.
    """

    tree: Node
    present: Node = _ONE

    @property
    def size(self) -> int:
        """Nodes around the hole."""
        return _count(self.tree) - 1

    def target(self, X: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values that belong in the hole.

        Parameters
        ----------
        X : array of shape (n, d)
        y : array of shape (n,)
            Values of the whole equation.

        Returns
        -------
        array of shape (n,)
            Not finite where nothing fits.
        """
        wanted, node = y, self.tree
        with np.errstate(all="ignore"):
            while node != HOLE:
                operands = [evaluate(Expression.from_tree(_put(child, self.present)), X) for child in node[1:]]
                side = next(i for i, child in enumerate(node[1:]) if _has_hole(child))
                wanted, node = wanted_operands(node[0], wanted, operands)[side], node[1 + side]
        return wanted

    def fill(self, answer: Expression) -> Expression | None:
        """Canonical equation with ``answer`` in the hole; ``None`` if it degenerates."""
        return canonical(Expression.from_tree(_put(self.tree, answer.to_tree())))


def frames_of(equation: Expression) -> list[Frame]:
    """Frames of a fitted equation: each of its nodes but the root taken out, and a term and a factor beside it."""
    tree = equation.to_tree()
    beside = [Frame((_ADD, tree, HOLE)), Frame((_MUL, tree, HOLE))]
    return [Frame(holed, part) for holed, part in _holed(tree) if holed != HOLE] + beside


def transforms(n_columns: int) -> list[Frame]:
    """Frames that need no equation: a function of everything, and each column as a factor, divisor or term."""
    frames = [Frame((v.operator_token(name), HOLE)) for name in _FUNCTIONS]
    for column in range(n_columns):
        leaf: Node = (v.variable(column),)
        frames += [
            Frame(tree) for tree in ((_MUL, leaf, HOLE), (_DIV, HOLE, leaf), (_ADD, leaf, HOLE), (_SUB, HOLE, leaf))
        ]
    return frames


def _count(tree: Node) -> int:
    return 1 if tree[0] == v.CONSTANT else 1 + sum(_count(child) for child in tree[1:])


def _has_hole(tree: Node) -> bool:
    return tree == HOLE or (tree[0] != v.CONSTANT and any(_has_hole(child) for child in tree[1:]))


def _put(tree: Node, part: Node) -> Node:
    if tree == HOLE:
        return part
    return tree if tree[0] == v.CONSTANT else (tree[0], *(_put(child, part) for child in tree[1:]))


def _holed(tree: Node) -> list[tuple[Node, Node]]:
    """The tree with each of its nodes replaced by a hole, in turn, and what was there."""
    found = [(HOLE, tree)]
    if tree[0] != v.CONSTANT:
        for i in range(1, len(tree)):
            found += [((*tree[:i], holed, *tree[i + 1 :]), part) for holed, part in _holed(tree[i])]
    return found


_FUNCTIONS = ("exp", "log", "inv", "square", "sqrt")
_ADD, _SUB, _MUL, _DIV = (v.operator_token(name) for name in ("add", "sub", "mul", "div"))
