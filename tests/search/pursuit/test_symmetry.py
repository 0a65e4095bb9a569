"""Pairs of columns that one can stand for, and none where there is no such pair."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.pursuit.parts import Part
from nesymres_sk.search.pursuit.symmetry import combined_pair
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]


def combine(X: Array, y: Array, forbidden: tuple[str, ...] = ()) -> tuple[Part, list[int]] | None:
    weight = np.ones(len(y))
    with np.errstate(all="ignore"):
        return combined_pair(Views(X, y, weight).columns, y, weight, lambda name: name not in forbidden)


def table(text: str, n: int = 128) -> tuple[Array, Array]:
    expression = parse(text)
    X = np.random.default_rng(0).uniform(1.0, 3.0, (n, max(expression.variables) + 1))
    return X, evaluate(expression, X)


#: Laws, the column that stands for two, and those that are left.
LAWS = {
    "x1*exp(-(x2 - x3)**2) + x1**2": ("x2 - x3", [0]),
    "sqrt(x1**2 + x2**2 - 2*x1*x2*cos(x3 - x4))": ("x3 - x4", [0, 1]),
    "log(x1 + x2 + x3**3)": ("x1 + x2", [2]),
    "x1/(1 + (x2*x3)**2) - x1**2": ("x2 * x3", [0]),
    "acos((cos(x1) - x2/x3/4)/(1 - x2/x3/4*cos(x1)))": ("x2 / x3", [0]),
}


@pytest.mark.parametrize("text", LAWS)
def test_the_pair_is_found(text: str) -> None:
    found = combine(*table(text))
    assert found is not None
    column, places = found
    assert (to_infix(Expression.from_tree(column.node)), places) == LAWS[text]
    X, _ = table(text)
    np.testing.assert_allclose(evaluate(Expression.from_tree(column.node), X), column.values, rtol=1e-14)


@pytest.mark.parametrize("text", ["x1*sin(x2) + x3**2", "exp(x1/4)*x2 + x3*x2**2", "sqrt(x1 + x2**2*x3)"])
def test_other_laws_have_none(text: str) -> None:
    assert combine(*table(text)) is None


def test_noise_is_no_symmetry() -> None:
    rng = np.random.default_rng(1)
    X = rng.uniform(1.0, 3.0, (128, 4))
    assert combine(X, rng.normal(size=128)) is None


def test_only_allowed_operators_join() -> None:
    X, y = table("x1*exp(-(x2 - x3)**2) + x1**2")
    assert combine(X, y, forbidden=("sub", "add", "mul", "div")) is None


@pytest.mark.parametrize(("n", "d"), [(6, 3), (50, 1), (60, 9)])
def test_short_narrow_and_wide_tables(n: int, d: int) -> None:
    X = np.random.default_rng(2).uniform(1.0, 3.0, (n, d))
    assert combine(X, X.sum(axis=1) ** 2) is None
