"""What the network is compared with: the search without it or with random skeletons, and these by themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nesymres_sk.regressor import NeuralSymbolicRegressor

if TYPE_CHECKING:
    from nesymres_sk.solver import Source
    from nesymres_sk.sources import Sources


class PriorControl(NeuralSymbolicRegressor):
    """The same search with random skeletons of the prior in place of the network's, for the same part of the time."""

    def _sources(self, sources: Sources) -> list[Source]:
        return sources.with_random()


class WithoutNetwork(NeuralSymbolicRegressor):
    """The same search without the network and with nothing in its place."""

    def _sources(self, sources: Sources) -> list[Source]:
        return sources.without_network()


class NetworkAlone(NeuralSymbolicRegressor):
    """The same with the network's proposals only: no combinations, no local search."""

    def _sources(self, sources: Sources) -> list[Source]:
        return sources.of_network()


class RandomAlone(NeuralSymbolicRegressor):
    """The same with random skeletons of the prior only: what the network alone must beat."""

    def _sources(self, sources: Sources) -> list[Source]:
        return [sources.random()]
