"""Where the solver's candidates come from: the network, random skeletons, and what searches around good equations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.search.candidate import Candidate, Proposer
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.solver import Source
from nesymres_sk.table import Table

_NETWORK_ROWS = 256
#: With a time limit, part of the time in which random skeletons of the prior are tried beside the network's.
_EXPLORATION = 0.15
_EXPLORATION_BATCH = 1000


@dataclass(frozen=True)
class SearchOptions:
    """What the sources of candidates are made from.

    Attributes
    ----------
    weights, device, decoding, beam_size, operators, max_complexity
        See :class:`nesymres_sk.NeuralSymbolicRegressor`.
    n_threads : int
        Threads of the network.
    """

    weights: str = "base"
    device: str = "auto"
    decoding: str = "beam"
    beam_size: int = 32
    operators: tuple[str, ...] | None = None
    max_complexity: int | None = None
    n_threads: int = 1


class Sources:
    """Makes the sources of one search.

    Parameters
    ----------
    table : Table
    archive : Archive
        Of the search, for sources that start from what was found.
    options : SearchOptions
    rng : numpy.random.Generator
        Each source gets a seed of its own from it.
    """

    def __init__(self, table: Table, archive: Archive, options: SearchOptions, rng: np.random.Generator) -> None:
        self.table = table
        self.archive = archive
        self.options = options
        self._network_seed, self._prior_seed = (int(seed) for seed in rng.integers(2**31, size=2))

    def network(self) -> Source:
        """The network's proposals, which come first."""

        def start() -> Proposer:
            import torch

            from nesymres_sk.model.inputs import table_to_batch
            from nesymres_sk.model.registry import get_network
            from nesymres_sk.search.proposers import NetworkProposer

            options = self.options
            on_gpu = options.device == "auto" and torch.cuda.is_available()
            network = get_network(
                options.weights, "cuda" if on_gpu else "cpu" if options.device == "auto" else options.device
            )
            bag = np.random.default_rng(self._network_seed)
            batch = table_to_batch(self.table.X, self.table.y, max_points=_NETWORK_ROWS, rng=bag)
            grammar = self._grammar(network.config.max_length, network.config.max_variables)
            proposer = NetworkProposer(network, batch, grammar, decoding=options.decoding, seed=self._network_seed)
            return _ThreadLimited(proposer, options.n_threads)

        return Source(start, self.options.beam_size, 1.0 - _EXPLORATION)

    def prior(self) -> Source:
        """Random skeletons."""

        def start() -> Proposer:
            from nesymres_sk.search.proposers import PriorProposer

            seed = np.random.default_rng(self._prior_seed)
            return PriorProposer(self.table.X.shape[1], self.options.operators, seed)

        return Source(start, _EXPLORATION_BATCH, _EXPLORATION, growth=1.0, closed=True)

    def _grammar(self, max_length: int, max_variables: int) -> Grammar:
        longest = min(max_length, self.options.max_complexity or max_length)
        return Grammar(longest, min(self.table.X.shape[1], max_variables), self.options.operators)


class _ThreadLimited(Proposer):
    """A network's proposer that leaves torch's number of threads as it found it."""

    def __init__(self, proposer: Proposer, n_threads: int) -> None:
        self._proposer = proposer
        self._n_threads = n_threads

    def propose(self, n: int, deadline: Deadline) -> list[Candidate]:
        import torch

        before = torch.get_num_threads()
        torch.set_num_threads(self._n_threads)
        try:
            return self._proposer.propose(n, deadline)
        finally:
            torch.set_num_threads(before)

    def learn(self, candidates: Sequence[Candidate], errors: Sequence[float]) -> None:
        self._proposer.learn(candidates, errors)
