"""What a search hands to the fit: skeletons with the log-probability that their proposer gives them."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.grammar import Grammar


@dataclass(frozen=True)
class Candidate:
    """A proposed skeleton.

    Parameters
    ----------
    skeleton : Expression
        Expression whose free constants (NaN) are still to be fitted.
    log_prob : float
        Natural log-probability under the proposer; used for ordering only. NaN if the proposer has none.
    initial : tuple of float, optional
        First start of the constants of ``skeleton``, all of them, in the user's units.
    """

    skeleton: Expression
    log_prob: float
    initial: tuple[float, ...] | None = None


class Proposer(ABC):
    """Source of candidates. The solver knows nothing else about where skeletons come from."""

    @abstractmethod
    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """Up to ``n`` candidates, best first, none that an earlier call returned; empty when it has no more."""

    def learn(self, candidates: Sequence[Candidate], errors: Sequence[float]) -> None:  # noqa: B027 - not all learn
        """Take note of what became of proposals; called after they were fitted.

        Parameters
        ----------
        candidates : sequence of Candidate
            What the last call of :meth:`propose` returned.
        errors : sequence of float
            Mean squared error of each on the compared rows, over the square of the target's scale; infinite where it
            is undefined or was not reached in time.
        """


Identity = tuple[tuple[int, ...], tuple[float | None, ...]]


def identity(expression: Expression) -> Identity:
    """Hashable identity of an expression; free constants are equal to each other, although NaN is not to NaN."""
    return expression.tokens, tuple(None if math.isnan(value) else value for value in expression.constants)


class CandidatePool:
    """Finished skeletons, one for each canonical form.

    Spellings of one skeleton (``x1 + x2``, ``x2 + x1``) are one candidate, whose probability is the sum of theirs.
    Expressions without a canonical form (a division by exactly zero, say) are dropped, and so are constants, which
    need no search, and what the mask could not prevent from breaking a rule.

    Parameters
    ----------
    grammar : Grammar
        What may be returned: where the canonical form breaks a rule of the grammar, the first spelling is kept.
    """

    def __init__(self, grammar: Grammar) -> None:
        self._grammar = grammar
        self._entries: dict[Identity, tuple[Expression, float, float]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, tokens: tuple[int, ...], log_prob: float, score: float) -> None:
        """Take in a finished token sequence; among the spellings of one skeleton the best score counts."""
        raw = Expression.skeleton_of(tokens)
        form = canonical(raw)
        if form is None or not form.variables:
            return
        allowed = self._grammar.allows(form)
        if not allowed and not self._grammar.allows(raw):
            return
        key = identity(form)
        if key in self._entries:
            skeleton, known, best = self._entries[key]
            high, low = max(known, log_prob), min(known, log_prob)
            self._entries[key] = (skeleton, high + math.log1p(math.exp(low - high)), max(best, score))
        else:
            self._entries[key] = (form if allowed else raw, log_prob, score)

    def worst_kept(self, n: int) -> float:
        """Score of the ``n``-th best candidate, minus infinity while there are fewer."""
        if len(self._entries) < n:
            return -math.inf
        return sorted((score for _, _, score in self._entries.values()), reverse=True)[n - 1]

    def best(self, n: int) -> list[Candidate]:
        """The ``n`` candidates of the best score, sorted by log-probability."""
        kept = sorted(self._entries.values(), key=lambda entry: -entry[2])[:n]
        return sorted((Candidate(skeleton, log_prob) for skeleton, log_prob, _ in kept), key=lambda c: -c.log_prob)
