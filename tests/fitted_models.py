"""Fitted estimators without a search, and where two implementations of an equation have to agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from strategies import reference_values

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.operators import Operator

#: Operators of IEEE arithmetic, which give the same bits everywhere; all others may differ in the last digits.
_EXACT = {"add", "sub", "mul", "div", "neg", "inv", "sqrt", "square", "abs"}


def fitted_model(
    expressions: list[Expression],
    *,
    n_features: int = 3,
    names: list[str] | None = None,
    columns: list[int] | None = None,
    best: int = 0,
    **parameters,
) -> NeuralSymbolicRegressor:
    """Estimator with these equations, as if a search had found them."""
    model = NeuralSymbolicRegressor(**parameters)
    model.n_features_in_ = n_features
    if names is not None:
        model.feature_names_in_ = np.array(names, dtype=object)
    model.columns_ = np.array(range(n_features) if columns is None else columns)
    model.expressions_ = list(expressions)
    model.best_index_ = best
    used = [f"x{i + 1}" if names is None else names[i] for i in model.columns_]
    m = len(expressions)
    model.equations_ = pd.DataFrame(
        {
            "complexity": [expression.complexity for expression in expressions],
            "loss": np.geomspace(1.0, 1e-9, m) / 3,
            "r2": 1 - np.geomspace(1.0, 1e-9, m),
            "score": np.linspace(0.0, 1 / 3, m),
            "log_prob": [np.nan, *(-np.arange(1.0, m) / 7)],
            "equation": [to_infix(expression, used) for expression in expressions],
        }
    )
    model.equation_ = model.equations_["equation"][best]
    return model


def special_points(d: int = 3, n: int = 60, seed: int = 0) -> NDArray[np.float64]:
    """Points ``[n, d]`` of which many have coordinates where functions are undefined, or change their kind."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d)) * np.exp(2 * rng.normal(size=(n, d)))
    special = rng.choice([0.0, -0.0, 1.0, -1.0, 0.5, -2.0, 3.0, 1e3, -1e200, 1e-200, 710.0], size=(n, d))
    return np.where(rng.random((n, d)) < 0.4, special, X)


def well_determined(expression: Expression, X: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Points ``[n]`` where the last digits of the functions do not decide what the value is, nor whether it is one.

    All values that a library may round differently are moved a thousand times as much, several times.
    """
    rng = np.random.default_rng(1)

    def rounded(row: Operator, values: NDArray[np.float64]) -> NDArray[np.float64]:
        return values if row.name in _EXACT else values * (1 + 2e-13 * rng.uniform(-1, 1, len(X)))

    wanted = reference_values(expression, X)
    stable = np.ones(len(X), dtype=bool)
    with np.errstate(all="ignore"):
        for _ in range(8):
            moved = reference_values(expression, X, rounded)
            close = np.abs(moved - wanted) <= 1e-10 * np.abs(wanted)
            stable &= np.where(np.isfinite(wanted), close, _kind(moved) == _kind(wanted))
    return stable


def assert_same(
    wanted: NDArray[np.float64], found: NDArray[np.float64], where: NDArray[np.bool_] | slice = slice(None)
) -> None:
    """The same numbers, NaN and infinities in the same places."""
    assert found.shape == wanted.shape
    np.testing.assert_array_equal(_kind(found)[where], _kind(wanted)[where])
    np.testing.assert_allclose(found[where], wanted[where], rtol=1e-9, atol=0)


def _kind(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """0 for numbers, 1 for NaN, 2 and 3 for the infinities."""
    return np.where(np.isnan(values), 1, np.where(np.isinf(values), np.where(values > 0, 2, 3), 0))
