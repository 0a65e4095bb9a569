"""Neural symbolic regression for scikit-learn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nesymres_sk.fitting.equation import fit_constants
    from nesymres_sk.regressor import NeuralSymbolicRegressor

__version__ = "0.1.0"
__all__ = ["NeuralSymbolicRegressor", "__version__", "fit_constants"]

_HOMES = {
    "NeuralSymbolicRegressor": "nesymres_sk.regressor",
    "fit_constants": "nesymres_sk.fitting.equation",
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
