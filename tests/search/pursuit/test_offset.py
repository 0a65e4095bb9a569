"""Columns that are only added, or stand in differences besides, and none where there is no such column."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.pursuit.offset import offset_column
from nesymres_sk.search.pursuit.parts import Part
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]


def take(X: Array, y: Array, forbidden: tuple[str, ...] = ()) -> tuple[Part, list[Part]] | None:
    weight = np.ones(len(y))
    with np.errstate(all="ignore"):
        return offset_column(Views(X, y, weight).columns, y, weight, lambda name: name not in forbidden)


def table(text: str, n: int = 128) -> tuple[Array, Array]:
    expression = parse(text)
    X = np.random.default_rng(0).uniform(1.0, 3.0, (n, max(expression.variables) + 1))
    return X, evaluate(expression, X)


def name(part: Part) -> str:
    return to_infix(Expression.from_tree(part.node))


#: Laws, the column that is added, and the others.
LAWS = {
    "x1 + x2*exp(-x3*x4)": ("x1", ["x2", "x3", "x4"]),
    "x2**x3*x1 - x4": ("-1 * x4", ["x1", "x2", "x3"]),
    "x1 + (x2 - x1)/(1 + x3**x4)": ("x1", ["x2 - 1 * x1", "x3", "x4"]),
}


@pytest.mark.parametrize("text", LAWS)
def test_the_column_is_found(text: str) -> None:
    X, y = table(text)
    found = take(X, y)
    assert found is not None
    offset, others = found
    assert (name(offset), [name(part) for part in others]) == LAWS[text]
    for part in (offset, *others):
        np.testing.assert_allclose(evaluate(Expression.from_tree(part.node), X), part.values, rtol=1e-12)


@pytest.mark.parametrize("text", ["x1*x2**x3", "2.5*x1 + x2*exp(-x3)*x1", "sqrt(x1 + x2*x3)"])
def test_other_laws_have_none(text: str) -> None:
    assert take(*table(text)) is None


def test_rules_noise_and_single_columns_give_none() -> None:
    X, y = table("x1 + x2*exp(-x3*x4)")
    assert take(X, y, ("sub",)) is None
    assert take(X[:, :1], y) is None
    assert take(X[:10], y[:10]) is None
    assert take(X, np.random.default_rng(1).normal(size=len(y))) is None
