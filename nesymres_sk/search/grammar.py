"""Which token may come next: only valid prefix expressions of the user's operators, within the length limit.

The network of Biggio et al. 2021 has no such mask and discards invalid sequences after the search. Here a hypothesis
is summed up by one number. With ``position`` tokens written and ``open_slots`` operands missing, the shortest
completion has ``position + open_slots`` tokens, and a token of arity ``a`` makes it longer by ``a``; so it is
allowed if ``a`` is at most ``slack = max_length - position - open_slots``. The mask of any number of hypotheses is
then one look-up in a table with four rows: slack 0, slack 1, slack 2 or more, and complete.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.operators import BY_NAME

#: Row of :attr:`Grammar.table` for a finished expression, after which only the end token is allowed.
COMPLETE = 3

#: Canonical spellings of products, quotients and differences: allowed wherever the operator itself is, because
#: ``x1 * x1`` and ``x1 ** 2`` are one candidate.
_SPELLINGS = {"mul": ("square", "cube", "pow4", "pow5"), "div": ("inv",), "sub": ("neg",)}


def check_operators(operators: Iterable[str] | None) -> tuple[str, ...]:
    """Operator names in the order of the table.

    Parameters
    ----------
    operators : iterable of str or None
        Names to allow; ``None`` means every operator of the table.

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
        raise TypeError(f"operators must be a list of names such as ['add', 'mul'], got the string {operators!r}")
    names = list(operators)
    if not all(isinstance(name, str) for name in names):
        raise TypeError(f"operators must be names (strings), got {names!r}")
    unknown = sorted({name for name in names if name not in BY_NAME})
    if unknown:
        raise ValueError(f"unknown operators {unknown}; known operators: {', '.join(BY_NAME)}")
    return tuple(name for name in BY_NAME if name in names)


class Grammar:
    """Rules for the expressions that a search may produce.

    Parameters
    ----------
    max_length : int
        Greatest number of tokens (nodes), start and end not counted.
    n_variables : int
        Columns that exist, ``x1`` to ``x<n_variables>``; the other variables are never produced.
    operators : iterable of str, optional
        Names of the allowed operators; ``None`` allows all. Canonical spellings of allowed operators are allowed
        too: powers 2 to 5 with ``mul``, ``inv`` with ``div``, ``neg`` with ``sub``.
    allow_constants : bool
        Whether the placeholder ``C`` may be produced.

    Attributes
    ----------
    operators : tuple of str
        Allowed operator names, spellings included, in the order of the table.
    tokens : ndarray of bool, shape (vocabulary size,)
        Tokens that may appear in an expression at all.
    table : ndarray of bool, shape (4, vocabulary size)
        Allowed next tokens for each state, see :meth:`state`.
    """

    def __init__(
        self,
        max_length: int,
        n_variables: int,
        operators: Iterable[str] | None = None,
        allow_constants: bool = True,
    ) -> None:
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1, got {max_length}")
        if not 1 <= n_variables <= v.MAX_VARIABLES:
            raise ValueError(f"n_variables must be 1 to {v.MAX_VARIABLES}, got {n_variables}")
        self.max_length = max_length
        self.n_variables = n_variables
        self.allow_constants = allow_constants
        named = check_operators(operators)
        implied = {spelling for name in named for spelling in _SPELLINGS.get(name, ())}
        self.operators = tuple(name for name in BY_NAME if name in named or name in implied)

        self.tokens: NDArray[np.bool_] = np.zeros(v.SIZE, dtype=bool)
        self.tokens[v.CONSTANT] = allow_constants
        self.tokens[v.FIRST_VARIABLE : v.FIRST_VARIABLE + n_variables] = True
        self.tokens[v.FIRST_INTEGER : v.FIRST_OPERATOR] = True
        self.tokens[[v.operator_token(name) for name in self.operators]] = True

        self.table: NDArray[np.bool_] = np.zeros((COMPLETE + 1, v.SIZE), dtype=bool)
        for slack in range(COMPLETE):
            self.table[slack] = self.tokens & (slack >= v.ARITY)
        self.table[COMPLETE, v.END] = True

    def state(self, open_slots: NDArray[np.integer], position: int) -> NDArray[np.integer]:
        """Row of :attr:`table` for hypotheses with ``open_slots`` missing operands after ``position`` tokens."""
        slack = np.minimum(self.max_length - position - open_slots, COMPLETE - 1)
        return np.where(open_slots == 0, COMPLETE, slack)

    def mask(self, open_slots: NDArray[np.integer], position: int) -> NDArray[np.bool_]:
        """Allowed next tokens.

        Parameters
        ----------
        open_slots : ndarray of int, shape (H,)
            Operands still missing in each hypothesis; 1 at the start, 0 when complete.
        position : int
            Tokens already written, the start token not counted.

        Returns
        -------
        ndarray of bool, shape (H, vocabulary size)
        """
        return self.table[self.state(open_slots, position)]

    def allows(self, expression: Expression) -> bool:
        """Whether an expression keeps the rules (length, operators, variables, constants)."""
        tokens = list(expression.tokens)
        return len(tokens) <= self.max_length and bool(self.tokens[tokens].all())

    def complete(self, tokens: Iterable[int]) -> tuple[int, ...]:
        """Shortest completion of a prefix: every missing operand becomes a variable, in turn."""
        prefix = tuple(int(token) for token in tokens)
        open_slots = 1 + sum(int(v.ARITY[token]) - 1 for token in prefix)
        return prefix + tuple(v.FIRST_VARIABLE + i % self.n_variables for i in range(open_slots))
