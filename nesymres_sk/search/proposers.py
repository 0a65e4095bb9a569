"""The sources of candidate skeletons that the solver draws from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import numpy as np

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.candidate import Candidate, Identity, Proposer, identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.random_skeletons import RandomSkeletons

if TYPE_CHECKING:
    from nesymres_sk.model.inputs import Batch
    from nesymres_sk.model.network import Network

#: Sampling stays at temperature 1, where the network is calibrated, until less than this share of a sample is new;
#: then it gets this much hotter. Heat from the start only buys skeletons that the network itself thinks unlikely.
_FRESH, _HOTTER = 0.25, 1.15
_ROUNDS = 3


class NetworkProposer(Proposer):
    """Skeletons that the network reads off one problem.

    The problem is encoded on the first call only. With ``decoding="beam"`` the first call is a beam search of width
    ``n``; every other call samples without replacement, hotter once little new comes. Nothing is returned twice. The
    network is only read, so that several proposers may share one in different threads.

    Parameters
    ----------
    network : Network
        Network in evaluation mode, on any device.
    batch : Batch
        One problem, see :mod:`nesymres_sk.model.inputs`.
    grammar : Grammar
        Rules for the skeletons.
    decoding : {"beam", "sampling"}
        What the first call does.
    seed : int
        Seed of the sampling.
    length_penalty : float
        Length normalisation of the beam, see :func:`nesymres_sk.search.beam.beam_search`.

    Raises
    ------
    ValueError
        If the batch does not hold exactly one problem, the grammar allows longer expressions than the network knows,
        or ``decoding`` is unknown.
    """

    def __init__(
        self,
        network: Network,
        batch: Batch,
        grammar: Grammar,
        decoding: str = "beam",
        seed: int = 0,
        length_penalty: float = 0.0,
    ) -> None:
        import torch

        if len(batch.points) != 1:
            raise ValueError(f"a proposer reads one problem, got a batch of {len(batch.points)}")
        if grammar.max_length > network.config.max_length:
            raise ValueError(
                f"max_length is {grammar.max_length}, but the network writes at most {network.config.max_length} tokens"
            )
        if decoding not in ("beam", "sampling"):
            raise ValueError(f"decoding must be 'beam' or 'sampling', got {decoding!r}")
        self._network = network
        self._batch = batch
        self._grammar = grammar
        self._beam_is_due = decoding == "beam"
        self._length_penalty = length_penalty
        self._generator = torch.Generator().manual_seed(seed)
        self._memory: torch.Tensor | None = None
        self._temperature = 1.0
        self._given: set[Identity] = set()
        self._spare: list[Candidate] = []

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """Up to ``n`` new skeletons, most probable first."""
        from nesymres_sk.search.beam import beam_search
        from nesymres_sk.search.decoding import encode_problem
        from nesymres_sk.search.sampling import sample

        if n < 1:
            return []
        if self._memory is None:
            self._memory = encode_problem(self._network, self._batch)
        if self._beam_is_due:
            self._beam_is_due = False
            found = beam_search(self._network, self._memory, n, self._grammar, deadline, self._length_penalty)
            return self._new(found)
        fresh, self._spare = self._spare, []
        for _ in range(_ROUNDS):
            if len(fresh) >= n or (fresh and deadline.passed):
                break
            found = sample(self._network, self._memory, n, self._grammar, self._temperature, deadline, self._generator)
            new = self._new(found)
            if len(new) < _FRESH * n:
                self._temperature *= _HOTTER
            fresh += new
        fresh.sort(key=lambda candidate: -candidate.log_prob)
        self._spare = fresh[n:]
        return fresh[:n]

    def _new(self, found: list[Candidate]) -> list[Candidate]:
        """Those that were not seen before, now marked as seen."""
        new = [candidate for candidate in found if identity(candidate.skeleton) not in self._given]
        self._given.update(identity(candidate.skeleton) for candidate in new)
        return new


_SCALED = (v.operator_token("mul"), v.CONSTANT)
_SCALED_AND_SHIFTED = (v.operator_token("add"), v.CONSTANT, *_SCALED)
#: Share of the random trees that are proposed with a constant added as well.
_SHIFTED = 0.2
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
    operators : iterable of str, optional
        Allowed operators; ``None`` allows all.
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
        operators: Iterable[str] | None = None,
        rng: np.random.Generator | None = None,
        max_length: int = 40,
    ) -> None:
        self._grammar = Grammar(max_length, n_variables, operators)
        self._rng = np.random.default_rng(0) if rng is None else rng
        self._given: set[int] = set()
        self._source = self._skeletons()

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        """Up to ``n`` new skeletons, shortest first; a prior in place of a network scores them by length alone."""
        found: list[Candidate] = []
        while len(found) < n and not deadline.passed:
            skeleton = next(self._source, None)
            if skeleton is None:
                break
            found.append(Candidate(skeleton, -_LOG_TOKENS * skeleton.complexity))
        return sorted(found, key=lambda candidate: -candidate.log_prob)

    def _skeletons(self) -> Iterator[Expression]:
        for batch in RandomSkeletons(self._grammar, self._rng):
            shifted = self._rng.random(len(batch)) < _SHIFTED
            for tree, also_shifted in zip(batch, shifted.tolist(), strict=True):
                for prefix in (_SCALED, _SCALED_AND_SHIFTED) if also_shifted else (_SCALED,):
                    form = canonical(Expression.skeleton_of(prefix + tree.tokens))
                    if form is None or form.complexity > self._grammar.max_length:
                        continue
                    key = hash(identity(form))  # a long search sees millions: 64 bits of each are enough
                    if key not in self._given:
                        self._given.add(key)
                        yield form
