"""An equation as prefix tokens and constants: the form in which every part of the package hands equations on."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from nesymres_sk.expressions import vocabulary as v

#: A tree node: ``(token,)`` for variables and integers, ``(CONSTANT, value)`` with NaN for a free constant,
#: ``(operator, child)`` or ``(operator, child, child)``. Nested tuples are the quickest trees in Python.
Node = tuple

#: Plain integers: reading them from a NumPy array takes most of the time of walking an expression.
_ARITY: tuple[int, ...] = tuple(v.ARITY.tolist())


@dataclass(frozen=True, slots=True)
class Expression:
    """A valid prefix sequence with the values of its constants.

    Parameters
    ----------
    tokens : tuple of int
        Prefix form, ids of :mod:`nesymres_sk.expressions.vocabulary`, without start and end tokens.
    constants : tuple of float
        One value for each ``C``, in order; NaN marks a free placeholder. An expression whose constants are all
        free is a *skeleton* (Biggio et al. 2021, section 3).

    Raises
    ------
    ValueError
        If the tokens are not exactly one complete prefix expression, or the number of constants differs.
    """

    tokens: tuple[int, ...]
    constants: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        open_slots = 1
        lowest, highest = v.CONSTANT, v.SIZE
        for token in self.tokens:
            if open_slots == 0 or not lowest <= token < highest:
                raise ValueError(f"not a prefix expression: {token_names(self.tokens)}")
            open_slots += _ARITY[token] - 1
        if open_slots != 0:
            raise ValueError(f"not a prefix expression: {token_names(self.tokens)}")
        n_constants = self.tokens.count(v.CONSTANT)
        if n_constants != len(self.constants):
            raise ValueError(f"{n_constants} constants in the tokens, {len(self.constants)} values")

    @classmethod
    def skeleton_of(cls, tokens: Iterable[int]) -> Expression:
        """Expression whose constants are all free."""
        tokens = tuple(int(token) for token in tokens)
        return cls(tokens, (math.nan,) * tokens.count(v.CONSTANT))

    @classmethod
    def from_names(cls, names: str | Sequence[str], constants: Sequence[float] | None = None) -> Expression:
        """Expression from token names in prefix order, ``"add x1 C"``; constants are free unless given."""
        if isinstance(names, str):
            names = names.split()
        unknown = [name for name in names if name not in v.ID]
        if unknown:
            raise ValueError(f"unknown tokens {unknown}")
        tokens = tuple(v.ID[name] for name in names)
        if constants is None:
            return cls.skeleton_of(tokens)
        return cls(tokens, tuple(float(c) for c in constants))

    @classmethod
    def from_tree(cls, node: Node) -> Expression:
        """Expression of a tree of nested tuples (see :data:`Node`)."""
        tokens: list[int] = []
        constants: list[float] = []
        stack = [node]
        while stack:
            current = stack.pop()
            tokens.append(current[0])
            if current[0] == v.CONSTANT:
                constants.append(current[1])
            elif len(current) > 1:
                stack.extend(current[:0:-1])
        return cls(tuple(tokens), tuple(constants))

    def to_tree(self) -> Node:
        """Tree of nested tuples (see :data:`Node`)."""
        stack: list[Node] = []
        values = list(self.constants)
        for token in reversed(self.tokens):
            arity = _ARITY[token]
            if arity == 0:
                stack.append((token, values.pop()) if token == v.CONSTANT else (token,))
            elif arity == 1:
                stack.append((token, stack.pop()))
            else:
                stack.append((token, stack.pop(), stack.pop()))
        return stack[0]

    def skeleton(self) -> Expression:
        """The same tokens with every constant free."""
        return self._of_same_tokens((math.nan,) * len(self.constants))

    def with_constants(self, values: Sequence[float]) -> Expression:
        """The same tokens with other values of the constants.

        Raises
        ------
        ValueError
            If the number of values differs.
        """
        if len(values) != len(self.constants):
            raise ValueError(f"{len(self.constants)} constants in the tokens, {len(values)} values")
        return self._of_same_tokens(tuple(map(float, values)))

    def _of_same_tokens(self, constants: tuple[float, ...]) -> Expression:
        """Without the check of the tokens, which takes most of the time."""
        new = object.__new__(Expression)
        object.__setattr__(new, "tokens", self.tokens)
        object.__setattr__(new, "constants", constants)
        return new

    @property
    def is_fitted(self) -> bool:
        """Whether no constant is free."""
        return not any(math.isnan(value) for value in self.constants)

    @property
    def complexity(self) -> int:
        """Number of nodes of the tree: operators, variables and constants each count one."""
        return len(self.tokens)

    @property
    def variables(self) -> tuple[int, ...]:
        """Sorted zero-based indices of the variables used."""
        first, past = v.FIRST_VARIABLE, v.FIRST_INTEGER
        return tuple(sorted({token - first for token in self.tokens if first <= token < past}))

    def of_columns(self, columns: Mapping[int, int]) -> Expression:
        """The same function of other columns.

        Parameters
        ----------
        columns : mapping of int to int
            New index of each variable used.
        """
        tokens = (v.variable(columns[t - v.FIRST_VARIABLE]) if v.is_variable(t) else t for t in self.tokens)
        return Expression(tuple(tokens), self.constants)

    def names(self) -> tuple[str, ...]:
        """Token names in prefix order."""
        return token_names(self.tokens)


def token_names(tokens: Iterable[int]) -> tuple[str, ...]:
    """Names of token ids; ids outside the vocabulary show as ``?id``."""
    return tuple(v.TOKENS[token] if 0 <= token < v.SIZE else f"?{token}" for token in tokens)


def subtree_end(tokens: Sequence[int], start: int) -> int:
    """Index just past the subtree of a prefix sequence that begins at ``start``."""
    open_slots = 1
    position = start
    while open_slots:
        open_slots += _ARITY[tokens[position]] - 1
        position += 1
    return position
