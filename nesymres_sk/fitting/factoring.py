"""Common factors of sums pulled out, where that makes an equation shorter or its constants simpler.

A sum has a scale of its own: ``0.7 * x1 + 0.7 * x2`` is ``0.7 * (x1 + x2)``, and in ``3 * (2 * x1 + 8) ** 2`` one of
three constants is superfluous, which would leave the two others without a finite standard error. The canonical form
leaves real numbers where they are; here the factor of every sum is chosen that gives the shortest description.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import combinations
from typing import NamedTuple

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.fitting.numbers import nearest_simple

_ADD, _SUB, _MUL, _DIV, _POW = (v.operator_token(name) for name in ("add", "sub", "mul", "div", "pow"))
_NEG, _INV, _SQRT, _ABS = (v.operator_token(name) for name in ("neg", "inv", "sqrt", "abs"))
_POWERS = {v.operator_token(name): power for name, power in (("square", 2), ("cube", 3), ("pow4", 4), ("pow5", 5))}
#: Products of rounded numbers are simple up to this, relative to their size.
_ROUNDING = 4e-15
_SWEEPS = 2
#: Terms of a sum up to which all of them are tried as pivots.
_SHORT = 3
#: Nats by which the description must get shorter; a sign alone is not worth a change.
_LEAST_GAIN = 4.0


class _Number(NamedTuple):
    """A factor and its relative standard error."""

    value: float
    error: float = 0.0

    def times(self, other: _Number) -> _Number:
        return _Number(self.value * other.value, math.hypot(self.error, other.error))

    def over(self, other: _Number) -> _Number:
        return _Number(self.value / other.value, math.hypot(self.error, other.error))

    def to_power(self, power: float) -> _Number:
        return _Number(math.pow(self.value, power), abs(power) * self.error)


_ONE = _Number(1.0)
#: Instead of a pivot: nothing, or only the sign is pulled out.
_AS_IT_IS, _TURNED = -1, -2
#: Equations by the pivots of their sums, with their costs: a descent comes back to most of them.
_Attempts = dict[tuple[int, ...], tuple[Expression | None, float]]


def factor(
    expression: Expression, cost: Callable[[Expression], float], errors: tuple[float, ...] | None = None
) -> Expression:
    """The same function, with the scale of each sum where it gives the shortest description.

    Parameters
    ----------
    expression : Expression
        Fitted.
    cost : callable
        Description length of an equation in nats.
    errors : tuple of float, optional
        Relative standard errors of the constants: a ratio of two of them that is simple within its error counts as
        simple, and is set to that number. Rounding errors by default.

    Returns
    -------
    Expression
        The expression itself unless another form is shorter.
    """
    if sum(token == v.CONSTANT or v.is_integer(token) for token in expression.tokens) < 2:
        return expression
    errors = (0.0,) * len(expression.constants) if errors is None else errors
    tree = _with_errors(expression.to_tree(), list(errors)[::-1])
    writer = _Writer({})
    try:
        writer.write(tree)
    except ArithmeticError:
        return expression
    best, shortest = expression, cost(expression)
    if not writer.pivots_worth_it:
        return best
    # two scales may have to move at once, out of a fraction for instance: a second descent starts with all outside
    attempts: _Attempts = {}
    promising = [writer.pivots_worth_it[index] for index in range(len(writer.pivots_worth_it))]
    for chosen in ((_AS_IT_IS,) * len(promising), (0,) * len(promising)):
        written, length = _descend(tree, chosen, promising, cost, attempts)
        if written is not None and length < shortest - _LEAST_GAIN:
            best, shortest = written, length
    return best


def _descend(
    tree: Node,
    chosen: tuple[int, ...],
    promising: Sequence[Sequence[int]],
    cost: Callable[[Expression], float],
    attempts: _Attempts,
) -> tuple[Expression | None, float]:
    """Change the pivot of one sum after the other while the description gets shorter."""
    best, shortest = _attempt(tree, chosen, cost, attempts)
    for _ in range(_SWEEPS):
        before = chosen
        for index in reversed(range(len(promising))):
            for pivot in promising[index]:
                trial = (*chosen[:index], pivot, *chosen[index + 1 :])
                written, length = _attempt(tree, trial, cost, attempts)
                if length < shortest - 1e-9:
                    best, shortest, chosen = written, length, trial
        if chosen == before:
            break
    return best, shortest


def _attempt(
    tree: Node, pivots: tuple[int, ...], cost: Callable[[Expression], float], attempts: _Attempts
) -> tuple[Expression | None, float]:
    """Equation with the given pivots and its cost, which is infinite where a number leaves the range of floats."""
    if pivots not in attempts:
        try:
            written = Expression.from_tree(_Writer(dict(enumerate(pivots))).write(tree))
            attempts[pivots] = written, cost(written)
        except ArithmeticError:
            attempts[pivots] = None, math.inf
    return attempts[pivots]


def _with_errors(node: Node, errors: list[float]) -> Node:
    """Tree whose constants carry their relative errors, which are consumed from the end of the list."""
    if node[0] == v.CONSTANT:
        return (v.CONSTANT, node[1], errors.pop())
    return (node[0], *(_with_errors(child, errors) for child in node[1:]))


class _Writer:
    """Rewrites a tree with a given pivot, the term whose coefficient is pulled out, for each sum.

    Attributes
    ----------
    pivots_worth_it : dict
        What to try for each sum, by its place in the order of writing: of a long one the first term, and those
        whose coefficients have simple ratios to others.
    """

    def __init__(self, pivots: dict[int, int]) -> None:
        self.pivots = pivots
        self.pivots_worth_it: dict[int, Sequence[int]] = {}

    def write(self, tree: Node) -> Node:
        return _product(*self._split(tree))

    def _split(self, node: Node) -> tuple[_Number, Node | None]:
        """Numeric factor of a node, and the rest of it, None if there is none."""
        token = node[0]
        if token == v.CONSTANT:
            return _Number(node[1], node[2]), None
        if v.is_integer(token):
            return _Number(float(token - v.FIRST_INTEGER + 1)), None
        if token in (_ADD, _SUB):
            return self._sum(node)
        if token in (_MUL, _DIV):
            (a, above), (b, below) = self._split(node[1]), self._split(node[2])
            if token == _MUL:
                rest = above if below is None else below if above is None else (_MUL, above, below)
                return a.times(b), rest
            return a.over(b), above if below is None else _quotient(above, below)
        if len(node) == 1:
            return _ONE, node
        a, inside = self._split(node[1])
        if token == _NEG:
            return _Number(-a.value, a.error), inside
        if token == _INV:
            return _ONE.over(a), None if inside is None else _quotient(None, inside)
        if token in _POWERS:
            return a.to_power(_POWERS[token]), None if inside is None else (token, inside)
        if token == _ABS:
            return _Number(abs(a.value), a.error), None if inside is None else (token, inside)
        if inside is not None and a.value > 0.0:
            if token == _SQRT:
                return a.to_power(0.5), (token, inside)
            if token == _POW and node[2][0] == v.CONSTANT:
                return a.to_power(node[2][1]), (token, inside, node[2])
        return _ONE, (token, _product(a, inside), *(self.write(child) for child in node[2:]))

    def _sum(self, node: Node) -> tuple[_Number, Node | None]:
        index = len(self.pivots_worth_it)
        self.pivots_worth_it[index] = ()  # the place is taken before the sums inside are visited
        terms = [
            (_Number(sign * number.value, number.error), rest)
            for sign, term in _terms(node, 1.0)
            for number, rest in (self._split(term),)
        ]
        if not self.pivots:
            self.pivots_worth_it[index] = _promising([number for number, _ in terms])
        pivot = self.pivots.get(index, _AS_IT_IS)
        scale = terms[pivot][0] if pivot >= 0 else _ONE if pivot == _AS_IT_IS else _Number(-1.0)
        scaled = [
            (_simplified(_ONE if i == pivot else number.over(scale)), rest) for i, (number, rest) in enumerate(terms)
        ]
        return scale, _written_sum(_grouped(scaled))


def _promising(numbers: Sequence[_Number]) -> Sequence[int]:
    if len(numbers) <= _SHORT:
        return range(_TURNED, len(numbers))
    related = {0}
    for i, j in combinations(range(len(numbers)), 2):
        ratio = numbers[i].over(numbers[j])
        if nearest_simple(ratio.value, max(ratio.error, _ROUNDING) * abs(ratio.value)) is not None:
            related |= {i, j}
    return (_TURNED, _AS_IT_IS, *sorted(related))


def _grouped(terms: list[tuple[_Number, Node | None]]) -> list[tuple[_Number, Node | None]]:
    """Terms with one coefficient, up to its sign, joined to a multiple of their sum: ``0.7 * (x1 - x2) + x3``."""
    out: list[tuple[_Number, Node | None]] = []
    left = list(terms)
    while left:
        number, rest = left.pop(0)
        if abs(number.value) == 1.0:
            out.append((number, rest))
            continue
        ratios = [_simplified(other.over(number)).value for other, _ in left]
        same = [(_Number(ratio), term) for ratio, (_, term) in zip(ratios, left, strict=True) if abs(ratio) == 1.0]
        if same and (len(same) < len(left) or out):
            left = [term for ratio, term in zip(ratios, left, strict=True) if abs(ratio) != 1.0]
            rest = _written_sum([(_ONE, rest), *same])
        out.append((number, rest))
    return out


def _terms(node: Node, sign: float) -> list[tuple[float, Node]]:
    if node[0] == _ADD:
        return _terms(node[1], sign) + _terms(node[2], sign)
    if node[0] == _SUB:
        return _terms(node[1], sign) + _terms(node[2], -sign)
    return [(sign, node)]


def _written_sum(terms: list[tuple[_Number, Node | None]]) -> Node:
    """Added terms first, then those that are subtracted."""
    positive = [(number, rest) for number, rest in terms if number.value >= 0.0]
    negative = [(_Number(-number.value, number.error), rest) for number, rest in terms if number.value < 0.0]
    if not positive:
        # a number can take the sign
        first = next((i for i, (number, rest) in enumerate(negative) if number.value != 1.0 or rest is None), None)
        if first is None:
            return (_NEG, _written_sum(negative))
        number, rest = negative.pop(first)
        positive = [(_Number(-number.value), rest)]
    tree = _product(*positive[0])
    for number, rest in positive[1:]:
        tree = (_ADD, tree, _product(number, rest))
    for number, rest in negative:
        tree = (_SUB, tree, _product(number, rest))
    return tree


def _simplified(number: _Number) -> _Number:
    if number.value == 0.0 or not math.isfinite(number.value):
        raise OverflowError("a product of constants leaves the range of floating point numbers")
    found = nearest_simple(number.value, max(number.error, _ROUNDING) * abs(number.value))
    return number if found is None else _Number(found[1])


def _quotient(above: Node | None, below: Node) -> Node:
    if above is None:
        return (_INV, below)
    if above[0] == _INV:
        return (_INV, (_MUL, above[1], below))
    if below[0] == _INV:
        return (_MUL, above, below[1])
    return (_DIV, above, below)


def _product(number: _Number, rest: Node | None) -> Node:
    """A number times a node, written first in a chain of factors."""
    value = _simplified(number).value
    if rest is None:
        return _leaf(value)
    if value == 1.0:
        return rest
    if value == -1.0:
        return (_NEG, rest)
    # thirds are the fractions that no short decimal writes
    if value != round(value) and 3.0 * value in (1.0, 2.0, 4.0, 5.0):
        return (_DIV, _product(_Number(3.0 * value), rest), (v.integer(3),))
    return _first(rest, _leaf(value))


def _first(node: Node, number: Node) -> Node:
    if node[0] in (_MUL, _DIV):
        return (node[0], _first(node[1], number), *node[2:])
    if node[0] == _INV:
        return (_DIV, number, node[1])
    return (_MUL, number, node)


def _leaf(value: float) -> Node:
    if value == round(value) and 1.0 <= value <= v.MAX_INTEGER:
        return (v.integer(int(value)),)
    return (v.CONSTANT, value, 0.0)
