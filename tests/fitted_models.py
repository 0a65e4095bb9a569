"""Fitted estimators without a search, and where two implementations of an equation have to agree."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, Node
from nesymres_sk.expressions.infix import to_infix

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
    with np.errstate(all="ignore"):
        wanted = _moved(expression.to_tree(), X, rng, 0.0)
        stable = np.ones(len(X), dtype=bool)
        for _ in range(8):
            moved = _moved(expression.to_tree(), X, rng, 2e-13)
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


def _moved(node: Node, X: NDArray[np.float64], rng: np.random.Generator, by: float) -> NDArray[np.float64]:
    token = node[0]
    if token == v.CONSTANT:
        return np.full(len(X), node[1])
    if v.is_variable(token):
        return X[:, token - v.FIRST_VARIABLE]
    if v.is_integer(token):
        return np.full(len(X), float(token - v.FIRST_INTEGER + 1))
    row = v.operator_of(token)
    value = row.value(*(_moved(child, X, rng, by) for child in node[1:]))
    return value if row.name in _EXACT else value * (1 + by * rng.uniform(-1, 1, len(X)))


def _kind(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """0 for numbers, 1 for NaN, 2 and 3 for the infinities."""
    return np.where(np.isnan(values), 1, np.where(np.isinf(values), np.where(values > 0, 2, 3), 0))
