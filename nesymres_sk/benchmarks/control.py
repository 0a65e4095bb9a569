"""The estimator without its network, which is the control that the network must beat, and the network by itself."""

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
