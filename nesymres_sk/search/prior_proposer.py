"""Random skeletons of the prior as a source of candidates: the control, and for tables that the others cannot read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.candidate import Candidate, Proposer, identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.random_skeletons import RandomSkeletons

_SCALED = (v.operator_token("mul"), v.CONSTANT)
_SCALED_AND_SHIFTED = (v.operator_token("add"), v.CONSTANT, *_SCALED)
#: Share of the random trees that are proposed with a constant added as well.
_SHIFTED = 0.2
#: Batches of trees of which none is allowed, after which no other is expected to be.
_PATIENCE = 8
_LOG_TOKENS = float(np.log(v.SIZE))


class PriorProposer(Proposer):
    """Random skeletons of the prior, none twice, short ones first: the control of the benchmarks.

    Each random tree gives the canonical form of ``C * tree``, now and then also that of ``C * tree + C``. The solver
    fits this in the user's units and its closure, which has a constant wherever a change of units needs one, in
    scaled ones; so half of what is fitted is natural and half is closed.

    Parameters
    ----------
    n_variables : int
        Columns of the data.
    rules : Constraints or iterable of str, optional
        What the user knows, or just the allowed operators; ``None`` allows everything.
    rng : numpy.random.Generator, optional
        Source of randomness; seeded with 0 by default.
    max_length : int
        Greatest number of tokens.

    Raises
    ------
    ValueError
        If an operator is unknown, or there are more columns than the language has.
    """

    def __init__(
        self,
        n_variables: int,
        rules: Constraints | Iterable[str] | None = None,
        rng: np.random.Generator | None = None,
        max_length: int = 40,
    ) -> None:
        self._grammar = Grammar(max_length, n_variables, rules)
        self._rng = np.random.default_rng(0) if rng is None else rng
        self._given: set[int] = set()
        self._source = self._skeletons()

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """Up to ``n`` new skeletons, shortest first; a prior in place of a network scores them by length alone."""
        found: list[Candidate] = []
        if deadline.passed:
            return found
        for skeleton in self._source:
            if skeleton is not None:
                found.append(Candidate(skeleton, -_LOG_TOKENS * skeleton.complexity))
            if len(found) == n or deadline.passed:
                break
        return sorted(found, key=lambda candidate: -candidate.log_prob)

    def _skeletons(self) -> Iterator[Expression | None]:
        """New skeletons, and ``None`` after every batch of trees: there may be several in which none is allowed."""
        barren = 0
        for batch in RandomSkeletons(self._grammar, self._rng):
            n_before = len(self._given)
            shifted = self._rng.random(len(batch)) < _SHIFTED
            for tree, also_shifted in zip(batch, shifted.tolist(), strict=True):
                for prefix in (_SCALED, _SCALED_AND_SHIFTED) if also_shifted else (_SCALED,):
                    form = canonical(Expression.skeleton_of(prefix + tree.tokens))
                    if form is None or not self._grammar.allows(form):
                        continue
                    key = hash(identity(form))  # a long search sees millions: 64 bits of each are enough
                    if key not in self._given:
                        self._given.add(key)
                        yield form
            yield None
            barren = 0 if len(self._given) > n_before else barren + 1
            if barren == _PATIENCE:
                return
