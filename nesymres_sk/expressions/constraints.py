"""What the user knows about the equation: one object that the decoder's mask, every search and the archive share.

Constants are outside the rules. A change of units multiplies by constants and adds them, so a factor, a shift or a
sign may stand anywhere, whatever operators are allowed; and an equation without any column, a constant, is always an
answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from numbers import Integral

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, subtree_end
from nesymres_sk.expressions.operators import BY_NAME

#: Canonical spellings of products, quotients, differences and powers: allowed wherever the operator itself is, because
#: ``x1 * x1`` and ``x1 ** 2`` are one equation.
_SPELLINGS = {
    "mul": ("square", "cube", "pow4", "pow5"),
    "div": ("inv",),
    "sub": ("neg",),
    "pow": ("square", "cube", "pow4", "pow5", "sqrt", "inv"),
}
#: Whoever excludes the first does not want the second either.
_EXCLUDED_TOGETHER = {"div": ("inv",), "sub": ("neg",)}
#: Count as one operator in nesting limits: which of the two is written depends on signs and on constants.
_SAME_WHEN_NESTED = (("add", "sub"), ("div", "inv"))
#: A limit that is none: more than the longest path of a tree.
UNLIMITED = 1000

_ARITY: tuple[int, ...] = tuple(v.ARITY.tolist())
_ADD, _SUB, _MUL, _DIV, _NEG, _INV = (v.operator_token(name) for name in ("add", "sub", "mul", "div", "neg", "inv"))

NestedConstraints = Mapping[str, Mapping[str, int]]


def check_operators(operators: Iterable[str] | None, parameter: str = "operators") -> tuple[str, ...]:
    """Operator names in the order of the table.

    Parameters
    ----------
    operators : iterable of str or None
        Names; ``None`` means every operator of the table.
    parameter : str
        Name that messages use.

    Raises
    ------
    ValueError
        If a name is unknown; the message lists the known ones.
    TypeError
        If ``operators`` is a single string or contains something else than strings.
    """
    if operators is None:
        return tuple(BY_NAME)
    if isinstance(operators, str):
        raise TypeError(f"{parameter} must be a list of names such as ['add', 'mul'], got the string {operators!r}")
    names = list(operators)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"{parameter} must be names (strings), got {names!r}")
    unknown = sorted({name for name in names if name not in BY_NAME})
    if unknown:
        raise ValueError(f"unknown operators {unknown} in {parameter}; known operators: {', '.join(BY_NAME)}")
    return tuple(name for name in BY_NAME if name in names)


class Constraints:
    """Rules that every equation keeps, except constants.

    Parameters
    ----------
    operators : iterable of str, optional
        Names of the allowed operators; ``None`` allows all. Spellings of allowed operators are allowed too: powers 2
        to 5 with ``mul``, ``inv`` with ``div``, ``neg`` with ``sub``, and all of these powers and ``sqrt`` with
        ``pow``. A sum may come out as a difference, because signs belong to constants.
    excluded_operators : iterable of str, optional
        Names of forbidden operators; they are forbidden as spellings of others, too. ``div`` includes ``inv``.
    nested_constraints : mapping of str to mapping of str to int, optional
        ``{"sin": {"cos": 0}}``: along any path below a ``sin`` there are at most so many ``cos``, as in PySR.
        ``add`` and ``sub`` count as one operator here, and so do ``div`` and ``inv``.
    required : sequence of int
        Columns that every equation contains.
    max_complexity : int, optional
        Greatest number of nodes.

    Attributes
    ----------
    operators : tuple of str
        Allowed operator names, spellings included, in the order of the table.
    tokens : ndarray of bool, shape (vocabulary size,)
        Tokens of the allowed operators.
    required : tuple of int
    max_complexity : int or None
    group : ndarray of int, shape (vocabulary size,)
        Number of each operator among those whose nesting is limited, -1 for the others.
    limits : ndarray of int, shape (vocabulary size, groups)
        How often each of these may occur on a path below an operator, :data:`UNLIMITED` without a limit.

    Raises
    ------
    ValueError
        If a name is unknown, a limit is negative, or no operator is left.
    TypeError
        If names are no strings or limits no integers.
    """

    def __init__(
        self,
        operators: Iterable[str] | None = None,
        excluded_operators: Iterable[str] | None = None,
        nested_constraints: NestedConstraints | None = None,
        required: Sequence[int] = (),
        max_complexity: int | None = None,
    ) -> None:
        named = set(check_operators(operators))
        excluded = (
            set() if excluded_operators is None else set(check_operators(excluded_operators, "excluded_operators"))
        )
        explicit = set() if operators is None else named
        excluded |= {other for name in excluded for other in _EXCLUDED_TOGETHER.get(name, ())} - explicit
        allowed = named - excluded
        allowed |= {other for name in allowed for other in _SPELLINGS.get(name, ())} - excluded
        self.operators = tuple(name for name in BY_NAME if name in allowed)
        self.required = tuple(sorted({int(column) for column in required}))
        self.max_complexity = max_complexity
        self.tokens: NDArray[np.bool_] = np.zeros(v.SIZE, dtype=bool)
        self.tokens[[v.operator_token(name) for name in self.operators]] = True
        self.group, self.limits = _nesting(nested_constraints or {})
        self._any_operator = len(self.operators) == len(BY_NAME)
        self._groups: list[int] = self.group.tolist()
        self._limits: list[list[int]] = self.limits.tolist()
        self._may_be = self._possible_spellings()

    @classmethod
    def of(cls, rules: Constraints | Iterable[str] | None) -> Constraints:
        """Rules as they are, or those of a list of operators."""
        return rules if isinstance(rules, Constraints) else cls(rules)

    @property
    def n_groups(self) -> int:
        """Number of operators, or pairs that count as one, whose nesting is limited."""
        return self.limits.shape[1]

    def allows(self, expression: Expression) -> bool:
        """Whether an expression keeps the rules."""
        return self.breach(expression.tokens) is None

    def for_parts(self) -> Constraints:
        """The rules for subtrees, which need not contain the required columns."""
        parts = copy(self)
        parts.required = ()
        return parts

    def breach(self, tokens: Sequence[int]) -> str | None:
        """The rule that a prefix sequence breaks, in words, or None; canonical forms are what it is meant for."""
        first, past = v.FIRST_VARIABLE, v.FIRST_INTEGER
        columns = {token - first for token in tokens if first <= token < past}
        if not columns:
            return None
        if self.max_complexity is not None and len(tokens) > self.max_complexity:
            return f"has {len(tokens)} nodes, more than {self.max_complexity}"
        if not columns.issuperset(self.required):
            return "lacks a required variable"
        if self._any_operator and not self.n_groups:
            return None
        return self._breach_of_operators(tokens)

    def _breach_of_operators(self, tokens: Sequence[int]) -> str | None:
        left = [[UNLIMITED] * self.n_groups]  # of the open operands: how often each group may still occur
        for position, token in enumerate(tokens):
            budget = left.pop()
            arity = _ARITY[token]
            if arity == 0:
                continue
            if not _rescales(tokens, position):
                inverts = token == _DIV and _is_number(tokens[position + 1])
                if not self._may_be[_INV if inverts else token] and not self._may_be[token]:
                    return f"contains {v.TOKENS[token]}"
                group = self._groups[token]
                if group >= 0 and budget[group] == 0:
                    return f"nests {v.TOKENS[token]} too deep"
                if self.n_groups:
                    budget = [
                        min(n - (k == group), limit)
                        for k, (n, limit) in enumerate(zip(budget, self._limits[token], strict=True))
                    ]
            left.extend([budget] * arity)
        return None

    def _possible_spellings(self) -> list[bool]:
        """Operators that may be written: the allowed ones, and what constants and canonical order make of them."""
        may_be: list[bool] = self.tokens.tolist()
        may_be[_ADD] = may_be[_SUB] = may_be[_ADD] or may_be[_SUB]
        may_be[_DIV] = may_be[_DIV] or (may_be[_INV] and may_be[_MUL])
        return may_be


def _is_number(token: int) -> bool:
    return token == v.CONSTANT or v.is_integer(token)


def _rescales(tokens: Sequence[int], position: int) -> bool:
    """Whether an operator only applies a factor, a shift or a sign."""
    token = tokens[position]
    if token == _NEG:
        return True
    if token in (_ADD, _SUB, _MUL):
        return _is_number(tokens[position + 1]) or _is_number(tokens[subtree_end(tokens, position + 1)])
    return token == _DIV and _is_number(tokens[subtree_end(tokens, position + 1)])


def _nesting(nested: NestedConstraints) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Group of each token and limits by token and group, see :class:`Constraints`."""
    if not isinstance(nested, Mapping) or not all(isinstance(inner, Mapping) for inner in nested.values()):
        raise TypeError(f"nested_constraints must be a dict such as {{'sin': {{'cos': 0}}}}, got {nested!r}")
    check_operators(nested, "nested_constraints")
    rules: dict[tuple[str, str], int] = {}
    for outer, inner in nested.items():
        check_operators(inner, "nested_constraints")
        for name, limit in inner.items():
            if isinstance(limit, bool) or not isinstance(limit, Integral):
                raise TypeError(f"limits of nested_constraints must be integers, got {limit!r} for {name} in {outer}")
            if limit < 0:
                raise ValueError(
                    f"limits of nested_constraints must not be negative, got {limit} for {name} in {outer}"
                )
            key = _family(outer)[0], _family(name)[0]
            rules[key] = min(int(limit), rules.get(key, UNLIMITED))
    heads = list(dict.fromkeys(name for _, name in rules))
    group = np.full(v.SIZE, -1, dtype=np.int64)
    for index, head in enumerate(heads):
        group[[v.operator_token(name) for name in _family(head)]] = index
    limits = np.full((v.SIZE, len(heads)), UNLIMITED, dtype=np.int64)
    for (outer, head), limit in rules.items():
        limits[[v.operator_token(name) for name in _family(outer)], heads.index(head)] = limit
    return group, limits


def _family(name: str) -> tuple[str, ...]:
    return next((family for family in _SAME_WHEN_NESTED if name in family), (name,))
