"""Columns that are factors only, with their exponents, and none where there are none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.pursuit.parts import Part
from nesymres_sk.search.pursuit.separation import separated
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]


def table(text: str, low: float = 1.0, high: float = 3.0, n: int = 128, seed: int = 0) -> tuple[Array, Array]:
    expression = parse(text)
    X = np.random.default_rng(seed).uniform(low, high, (n, max(expression.variables) + 1))
    return X, evaluate(expression, X)


def separate(X: Array, y: Array, forbidden: tuple[str, ...] = ()) -> tuple[Part, list[int]] | None:
    weight = np.ones(len(y))
    with np.errstate(all="ignore"):
        return separated(Views(X, y, weight).columns, y, weight, lambda name: name not in forbidden)


#: Laws, and what is left of them.
LAWS = {
    "x1*(x2 + exp(x3)/x2)": [1, 2],
    "(x1 + x2**2/x3)/x4**2": [0, 1, 2],
    "sqrt(x1)*x2*log(x3 + x4*x5)": [2, 3, 4],
    "cos(x1)*(x2 + x3*exp(x4))": [1, 2, 3],
    "(x2 + x3*exp(x1 - x2))/(x4 + 1)": [0, 1, 2],
}


@pytest.mark.parametrize("text", LAWS)
def test_the_factor_is_found(text: str) -> None:
    X, y = table(text, *((0.0, 1.4) if "cos" in text else (1.0, 3.0)))
    found = separate(X, y)
    assert found is not None
    factor, places = found
    assert places == LAWS[text]
    # what is left does not depend on the others: it is the law with these at other values
    np.testing.assert_allclose(evaluate(Expression.from_tree(factor.node), X), factor.values, rtol=1e-12)
    expression = parse(text)
    others = X.copy()
    outside = [column for column in range(X.shape[1]) if column not in places]
    others[:, outside] = X[0, outside]
    rest, moved = y / factor.values, evaluate(expression, others)
    np.testing.assert_allclose(rest / rest[0], moved / moved[0], rtol=1e-9)


def test_signs_of_factors_belong_to_them() -> None:
    X, _ = table("x1 + x2 + x3", -3.0, -1.0)
    X[::2, 0] *= -1.0
    y = X[:, 0] * (X[:, 1] ** 2 - X[:, 2] * X[:, 1] ** 3)
    found = separate(X, y)
    assert found is not None
    assert found[1] == [1, 2]
    np.testing.assert_allclose(np.sign(found[0].values), np.sign(X[:, 0]))


def test_targets_too_small_for_numbers_do_no_harm() -> None:
    X, _ = table("x1 + x2 + x3", 0.5, 3.0)
    y = X[:, 0] * np.exp(-X[:, 1] * X[:, 2] ** 2)
    y[:5] = 0.0
    found = separate(X, y)
    assert found is not None
    assert found[1] == [1, 2]


@pytest.mark.parametrize("text", ["x1 + x2*x3", "sqrt(x1**2 + x2**2 + x3**2)", "log(x1 + x2) + x3"])
def test_sums_have_no_factor(text: str) -> None:
    assert separate(*table(text)) is None


def test_noise_is_no_law() -> None:
    rng = np.random.default_rng(1)
    X = rng.uniform(1.0, 3.0, (128, 4))
    assert separate(X, np.exp(rng.normal(size=128))) is None


@pytest.mark.parametrize(("n", "d"), [(5, 3), (40, 1), (12, 2)])
def test_short_and_narrow_tables(n: int, d: int) -> None:
    rng = np.random.default_rng(2)
    X = rng.uniform(1.0, 3.0, (n, d))
    separate(X, np.prod(X, axis=1) + 1.0)
    assert separate(X, np.zeros(n)) is None


def test_only_allowed_functions_are_factors() -> None:
    X, y = table("cos(x1)*(x2 + x3*exp(x4))", 0.0, 1.4)
    found = separate(X, y, forbidden=("cos", "add", "sin"))
    assert found is None or "cos" not in to_infix(Expression.from_tree(found[0].node))
