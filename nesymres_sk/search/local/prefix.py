"""Equations as flat prefix lists, in which a subtree is a slice: the form in which neighbours are made.

Tokens are ints and constants are floats. Cutting and pasting slices of a list is several times quicker than building
trees, and most neighbours are thrown away before anything else is done with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeGuard

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression

Prefix = tuple[int | float, ...]

_ARITY: tuple[int, ...] = tuple(v.ARITY.tolist())


def to_prefix(expression: Expression) -> Prefix:
    """Flat form of an expression; free constants are NaN."""
    constants = iter(expression.constants)
    return tuple(next(constants) if token == v.CONSTANT else token for token in expression.tokens)


def to_expression(prefix: Sequence[int | float]) -> Expression:
    """Expression of a flat form."""
    return Expression(
        tuple(v.CONSTANT if type(item) is float else item for item in prefix),  # type: ignore[misc]
        tuple(item for item in prefix if type(item) is float),
    )


# A float may equal a token id, so that the type has to be asked first.


def is_variable(item: int | float) -> TypeGuard[int]:
    """Whether an item is a column."""
    return type(item) is int and v.FIRST_VARIABLE <= item < v.FIRST_INTEGER


def is_integer(item: int | float) -> TypeGuard[int]:
    """Whether an item is one of the integer tokens."""
    return type(item) is int and v.FIRST_INTEGER <= item < v.FIRST_OPERATOR


def arity(item: int | float) -> int:
    """Operands of an item."""
    return 0 if type(item) is float else _ARITY[item]  # type: ignore[index]


def subtree_ends(prefix: Sequence[int | float]) -> list[int]:
    """Index just past the subtree that begins at each position."""
    ends = [0] * len(prefix)
    for position in range(len(prefix) - 1, -1, -1):
        end = position + 1
        for _ in range(arity(prefix[position])):
            end = ends[end]
        ends[position] = end
    return ends


def parents(prefix: Sequence[int | float], ends: Sequence[int]) -> list[int]:
    """Position of the operator above each position, -1 for the root."""
    above = [-1] * len(prefix)
    for position, item in enumerate(prefix):
        child = position + 1
        for _ in range(arity(item)):
            above[child] = position
            child = ends[child]
    return above
