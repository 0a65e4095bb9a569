"""Roots of quadratics are seen as such, on the branch that the target is on."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.matcher import Matcher
from nesymres_sk.search.pursuit.quadratics import quadratic_views
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]

LAWS = [
    # principal stresses: both branches
    "x1 + x2 + sqrt((x1 - x2)**2 + x3**2)",
    "x1 + x2 - sqrt((x1 - x2)**2 + x3**2)",
    # a weak acid, with a constant in the place of a column
    "(sqrt(x1**2 + 4*x1*x2) - x1)/2 + 0*x3",
    "sqrt(0.0004 + 0.09*x2) - 0.02",
    # tight binding: a column before the square
    "(x1 + x2 + x3 - sqrt((x1 + x2 + x3)**2 - 4*x1*x2))/(2*x1)",
]


def roots(X: Array, y: Array) -> list[Expression]:
    library = Library(X, Grammar(30, X.shape[1]), np.random.default_rng(0))
    return Matcher(library, Views(X, y, np.ones(len(y)))).quadratics()


@pytest.mark.parametrize("law", LAWS)
def test_roots_are_found(law: str) -> None:
    X, fresh = np.random.default_rng(1).uniform(0.5, 3.0, (2, 100, 3))
    found = roots(X, evaluate(parse(law), X))
    errors = [np.abs(evaluate(equation, fresh) - evaluate(parse(law), fresh)).max() for equation in found]
    assert min(errors) < 1e-9


def test_what_cancels_below_the_root_is_gone() -> None:
    X = np.random.default_rng(2).uniform(0.5, 3.0, (100, 2))
    # p**2 / 4 = x1**2 + 2*x1*x2 + x2**2, and q takes x1**2 and x1*x2 away
    y = X.sum(axis=1) + np.sqrt(X[:, 1] ** 2 + 3.0)
    shortest = min(roots(X, y), key=lambda equation: equation.complexity)
    assert shortest.complexity <= 12
    assert np.abs(evaluate(shortest, X) - y).max() < 1e-9


def test_targets_on_both_branches_and_odd_columns_give_nothing_wrong() -> None:
    rng = np.random.default_rng(3)
    X = rng.uniform(0.5, 3.0, (100, 2))
    y = X[:, 0] + rng.choice((-1.0, 1.0), 100) * np.sqrt(X[:, 1])
    assert all(np.mean(np.square(evaluate(e, X) - y)) > 1e-6 for e in roots(X, y))
    X[:, 1] = 0.0
    assert isinstance(roots(X, np.zeros(100)), list)


def test_of_many_columns_there_are_too_many_monomials() -> None:
    X = np.random.default_rng(4).normal(size=(60, 8))
    assert not list(quadratic_views(Views(X, X[:, 0], np.ones(60))))
