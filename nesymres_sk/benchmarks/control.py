"""What the network is compared with: the estimator without it, and random skeletons against the network by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nesymres_sk.regressor import NeuralSymbolicRegressor

if TYPE_CHECKING:
    from nesymres_sk.solver import Source
    from nesymres_sk.sources import Sources


class PriorControl(NeuralSymbolicRegressor):
    """The same search, fit, archive, choice and time limit, but without anything that the network proposes."""

    def _sources(self, sources: Sources) -> list[Source]:
        return sources.of_prior()


class NetworkAlone(NeuralSymbolicRegressor):
    """The same with the network's proposals only: no random skeletons, no combinations, no local search."""

    def _sources(self, sources: Sources) -> list[Source]:
        return sources.of_network()


class RandomAlone(NeuralSymbolicRegressor):
    """The same with random skeletons of the prior only: what the network alone must beat."""

    def _sources(self, sources: Sources) -> list[Source]:
        return [sources.prior()]
