"""Where the solver's candidates come from: the network, the target itself, and the best equations so far."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.search.candidate import Candidate, Proposer
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.solver import Source
from nesymres_sk.table import Table

if TYPE_CHECKING:
    from nesymres_sk.model.network import Network

#: Longest expression of a search without a network.
MAX_LENGTH = 40
#: Parts of the time that the sources get, which need not add up to one.
_NETWORK, _EQUATE, _PURSUIT, _LOCAL = 0.2, 0.5, 0.1, 0.65
#: Skeletons that a source is asked for at a time.
_RANDOM_BATCH, _PURSUIT_BATCH, _LOCAL_BATCH = 1000, 40, 250
#: How many more the pursuit is asked for where it is asked once: some of the first are short to begin with.
_MORE_AT_ONCE = 16
#: Skeletons that the network is asked for at a time, at most.
_LARGEST_SAMPLE, _LARGEST_PLAN = 512, 128
#: Seconds that the import of torch may take.
_TORCH = 1.5
#: Rounds of the local search where there is no time limit. More of them find more; these take about a second.
_LOCAL_ROUNDS = 3


@dataclass(frozen=True)
class SearchOptions:
    """What the sources of candidates are made from.

    Attributes
    ----------
    weights, device, decoding, beam_size
        See :class:`nesymres_sk.NeuralSymbolicRegressor`.
    equate : EquateConfig or None
        Settings of the fine-tuning, if there is to be one.
    anytime : bool
        Whether the search goes on until a deadline, or ends after a few rounds.
    n_threads : int
        Threads of the network.
    constant_optimizer : {"lm", "bfgs"}
        How candidates are fitted.
    """

    weights: str = "base"
    device: str = "auto"
    decoding: str = "beam"
    beam_size: int = 32
    equate: EquateConfig | None = None
    anytime: bool = False
    n_threads: int = 1
    constant_optimizer: str = "lm"


class Sources:
    """Makes the sources of one search.

    Parameters
    ----------
    table : Table
    archive : Archive
        Of the search, for sources that start from what was found; its constraints are those of the proposals.
    options : SearchOptions
    rng : numpy.random.Generator
        Each source gets a seed of its own from it.
    """

    def __init__(self, table: Table, archive: Archive, options: SearchOptions, rng: np.random.Generator) -> None:
        self.table = table
        self.archive = archive
        self.options = options
        seeds = (int(seed) for seed in rng.integers(2**31, size=5))
        self._network_seed, self._equate_seed, self._random_seed, self._pursuit_seed, self._local_seed = seeds

    def all(self) -> list[Source]:
        """Every source of this search, in the order of their first turns.

        The first is quick and needs no network, whose loading takes longer than many a law. Fine-tuning comes last,
        so that without a time limit it can only add to what is found without it.
        """
        (first, *others), (network, *tuned) = self.without_network(), self.of_network()
        return [first, network, *others, *tuned]

    def of_network(self) -> list[Source]:
        """Sources that need the network."""
        return [self.network()] if self.options.equate is None else [self.network(), self.equate()]

    def without_network(self) -> list[Source]:
        """Sources that do without the network."""
        if not self.table.natural:  # the others work in the user's own units
            return [self.random()]
        # local search lives on thousands of fits: with slow ones it is not what a short search can afford
        if not self.options.anytime and self.options.constant_optimizer == "bfgs":
            return [self.pursuit()]
        return [self.pursuit(), self.local_search()]

    def with_random(self) -> list[Source]:
        """The same with random skeletons in the place, and in the share of the time, of the network."""
        first, *others = self.without_network()
        return [first, self.random(), *others] if others else [first]

    def network(self) -> Source:
        """The network's proposals."""

        def start() -> Proposer:
            from nesymres_sk.search.network.planning import PlanningProposer
            from nesymres_sk.search.network.proposer import NetworkProposer

            network, grammar = self._network()
            seed, decoding = self._network_seed, self.options.decoding
            proposer: Proposer
            if decoding == "planning":
                proposer = PlanningProposer(network, self.table, grammar, seed=seed)
            else:
                proposer = NetworkProposer(network, self.table, self.archive, grammar, decoding=decoding, seed=seed)
            return _ThreadLimited(proposer, self.options.n_threads)

        # a tree search learns between its rounds: they stay short
        largest = _LARGEST_PLAN if self.options.decoding == "planning" else _LARGEST_SAMPLE
        return Source(
            start, self.options.beam_size, _NETWORK, largest_batch=largest, rounds=self._rounds, loading=_loading()
        )

    def equate(self) -> Source:
        """Proposals of a network that is fine-tuned on the table."""

        def start() -> Proposer:
            from nesymres_sk.equate.proposer import EquateProposer

            assert self.options.equate is not None
            network, grammar = self._network()
            proposer = EquateProposer(
                network, self.table, self.archive, grammar, self.options.equate, self._equate_seed
            )
            return _ThreadLimited(proposer, self.options.n_threads)

        return Source(start, self.options.beam_size, _EQUATE, loading=_loading())

    def random(self) -> Source:
        """Random skeletons of the prior."""

        def start() -> Proposer:
            from nesymres_sk.search.prior_proposer import PriorProposer

            rng = np.random.default_rng(self._random_seed)
            return PriorProposer(self.table.X.shape[1], self.archive.constraints, rng)

        return Source(start, _RANDOM_BATCH, _NETWORK, growth=1.0, closed=True, rounds=self._rounds)

    def pursuit(self) -> Source:
        """Sparse combinations of short functions that reproduce the target."""

        def start() -> Proposer:
            from nesymres_sk.search.pursuit.proposer import PursuitProposer

            rng = np.random.default_rng(self._pursuit_seed)
            return PursuitProposer(self.table, self.archive, self._grammar(), rng)

        n = _PURSUIT_BATCH if self.options.anytime else _PURSUIT_BATCH + _MORE_AT_ONCE
        return Source(start, n, _PURSUIT, growth=1.0, closed=True, rounds=self._rounds)

    def local_search(self) -> Source:
        """Neighbours of the best equations so far."""

        def start() -> Proposer:
            from nesymres_sk.search.local.proposer import LocalSearch

            rng = np.random.default_rng(self._local_seed)
            return LocalSearch(self.table, self.archive, self._grammar(), rng)

        rounds = None if self.options.anytime else _LOCAL_ROUNDS
        return Source(start, _LOCAL_BATCH, _LOCAL, growth=1.0, closed=True, n_restarts=1, rounds=rounds)

    @property
    def _rounds(self) -> int | None:
        return None if self.options.anytime else 1

    def _network(self) -> tuple[Network, Grammar]:
        import torch

        from nesymres_sk.model.registry import get_network

        device = self.options.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        network = get_network(self.options.weights, device)
        return network, self._grammar(network.config.max_length, network.config.max_variables)

    def _grammar(self, max_length: int = MAX_LENGTH, max_variables: int = v.MAX_VARIABLES) -> Grammar:
        return Grammar(max_length, min(self.table.X.shape[1], max_variables), self.archive.constraints)


def _loading() -> float:
    """Seconds that a network may take to load: nearly all of them are torch's import, once in a process."""
    return 0.0 if "torch" in sys.modules else _TORCH


def load_searches() -> None:
    """Load the compiled kernels of the sources that need no network."""
    X = np.linspace(0.5, 2.0, 12).reshape(-1, 2)
    table = Table.prepare(X, np.exp(X[:, 0]) - X[:, 1])
    sources = Sources(table, Archive(table.floor), SearchOptions(anytime=True), np.random.default_rng(0))
    for source in sources.with_random():
        source.open().propose(1, Deadline())


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
