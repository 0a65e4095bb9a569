"""What powers are taken of in laws of one group: the columns, or functions of one or two of them in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Node
from nesymres_sk.search.pursuit.groups import LEAST_RANGE
from nesymres_sk.search.pursuit.parts import Part, divides
from nesymres_sk.search.pursuit.trees import ONE, exponential, power, scaled, total

Array = NDArray[np.float64]

_SIN, _COS, _EXP, _SQUARE = (v.operator_token(name) for name in ("sin", "cos", "exp", "square"))
#: Largest argument of an exponential.
_LARGEST = 300.0
#: Columns up to which there are not too many pairs of them.
_MOST_IN_PAIRS = 6


class Coordinate:
    """A function whose powers are the factors of a law.

    Parameters
    ----------
    node : Node
    values : array of shape (n,)
        Nowhere zero.
    """

    def __init__(self, node: Node, values: Array) -> None:
        self.node = node
        self.values = values
        self.logs = np.log(np.abs(values))
        self.sign = 1.0 if values.min() > 0.0 else -1.0 if values.max() < 0.0 else 0.0

    def power(self, exponent: float) -> Node | None:
        """Node of a power, ``None`` if it is not defined because the sign changes."""
        if self.node[0] == _EXP:
            return exponential(scaled(exponent, self.node[1]))
        if self.sign > 0.0 or exponent == round(exponent):
            return power(self.node, exponent)
        return power(scaled(-1.0, self.node), exponent) if self.sign < 0.0 else None

    def sign_of(self, exponent: float) -> float:
        """Sign of the power of that node, 1 where it changes."""
        return self.sign if exponent % 2.0 == 1.0 and self.sign else 1.0


def coordinates_of(parts: Sequence[Part]) -> list[Coordinate]:
    """Coordinates of the functions whose logarithms are defined and no constants."""
    return _usable((part.node, part.values) for part in parts)


def signs_of(coordinates: Sequence[Coordinate]) -> list[Array]:
    """What the signs of a group may be: positive, and those of the product of all coordinates whose sign changes."""
    changing = [np.sign(coordinate.values) for coordinate in coordinates if coordinate.sign == 0.0]
    positive = np.ones(len(coordinates[0].values))
    return [positive, np.asarray(np.prod(changing, axis=0))] if changing else [positive]


def factors_of(part: Part, allowed: Callable[[str], bool]) -> list[Coordinate]:
    """Coordinates of one column: itself and functions of it, without the exponential."""
    functions = ((node, values) for node, values in _of_one(part, allowed) if node[0] != _EXP)
    return [*coordinates_of([part]), *_usable(functions)]


def combined(columns: Sequence[Part], allowed: Callable[[str], bool]) -> Iterator[list[Coordinate]]:
    """Coordinates with a function of one column in its place, or one of two columns in the place of both.

    Parameters
    ----------
    columns : sequence of Part
    allowed : callable
        Whether an operator may be used.
    """
    plain = [coordinates_of([part]) for part in columns]
    for i, part in enumerate(columns):
        others = [coordinate for j, found in enumerate(plain) if j != i for coordinate in found]
        yield from ([*others, coordinate] for coordinate in _usable(_of_one(part, allowed)))
    pairs = combinations(range(len(columns)), 2) if len(columns) <= _MOST_IN_PAIRS else ()
    for i, j in pairs:
        others = [coordinate for k, found in enumerate(plain) if k not in (i, j) for coordinate in found]
        yield from ([*others, coordinate] for coordinate in _usable(_of_two(columns[i], columns[j], allowed)))


def _of_one(part: Part, allowed: Callable[[str], bool]) -> Iterator[tuple[Node, Array]]:
    x, values = part.node, part.values
    if allowed("add"):
        yield total([x, ONE]), values + 1.0
        yield total([x, scaled(-1.0, ONE)]), values - 1.0
    if allowed("sin"):
        yield (_SIN, x), np.sin(values)
    if allowed("cos"):
        cosine: Node = (_COS, x)
        yield cosine, np.cos(values)
        if allowed("add"):
            yield total([ONE, cosine]), 1.0 + np.cos(values)
            yield total([ONE, scaled(-1.0, cosine)]), 1.0 - np.cos(values)
    if allowed("exp") and np.abs(values).max() < _LARGEST:
        yield (_EXP, x), np.exp(values)


def _of_two(first: Part, second: Part, allowed: Callable[[str], bool]) -> Iterator[tuple[Node, Array]]:
    if not allowed("add"):
        return
    for sign in (1.0, -1.0):
        node, values = total([first.node, scaled(sign, second.node)]), first.values + sign * second.values
        yield node, values
        if allowed("cos") and sign < 0.0:
            yield (_COS, node), np.cos(values)
        squares: list[Node] = [(_SQUARE, first.node), (_SQUARE, second.node)]
        yield total([squares[0], scaled(sign, squares[1])]), first.values**2 + sign * second.values**2


def _usable(functions: Iterable[tuple[Node, Array]]) -> list[Coordinate]:
    coordinates = (Coordinate(n, values) for n, values in functions if np.isfinite(values).all() and divides(values))
    return [coordinate for coordinate in coordinates if np.ptp(coordinate.logs) > LEAST_RANGE]
