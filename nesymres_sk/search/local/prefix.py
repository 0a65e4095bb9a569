"""Equations as flat prefix lists, in which a subtree is a slice: the form in which neighbours are made.

Tokens are ints and constants are floats. Cutting and pasting slices of a list is several times quicker than building
trees, and most neighbours are thrown away before anything else is done with them.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import TypeGuard

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression

Prefix = tuple[int | float, ...]

_ADD, _SUB, _MUL, _DIV, _NEG, _INV = (v.operator_token(name) for name in ("add", "sub", "mul", "div", "neg", "inv"))
#: Operators of sums and products: what joins, what joins the inverse of its second operand, and what inverts.
_CHAINS = {
    _ADD: (_ADD, _SUB, _NEG),
    _SUB: (_ADD, _SUB, _NEG),
    _MUL: (_MUL, _DIV, _INV),
    _DIV: (_MUL, _DIV, _INV),
}
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


def regrouped(prefix: Prefix, random: Random) -> Prefix:
    """The same equation with the operands of its sums and products in another order.

    ``a + b - c`` becomes ``(a - c) + b``, for example: any two operands may come to lie in one subtree.
    """
    return _regrouped(prefix, subtree_ends(prefix), 0, random)


def _regrouped(prefix: Prefix, ends: Sequence[int], start: int, random: Random) -> Prefix:
    item = prefix[start]
    chain = _CHAINS.get(item) if type(item) is int else None
    if chain is None:
        out: Prefix = (item,)
        child = start + 1
        for _ in range(arity(item)):
            out += _regrouped(prefix, ends, child, random)
            child = ends[child]
        return out
    operands: list[tuple[bool, Prefix]] = []  # whether it is inverted
    _gather(prefix, ends, start, False, chain, operands, random)
    random.shuffle(operands)
    inverted, result = operands[0]
    for other_inverted, operand in operands[1:]:
        if inverted and not other_inverted:
            inverted, result = False, (chain[1], *operand, *result)
        else:
            result = (chain[0 if inverted == other_inverted else 1], *result, *operand)
    return (chain[2], *result) if inverted else result


def _gather(
    prefix: Prefix,
    ends: Sequence[int],
    start: int,
    inverted: bool,
    chain: tuple[int, int, int],
    operands: list[tuple[bool, Prefix]],
    random: Random,
) -> None:
    """Collect the operands of nested sums, or products."""
    item = prefix[start]
    first = start + 1
    if type(item) is int and item in chain[:2]:
        _gather(prefix, ends, first, inverted, chain, operands, random)
        _gather(prefix, ends, ends[first], inverted != (item == chain[1]), chain, operands, random)
    elif type(item) is int and item == chain[2]:
        _gather(prefix, ends, first, not inverted, chain, operands, random)
    else:
        operands.append((inverted, _regrouped(prefix, ends, start, random)))
