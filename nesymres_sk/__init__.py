"""Neural symbolic regression for scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nesymres_sk.equate.config import EquateConfig
    from nesymres_sk.export.saved_model import load_model
    from nesymres_sk.fitting.equation import fit_constants
    from nesymres_sk.plotting.pareto import ParetoDisplay
    from nesymres_sk.plotting.prediction import PredictionDisplay
    from nesymres_sk.plotting.progress import ProgressDisplay
    from nesymres_sk.plotting.slices import SliceDisplay
    from nesymres_sk.regressor import NeuralSymbolicRegressor

__version__ = "0.1.0"
__all__ = [
    "EquateConfig",
    "NeuralSymbolicRegressor",
    "ParetoDisplay",
    "PredictionDisplay",
    "ProgressDisplay",
    "SliceDisplay",
    "__version__",
    "fit_constants",
    "load_model",
]

_HOMES = {
    "EquateConfig": "nesymres_sk.equate.config",
    "NeuralSymbolicRegressor": "nesymres_sk.regressor",
    "ParetoDisplay": "nesymres_sk.plotting.pareto",
    "PredictionDisplay": "nesymres_sk.plotting.prediction",
    "ProgressDisplay": "nesymres_sk.plotting.progress",
    "SliceDisplay": "nesymres_sk.plotting.slices",
    "fit_constants": "nesymres_sk.fitting.equation",
    "load_model": "nesymres_sk.export.saved_model",
}


def __getattr__(name: str) -> Any:
    """Import the public names when they are first used: compiled kernels and torch take a second to load."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
