"""The estimator without its network, which is the control that the network must beat, and the network by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nesymres_sk.regressor import NeuralSymbolicRegressor

if TYPE_CHECKING:
    from nesymres_sk.solver import Source
    from nesymres_sk.sources import Sources


class PriorControl(NeuralSymbolicRegressor):
    """The same fit, archive, choice and time limit, but random skeletons of the prior are all that is proposed."""

    def _sources(self, sources: Sources) -> list[Source]:
        return [sources.prior()]


class NetworkAlone(NeuralSymbolicRegressor):
    """The same with the network's proposals only, without the random skeletons that fill a part of the time."""

    def _sources(self, sources: Sources) -> list[Source]:
        return [sources.network()]
