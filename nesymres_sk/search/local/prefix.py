"""Equations as flat prefix lists, in which a subtree is a slice: the form in which neighbours are made.

Tokens are ints and constants are floats. Cutting and pasting slices of a list is several times quicker than building
trees, and most neighbours are thrown away before anything else is done with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import NamedTuple, TypeGuard

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression

Prefix = tuple[int | float, ...]

_ARITY: tuple[int, ...] = tuple(v.ARITY.tolist())


class _Chain(NamedTuple):
    """Operators of sums, or of products: what joins two operands, the first with the inverse of the second, inverts."""

    join: int
    join_inverse: int
    invert: int


_SUM, _PRODUCT = (
    _Chain(*(v.operator_token(name) for name in names)) for names in (("add", "sub", "neg"), ("mul", "div", "inv"))
)
_CHAINS = {token: chain for chain in (_SUM, _PRODUCT) for token in (chain.join, chain.join_inverse)}


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


def regrouped(prefix: Prefix, random: Random) -> Prefix:
    """The same equation with the operands of its sums and products in another order.

    ``a + b - c`` becomes ``(a - c) + b``, for example: any two operands may come to lie in one subtree.
    """
    return _regrouped(prefix, 0, random)[0]


def _regrouped(prefix: Prefix, start: int, random: Random) -> tuple[Prefix, int]:
    """The subtree that begins at a position, regrouped, and the position after it."""
    item = prefix[start]
    chain = _CHAINS.get(item) if type(item) is int else None
    if chain is None:
        subtree: Prefix = (item,)
        end = start + 1
        for _ in range(arity(item)):
            operand, end = _regrouped(prefix, end, random)
            subtree += operand
        return subtree, end
    operands, end = _operands(prefix, start, chain, random)
    random.shuffle(operands)
    is_inverse, subtree = operands[0]
    for other_is_inverse, operand in operands[1:]:
        if is_inverse and not other_is_inverse:
            is_inverse, subtree = False, (chain.join_inverse, *operand, *subtree)
        else:
            join = chain.join if is_inverse == other_is_inverse else chain.join_inverse
            subtree = (join, *subtree, *operand)
    return ((chain.invert, *subtree) if is_inverse else subtree), end


def _operands(prefix: Prefix, start: int, chain: _Chain, random: Random) -> tuple[list[tuple[bool, Prefix]], int]:
    """Operands of nested sums, or products, and whether the inverse of each is meant; the position after them."""
    item = prefix[start]
    if type(item) is not int or item not in chain:
        operand, end = _regrouped(prefix, start, random)
        return [(False, operand)], end
    operands, end = _operands(prefix, start + 1, chain, random)
    if item == chain.invert:
        return _inverted(operands), end
    others, end = _operands(prefix, end, chain, random)
    return operands + (_inverted(others) if item == chain.join_inverse else others), end


def _inverted(operands: list[tuple[bool, Prefix]]) -> list[tuple[bool, Prefix]]:
    return [(not is_inverse, operand) for is_inverse, operand in operands]
