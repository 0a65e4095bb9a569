"""Which token may come next: only valid prefix expressions of the user's operators, within the length limit.

The network of Biggio et al. 2021 has no such mask and discards invalid sequences after the search. Here a hypothesis
is summed up by one number. With ``position`` tokens written and ``open_slots`` operands missing, the shortest
completion has ``position + open_slots`` tokens, and a token of arity ``a`` makes it longer by ``a``; so it is
allowed if ``a`` is at most ``slack = max_length - position - open_slots``. The mask of any number of hypotheses is
then one look-up in a table with four rows: slack 0, slack 1, slack 2 or more, and complete. Rules that need to know
more of a hypothesis, nesting limits and required columns, keep a :class:`nesymres_sk.search.context.Context` beside it.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.context import Context

#: Row of :attr:`Grammar.table` for a finished expression, after which only the end token is allowed.
COMPLETE = 3


class Grammar:
    """Rules for the expressions that a search may produce.

    Parameters
    ----------
    max_length : int
        Greatest number of tokens (nodes), start and end not counted; the rules may set a smaller one.
    n_variables : int
        Columns that exist, ``x1`` to ``x<n_variables>``; the other variables are never produced.
    rules : Constraints or iterable of str, optional
        What the user knows, or just the names of the allowed operators; ``None`` allows everything.
    allow_constants : bool
        Whether the placeholder ``C`` may be produced.

    Attributes
    ----------
    constraints : Constraints
        The rules.
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
        rules: Constraints | Iterable[str] | None = None,
        allow_constants: bool = True,
    ) -> None:
        if max_length < 1:
            raise ValueError(f"max_length must be at least 1, got {max_length}")
        if not 1 <= n_variables <= v.MAX_VARIABLES:
            raise ValueError(f"n_variables must be 1 to {v.MAX_VARIABLES}, got {n_variables}")
        self.n_variables = n_variables
        self.allow_constants = allow_constants
        self.constraints = Constraints.of(rules)
        self.max_length = min(max_length, self.constraints.max_complexity or max_length)
        if any(column >= n_variables for column in self.constraints.required):
            raise ValueError(f"columns {self.constraints.required} are required, but there are {n_variables}")
        self.operators = self.constraints.operators

        self.tokens: NDArray[np.bool_] = self.constraints.tokens.copy()
        self.tokens[v.CONSTANT] = allow_constants
        self.tokens[v.FIRST_VARIABLE : v.FIRST_VARIABLE + n_variables] = True
        self.tokens[v.FIRST_INTEGER : v.FIRST_OPERATOR] = True

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

    def start_context(self) -> Context | None:
        """What the mask has to remember beside the open operands, or None if it is nothing."""
        if not self.constraints.n_groups and not self.constraints.required:
            return None
        return Context.start(self.constraints, self.max_length)

    def allows(self, expression: Expression) -> bool:
        """Whether an expression keeps the rules; constants may multiply and add to anything."""
        if len(expression.tokens) > self.max_length or not (self.allow_constants or not expression.constants):
            return False
        if any(column >= self.n_variables for column in expression.variables):
            return False
        return self.constraints.allows(expression)

    def for_parts(self) -> Grammar:
        """The rules for subtrees, which need not contain the required columns."""
        parts = copy(self)
        parts.constraints = self.constraints.for_parts()
        return parts

    def complete(self, tokens: Iterable[int]) -> tuple[int, ...]:
        """Shortest completion of a prefix: missing operands become required columns, then every column in turn."""
        prefix = tuple(int(token) for token in tokens)
        open_slots = 1 + sum(int(v.ARITY[token]) - 1 for token in prefix)
        needed = [v.variable(column) for column in self.constraints.required]
        missing = [token for token in needed if token not in prefix][:open_slots]
        rest = (v.FIRST_VARIABLE + i % self.n_variables for i in range(open_slots - len(missing)))
        return (*prefix, *missing, *rest)
