"""Neighbours of an equation: the small changes of which local search is made.

The set follows what genetic programming has found useful (Cranmer, PySR, 2023; Burlacu et al., Operon, 2020): replace,
insert, delete, hoist, swap and cross. Two things differ. Constants are not perturbed, because every neighbour is
fitted; instead they are freed, dropped, and put where a change of units needs one. And a subtree that comes in can be
*closed*: each of its columns is then divided by the scale of that column, so that ``sin(x1)`` becomes ``sin(C*x1)``
with a start that makes sense in the user's units.

All changes work on flat prefix forms (:mod:`nesymres_sk.search.local.prefix`). Constants carry the value at which their
fit starts; every one of them is free.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.operators import OPERATORS
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.local.prefix import Prefix, arity, is_integer, is_variable, parents, subtree_ends

#: Start of a new factor: near the neutral one, but no simple number, which would vanish in the canonical form.
NEUTRAL = 1.0137
#: Start of a new offset.
SMALL = 0.0137

_ADD, _SUB, _MUL, _DIV = (v.operator_token(name) for name in ("add", "sub", "mul", "div"))
#: Joins of a new term with an equation, with the chance of each.
_JOINS = {_ADD: 4, _SUB: 2, _MUL: 4, _DIV: 3, v.operator_token("pow"): 1}


class Mutator:
    """Makes neighbours.

    Parameters
    ----------
    grammar : Grammar
        Operators, columns and length limit.
    subtrees : sequence of Prefix
        Material to insert, shortest first; the columns if there is none.
    x_scales : sequence of float
        Scale of each column.
    random : random.Random

    Attributes
    ----------
    kinds : dict of str to callable
        ``change(prefix, mate)`` gives a neighbour of an equation, or None where it does not apply; ``mate`` is another
        equation to take subtrees from.
    """

    def __init__(self, grammar: Grammar, subtrees: Sequence[Prefix], x_scales: Sequence[float], random: Random) -> None:
        self._scales = [float(scale) for scale in x_scales]
        self._random = random
        operators = [v.operator_token(name) for name in grammar.operators]
        self._unary = [token for token in operators if v.ARITY[token] == 1]
        self._binary = [token for token in operators if v.ARITY[token] == 2]
        self._weights = {token: OPERATORS[token - v.FIRST_OPERATOR].weight for token in operators}
        self._joins = [token for token in _JOINS if token in operators]
        self._columns = [v.variable(column) for column in range(grammar.n_variables)]
        self._subtrees = subtrees or [(column,) for column in self._columns]
        self._constants = grammar.allow_constants
        self.kinds: dict[str, Callable[[Prefix, Prefix], Prefix | None]] = {
            "replace": self.replace,
            "insert": self.insert,
            "grow": self.grow,
            "wrap": self.wrap,
            "operator": self.swap_operator,
            "variable": self.swap_variable,
            "operands": self.swap_operands,
            "delete": self.delete,
            "hoist": self.hoist,
            "cross": self.cross,
            "factor": self.common_factor,
            "integer": self.change_integer,
        }
        if self._constants:
            self.kinds |= {
                "constant": self.to_constant,
                "scale": self.scale,
                "shift": self.shift,
                "unscale": self.drop_constant,
            }

    def subtree(self) -> Prefix:
        """Random material: short trees more often, half of them closed."""
        # the cube of a uniform number: half of the draws come from the shortest eighth
        tree = self._subtrees[int(len(self._subtrees) * self._random.random() ** 3)]
        return self.close(tree) if self._constants and self._random.random() < 0.5 else tree

    def close(self, tree: Prefix) -> Prefix:
        """The tree with every column divided by its scale."""
        closed: list[int | float] = []
        for item in tree:
            if is_variable(item):
                closed += (_MUL, 1.0 / self._scales[item - v.FIRST_VARIABLE])
            closed.append(item)
        return tuple(closed)

    def replace(self, prefix: Prefix, mate: Prefix) -> Prefix:
        """A subtree becomes a random one."""
        start = self._random.randrange(len(prefix))
        return prefix[:start] + self.subtree() + prefix[subtree_ends(prefix)[start] :]

    def insert(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """A node is joined with a random subtree."""
        return self._join(prefix, self._random.randrange(len(prefix)), self.subtree())

    def grow(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """The whole equation is joined with a random subtree."""
        return self._join(prefix, 0, self.subtree())

    def cross(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """A subtree of another equation comes in, in the place of one of this or joined with it."""
        first = self._random.randrange(len(mate))
        part = mate[first : subtree_ends(mate)[first]]
        start = self._random.randrange(len(prefix))
        if self._random.random() < 0.5:
            return self._join(prefix, start, part)
        return prefix[:start] + part + prefix[subtree_ends(prefix)[start] :]

    def wrap(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """A unary operator comes above a node, now and then with a factor inside."""
        if not self._unary:
            return None
        start = self._random.randrange(len(prefix))
        head: Prefix = (self._draw(self._unary),)
        if self._constants and self._random.random() < 0.5:
            head += (_MUL, NEUTRAL)
        return prefix[:start] + head + prefix[start:]

    def swap_operator(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """An operator becomes another one of the same arity."""
        start = self._position(prefix, lambda item: arity(item) > 0)
        if start is None:
            return None
        same = self._unary if arity(prefix[start]) == 1 else self._binary
        return prefix[:start] + (self._draw(same),) + prefix[start + 1 :] if same else None

    def swap_variable(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """A column becomes another one, in one place or exchanged everywhere."""
        if len(self._columns) < 2:
            return None
        start = self._position(prefix, is_variable)
        if start is None:
            return None
        old, new = prefix[start], self._random.choice(self._columns)
        if self._random.random() < 0.7:
            return (*prefix[:start], new, *prefix[start + 1 :])
        renamed = {old: new, new: old}
        return tuple(renamed.get(item, item) if type(item) is int else item for item in prefix)

    def swap_operands(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """The operands of a difference, quotient or power change places."""
        start = self._position(prefix, lambda item: arity(item) == 2 and not _commutes(item))
        if start is None:
            return None
        ends = subtree_ends(prefix)
        middle, end = ends[start + 1], ends[start]
        return prefix[: start + 1] + prefix[middle:end] + prefix[start + 1 : middle] + prefix[end:]

    def delete(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """An operator goes, and one of its operands takes its place."""
        start = self._position(prefix, lambda item: arity(item) > 0)
        if start is None:
            return None
        ends = subtree_ends(prefix)
        first = start + 1
        if arity(prefix[start]) == 2 and self._random.random() < 0.5:
            first = ends[first]
        return prefix[:start] + prefix[first : ends[first]] + prefix[ends[start] :]

    def hoist(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """A subtree takes the place of one that contains it."""
        start = self._position(prefix, lambda item: arity(item) > 0)
        if start is None:
            return None
        ends = subtree_ends(prefix)
        inner = self._random.randrange(start + 1, ends[start])
        return prefix[:start] + prefix[inner : ends[inner]] + prefix[ends[start] :]

    def to_constant(self, prefix: Prefix, mate: Prefix) -> Prefix:
        """A subtree, or an integer, becomes a constant."""
        start = self._random.randrange(len(prefix))
        item = prefix[start]
        value = NEUTRAL * (item - v.FIRST_INTEGER + 1) if is_integer(item) else NEUTRAL
        return prefix[:start] + (value,) + prefix[subtree_ends(prefix)[start] :]

    def scale(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """A node gets a factor; twice as often, a column does."""
        start = self._position(prefix, is_variable) if self._random.random() < 0.67 else None
        if start is None:
            start = self._position(prefix, lambda item: type(item) is not float)
        return None if start is None else prefix[:start] + (_MUL, NEUTRAL) + prefix[start:]

    def shift(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """A node gets an offset."""
        start = self._position(prefix, lambda item: type(item) is not float)
        if start is None:
            return None
        item = prefix[start]
        size = self._scales[item - v.FIRST_VARIABLE] if is_variable(item) else 1.0
        return prefix[:start] + (_ADD, SMALL * size) + prefix[start:]

    def drop_constant(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """A constant that is an operand goes."""
        start = self._position(prefix, lambda item: type(item) is float)
        if not start:  # none, or the equation is a constant
            return None
        ends = subtree_ends(prefix)
        above = parents(prefix, ends)[start]
        if arity(prefix[above]) != 2:
            return prefix[:start] + (v.integer(1),) + prefix[start + 1 :]
        other = ends[above + 1] if start == above + 1 else above + 1
        return prefix[:above] + prefix[other : ends[other]] + prefix[ends[above] :]

    def common_factor(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """``(C*a) + (C*b)`` becomes ``C*(a + b)``: two constants are tied."""
        ends = subtree_ends(prefix)
        places = [i for i, item in enumerate(prefix) if type(item) is int and item in (_ADD, _SUB)]
        self._random.shuffle(places)
        for start in places:
            a, b = start + 1, ends[start + 1]
            if all(_is_product(prefix[i]) and type(prefix[i + 1]) is float for i in (a, b)):
                head = (_MUL, prefix[a + 1], prefix[start])
                return prefix[:start] + head + prefix[a + 2 : ends[a]] + prefix[b + 2 :]
        return None

    def change_integer(self, prefix: Prefix, mate: Prefix) -> Prefix | None:
        """An integer, or a constant, becomes another integer."""
        start = self._position(prefix, lambda item: type(item) is float or is_integer(item))
        if start is None:
            return None
        return prefix[:start] + (v.integer(self._random.randint(1, v.MAX_INTEGER)),) + prefix[start + 1 :]

    def _join(self, prefix: Prefix, start: int, part: Prefix) -> Prefix | None:
        if not self._joins:
            return None
        end = subtree_ends(prefix)[start]
        operator = self._random.choices(self._joins, [_JOINS[token] for token in self._joins])[0]
        if operator in (_ADD, _SUB) and self._constants and self._random.random() < 0.67:
            part = (_MUL, NEUTRAL, *part)
        node = prefix[start:end]
        if not _commutes(operator) and self._random.random() < 0.3:
            node, part = part, node
        return prefix[:start] + (operator,) + node + part + prefix[end:]

    def _draw(self, tokens: Sequence[int]) -> int:
        return self._random.choices(tokens, [self._weights[token] for token in tokens])[0]

    def _position(self, prefix: Prefix, wanted: Callable[[int | float], bool]) -> int | None:
        places = [position for position, item in enumerate(prefix) if wanted(item)]
        return self._random.choice(places) if places else None


def _is_product(item: int | float) -> bool:
    return type(item) is int and item == _MUL


def _commutes(item: int | float) -> bool:
    return type(item) is int and item in (_ADD, _MUL)
