"""Quotients of polynomials are found whole, also with a function among the columns, and nothing else passes for one."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.parts import Part
from nesymres_sk.search.pursuit.rational import Quotients
from nesymres_sk.search.pursuit.rational_in_function import QuotientsInFunction, functions_of
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]

QUOTIENTS = [
    "x1 + 2*x2 - x3",
    "0.3*x1*x2**3",
    "x1 / (x2 + x3)",
    # mixtures of two media, selection of three kinds, a lens
    "x1*(x2 + 2*x1 + 2*x3*(x2 - x1))/(x2 + 2*x1 - x3*(x2 - x1))",
    "x1*(x1*x2 + (1 - x1)*x3)/(x1**2*x2 + 2*x1*(1 - x1)*x3 + (1 - x1)**2*0.7)",
    "1/((x1 - 0.2)*(1/x2 + 1/x3 - (x1 - 0.2)*0.4/(x1*x2*x3)))",
    "(x1**2 - (x2 + x3)**2)*(x1**2 - (x2 - x3)**2)/x1**2",
]
IN_FUNCTION = [
    "x1 + x2*log(x3)",
    "(x1 - x1**x2)/(1.5 - x1*x1**x2)",
    "x1*exp(-x1*x2)/(x1*(1 + 2*x2) + exp(-x1*x2))",
    "(cos(x1) - x2)/(1 - x2*cos(x1)) + 0*x3",
    "(x1 + sqrt(x2*x3))/(2 - x1)",
]


def table(law: str, seed: int = 1) -> tuple[list[Part], Array, Array]:
    X = np.random.default_rng(seed).uniform(0.5, 3.0, (128, 3))
    y = evaluate(parse(law), X)
    return Views(X, y, np.ones(len(y))).columns, X, y


def rational(columns: list[Part], y: Array) -> Expression | None:
    return Quotients(columns, len(y)).equation(y)


def is_exact(found: Expression | None, law: str) -> bool:
    if found is None:
        return False
    _, X, y = table(law, seed=2)
    return bool(np.abs(evaluate(found, X) / y - 1.0).max() < 1e-6)


@pytest.mark.parametrize("law", QUOTIENTS)
def test_quotients_are_found_at_their_lowest_degree(law: str) -> None:
    columns, _, y = table(law)
    found = rational(columns, y)
    assert is_exact(found, law)
    assert found is not None
    assert found.complexity <= 1.5 * parse(law).complexity


@pytest.mark.parametrize("law", IN_FUNCTION)
def test_a_function_is_found_with_the_polynomials(law: str) -> None:
    columns, X, y = table(law)
    assert rational(columns, y) is None
    library = Library(X, Grammar(40, 3), np.random.default_rng(0))
    library.renew()
    assert is_exact(QuotientsInFunction(columns, functions_of(library), len(y)).equation(y), law)


@pytest.mark.parametrize("law", ["exp(x1) + x2", "sin(x1*x2) + x3", "sqrt(x1**2 + x2)*x3", "x1**1.7 + 0.001*x2"])
def test_what_polynomials_only_come_near_to_is_no_quotient(law: str) -> None:
    for n_columns in (1, 2, 3):
        columns, X, _ = table(law)
        X = X.copy()
        X[:, n_columns:] = 1.2
        assert rational(columns[:n_columns], evaluate(parse(law), X)) is None


def test_noise_is_no_quotient() -> None:
    columns, _, y = table(QUOTIENTS[3])
    noisy = y * (1.0 + 1e-8 * np.random.default_rng(0).standard_normal(len(y)))
    assert rational(columns, noisy) is None


def test_columns_with_few_values_have_relations_of_their_own() -> None:
    rng = np.random.default_rng(3)
    X = np.column_stack([rng.integers(0, 3, 128), rng.integers(1, 4, 128), rng.uniform(1.0, 2.0, 128)]).astype(float)
    y = (X[:, 0] + X[:, 2]) / (X[:, 1] + 0.5 * X[:, 2])
    found = rational(Views(X, y, np.ones(len(y))).columns, y)
    assert found is not None
    assert np.allclose(evaluate(found, X), y, rtol=1e-9)
    assert found.complexity <= 10


def test_tables_that_are_too_short_or_constant_give_nothing() -> None:
    columns, _, y = table(QUOTIENTS[3])
    short = [Part(part.kind, part.node, part.values[:8]) for part in columns]
    assert rational(short, y[:8]) is None
    assert QuotientsInFunction(short, short, 8).equation(y[:8]) is None
    assert QuotientsInFunction(columns, [], len(y)).equation(y) is None
    flat = rational(columns, np.full(len(y), 2.0))
    assert flat is None or not flat.variables
