"""What the decoder's mask has to remember of each hypothesis, where rules look beyond the next token.

Two rules do. Whether an operator may stand here depends on the operators above it; as those of a prefix expression are
all written before, it is enough to keep, for each open operand, how often each limited operator may still occur below.
And an equation that needs certain columns must not end, or run out of length, before they are all in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.constraints import UNLIMITED, Constraints

_ARITY = v.ARITY.astype(np.int64)


@dataclass(frozen=True)
class Context:
    """State of ``H`` unfinished hypotheses.

    Attributes
    ----------
    constraints : Constraints
    max_length : int
    open_slots : ndarray of int, shape (H,)
        Operands still missing.
    budgets : ndarray of int, shape (H, max_length + 1, groups)
        How often each limited operator may still occur below each open operand; the last open one is written next.
    missing : ndarray of bool, shape (H, required columns)
        Required columns that have not been written.
    """

    constraints: Constraints
    max_length: int
    open_slots: NDArray[np.int64]
    budgets: NDArray[np.int64]
    missing: NDArray[np.bool_]

    @classmethod
    def start(cls, constraints: Constraints, max_length: int) -> Context:
        """One empty hypothesis."""
        budgets = np.full((1, max_length + 1, constraints.n_groups), UNLIMITED)
        missing = np.ones((1, len(constraints.required)), dtype=bool)
        return cls(constraints, max_length, np.ones(1, dtype=np.int64), budgets, missing)

    def restrict(self, allowed: NDArray[np.bool_], position: int) -> NDArray[np.bool_]:
        """Those of the allowed tokens that can still lead to an expression that keeps the rules.

        Parameters
        ----------
        allowed : ndarray of bool, shape (H, vocabulary size)
            Tokens that length and operators allow.
        position : int
            Tokens already written.

        Returns
        -------
        ndarray of bool, shape (H, vocabulary size)
            A hypothesis that has no way out, because nesting limits forbid every operator that could hold a missing
            column, keeps its leaves: it ends, and is dropped as a whole.
        """
        good = allowed.copy()
        if self.constraints.n_groups:
            top = self.budgets[np.arange(len(good)), self.open_slots - 1]
            limited = self.constraints.group >= 0
            good[:, limited] &= top[:, self.constraints.group[limited]] > 0
        if self.missing.shape[1]:
            good &= self._leaves_room(position)
        stuck = ~good.any(axis=1)
        good[stuck] = allowed[stuck] & (_ARITY == 0)
        return good

    def advance(self, rows: NDArray[np.int64], tokens: NDArray[np.int64]) -> Context:
        """Hypothesis ``rows[i]`` followed by ``tokens[i]``, all of them unfinished."""
        arity = _ARITY[tokens]
        open_slots = self.open_slots[rows]
        budgets, missing = self.budgets[rows], self.missing[rows]
        if self.constraints.n_groups:
            here = np.arange(len(rows))
            below = budgets[here, open_slots - 1]
            group = self.constraints.group[tokens]
            below[here[group >= 0], group[group >= 0]] -= 1
            below = np.minimum(below, self.constraints.limits[tokens])
            budgets[here, open_slots - 1] = below
            double = arity == 2
            budgets[here[double], open_slots[double]] = below[double]
        for index, column in enumerate(self.constraints.required):
            missing[:, index] &= tokens != v.variable(column)
        return Context(self.constraints, self.max_length, open_slots + arity - 1, budgets, missing)

    def _leaves_room(self, position: int) -> NDArray[np.bool_]:
        """Whether the missing columns still find a place after each token, shape (H, vocabulary size).

        One open operand holds one column; each further one needs a binary operator and a leaf more.
        """
        binary = bool(self.constraints.tokens[_ARITY == 2].any())
        n_missing = np.repeat(self.missing.sum(axis=1)[:, None], v.SIZE, axis=1)
        for index, column in enumerate(self.constraints.required):
            n_missing[:, v.variable(column)] -= self.missing[:, index]
        slots = self.open_slots[:, None] + _ARITY - 1
        excess = np.maximum(n_missing - slots, 0)
        fits = position + 1 + slots + 2 * excess <= self.max_length
        fits &= (excess == 0) | ((slots > 0) & binary)
        return fits
