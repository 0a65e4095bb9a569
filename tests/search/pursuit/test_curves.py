"""Curves with asymptotes: the constants are those that made the target, and odd targets do no harm."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.pursuit.curves import Curves
from nesymres_sk.search.pursuit.links import LINKS
from nesymres_sk.search.pursuit.parts import PLAIN, Part
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]
BELOW, ABOVE, BOTH = (True, False), (False, True), (True, True)

LAWS = [
    ("0.3 + 4*exp(-0.5*x1 - 0.8*x2)", (), BELOW),
    ("12 - 7*exp(-1.5*x1 + 0.2*x2)", (), ABOVE),
    ("2 + 1.5*tanh(0.8*x1 - 0.5*x2 + 0.2)", (), BOTH),
    ("-3 + 5/(1 + exp(6*x1 - 4*x2))", (), BOTH),
    ("7/(1 + exp(1.2*x1 - 0.7*x2 + 0.4))", ("inv",), BELOW),
    ("2/(exp(0.4*x1 + 0.7*x2 + 2.9) - 1)", ("inv",), BELOW),
    ("log(1 + exp(1.5*x1 - 2*x2 + 0.3))", ("log",), BELOW),
    ("sqrt(1.3 + exp(0.7*x1 - x2))", ("sqrt",), BELOW),
    ("3*exp(-2*exp(0.3*x1 - 0.2*x2))", ("exp",), ABOVE),
    # the greatest values do not differ from the asymptote
    ("5 - 5*exp(-20 - 9*x1)", (), ABOVE),
]


def points() -> Array:
    return np.random.default_rng(0).uniform(-2.0, 2.0, (100, 2))


def fit(X: Array, y: Array, operators: tuple[str, ...], sides: tuple[bool, bool]) -> Expression | None:
    """The curve over a linear function of the columns."""
    views = Views(X, y, np.ones(len(y)))
    link = next(link for link in LINKS if link.operators == operators)
    linked = views.linked(link)
    assert linked is not None
    node = Curves(link, *linked).fit(views.linear(), *sides)
    return None if node is None else Expression.from_tree(node)


@pytest.mark.parametrize(("law", "operators", "sides"), LAWS)
def test_curves_are_found(law: str, operators: tuple[str, ...], sides: tuple[bool, bool]) -> None:
    X = points()
    y = evaluate(parse(law), X)
    curve = fit(X, y, operators, sides)
    assert curve is not None
    fresh = np.random.default_rng(1).uniform(-2.0, 2.0, (50, 2))
    np.testing.assert_allclose(evaluate(curve, fresh), evaluate(parse(law), fresh), rtol=1e-6, atol=1e-9)


def test_noise_moves_the_constants_a_little() -> None:
    X = points()
    law = parse("1 + 4/(1 + exp(2*x1 - x2))")
    y = evaluate(law, X)
    curve = fit(X, y + 0.05 * np.random.default_rng(2).normal(size=len(y)), (), BOTH)
    assert curve is not None
    assert np.sqrt(np.mean(np.square(evaluate(curve, X) - y))) < 0.03


def test_functions_of_no_importance_are_left_out() -> None:
    X = points()
    curve = fit(X, 2.0 + np.exp(0.5 * X[:, 1]), (), BELOW)
    assert curve is not None
    assert set(curve.variables) == {1}


@pytest.mark.parametrize("sides", [BELOW, ABOVE, BOTH])
@pytest.mark.parametrize(
    "y",
    [
        np.full(100, 2.0),
        np.linspace(0.0, 1.0, 100) ** 2 * 1e200,
        np.where(np.arange(100) < 99, 1e-8, 1e8),
        np.arange(100) % 2.0,
        np.linspace(-1.0, 1.0, 100) * np.finfo(float).max,
    ],
    ids=["constant", "huge", "one outlier", "two values", "beyond the range"],
)
def test_odd_targets_do_no_harm(y: Array, sides: tuple[bool, bool]) -> None:
    views = Views(points(), y, np.ones(100))
    linear = [*views.linear(), Part(PLAIN, (v.variable(0),), np.full(100, 1e100))]
    node = Curves(LINKS[0], y, np.ones(100)).fit(linear, *sides)
    assert node is None or np.isfinite(Expression.from_tree(node).constants).all()


def test_too_few_rows_have_no_curve() -> None:
    X = points()[:4]
    assert fit(X, np.exp(X[:, 0]) + 1.0, (), BOTH) is None
