"""Laws of one group of columns: the table of functions, what is found of exact and noisy data, and the trees."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.pursuit.coordinates import combined, coordinates_of, signs_of
from nesymres_sk.search.pursuit.group_functions import GROUP_FUNCTIONS, SUMS
from nesymres_sk.search.pursuit.groups import EXACT, GroupSearch, columns_of_law
from nesymres_sk.search.pursuit.links import LINKS
from nesymres_sk.search.pursuit.matcher import Matcher
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]

LAWS = [
    "0.07*x1**3/(x2**2*(exp(0.6*x1*x3/(x4*x5)) - 1))",
    "x1/sqrt(1 - 0.03*x2**2/x3**2)",
    "sqrt(1 + 2.2*x1**2*x2*x3**2/(x4*x5**4))",
    "x4*x1**2.3/(x1**2.3 + x2**2.3)",
    "x1*(0.3*x2**-0.5 + 0.7*x3**-0.5)**-2",
    "3*x1*x2*tanh(0.1*x3*x4/x5)",
    "2.5*x1*log(1.7*x2/x3 + 1)*x4",
    "x1*x2*exp(-0.3*x3*x4/x5)",
    "x1/x2*(1 - exp(-0.5*x3/(x2*x4)))",
    "-x1*sin(0.2*x2*x3)/x4**1.5",
    "6.2*x1**1.5/sqrt(x2*(x3 + x4))",
    "x1*sqrt(0.5*x2**2/x3**4 + 1)",
    "x2*x3/(8.5 - x1)",
    "1.3*x1**2*sqrt(x2)/x3",
]
REPLACED = [
    "x1/(1 + 0.3*x1/(x2*x3**2)*(1 - cos(x4)))",
    "asin(0.2*x1*sin(x2))",
    "x1*x2*sin(0.2*x3*(x4 - x5))**2/(x3*(x4 - x5)**2)",
    "0.5*x1*(x2**2 + x3**2 + x4**2)",
    "x1*(cos(x2) + 0.3*cos(x2)**2)",
]


def everything(operator: str) -> bool:
    return True


def points(n: int = 128, d: int = 5, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(1.0, 5.0, (n, d))


def equations(X: Array, y: Array, replaced: bool = False, allowed=everything) -> list[Expression]:  # type: ignore[no-untyped-def]
    matcher = Matcher.__new__(Matcher)  # the library plays no part
    matcher.views, matcher._searched = Views(X, y, np.ones(len(y))), []
    return [*matcher.groups(LINKS[0], allowed, replaced), *matcher.simple_groups()]


def error_of(equation: Expression, law: str, X: Array) -> float:
    y = evaluate(parse(law), X)
    return float(np.mean(np.square(evaluate(equation, X) - y)) / np.mean(np.square(y)))


@pytest.mark.parametrize("function", GROUP_FUNCTIONS)
def test_values_are_those_of_the_tree_and_slopes_those_of_differences(function) -> None:  # type: ignore[no-untyped-def]
    u = np.linspace(-2.0, -0.2, 7)
    one = np.ones(7)
    value, slope = function.linearised(u, one)
    tree = Expression.from_tree(function.tree(1.0, (v.variable(0),)))
    np.testing.assert_allclose(np.exp(value), np.abs(evaluate(tree, np.exp(u)[:, None])), rtol=1e-9)
    step = 1e-6
    differences = (function.linearised(u + step, one)[0] - function.linearised(u - step, one)[0]) / (2.0 * step)
    np.testing.assert_allclose(slope, differences, rtol=1e-6)


def test_sums_go_by_the_sign_of_the_group() -> None:
    u, signs = np.array([-1.0, 0.5, -1.0, 0.5]), np.array([1.0, 1.0, -1.0, -1.0])
    for place, side in zip(SUMS, (1.0, -1.0), strict=True):
        value, _ = GROUP_FUNCTIONS[place].linearised(u, signs)
        np.testing.assert_allclose(np.exp(value), np.abs(1.0 + side * signs * np.exp(u)))


@pytest.mark.parametrize("law", LAWS)
def test_laws_are_found_and_hold_elsewhere(law: str) -> None:
    X = points()
    found = equations(X, evaluate(parse(law), X))
    assert found
    assert error_of(found[0], law, points(seed=1)) < 1e-16
    assert len(found[0].tokens) <= 2 * len(parse(law).tokens)


@pytest.mark.parametrize("law", REPLACED)
def test_functions_of_one_column_or_two_take_their_place(law: str) -> None:
    X = points()
    found = equations(X, evaluate(parse(law), X), replaced=True)
    assert min((error_of(equation, law, points(seed=1)) for equation in found), default=1.0) < 1e-16


@pytest.mark.parametrize(
    "law", ["x1*(20 + x2*x3)", "x2/(x1 - 9.5)", "x1*x3**3*exp(-0.2*x3**2)", "x2*sqrt(0.7*x1**2 + x3**4)"]
)
def test_columns_of_any_sign(law: str) -> None:
    X = points(d=3)
    X[:, 0] *= -1.0
    X[:, 2] -= 3.0
    found = equations(X, evaluate(parse(law), X))
    assert min((error_of(equation, law, X) for equation in found), default=1.0) < 1e-16


def test_a_column_may_be_constant_on_the_rows_of_one_sign() -> None:
    X = points(d=3)
    X[:, 0] -= 2.0
    X[X[:, 0] > 0.0, 1] = 3.0  # the directions are sought on these rows, which are more
    law = "x3*(20 + x1*x2)"
    for signed in (X, X * [-1.0, 1.0, 1.0]):
        found = equations(signed, evaluate(parse(law), signed))
        assert min((error_of(equation, law, signed) for equation in found), default=1.0) < 1e-16
    noisy = X[:, 0] ** 2 * (1.0 + 0.1 * np.random.default_rng(1).normal(size=len(X)))
    assert equations(X[:, :2], noisy)  # one direction of two is that of the constant column


def test_exponents_are_simple_despite_noise() -> None:
    X = points(n=300)
    law = "x1*x2/(1 + 0.4*x3**2/x4)"
    y = evaluate(parse(law), X)
    found = equations(X, y + 0.01 * y.std() * np.random.default_rng(3).normal(size=len(y)))
    assert min(error_of(equation, law, X) for equation in found) < 1e-4


def test_only_what_is_allowed() -> None:
    X = points()
    y = X[:, 0] * np.tanh(0.1 * X[:, 1] * X[:, 2])
    tanh = v.operator_token("tanh")
    assert tanh in equations(X, y)[0].tokens
    assert all(tanh not in e.tokens for e in equations(X, y, allowed=lambda operator: operator != "tanh"))
    names = {
        token
        for part in combined(Views(X, y, np.ones(128)).columns, lambda operator: operator == "add")
        for coordinate in part
        for token in Expression.from_tree(coordinate.node).tokens
    }
    assert v.operator_token("sin") not in names


def test_sums_of_other_kinds_are_no_laws() -> None:
    X = points()
    assert not equations(X, np.random.default_rng(5).uniform(1.0, 5.0, 128))
    assert not columns_of_law(X, X[:, 0] * X[:, 1] + X[:, 2] * X[:, 3] + np.sin(X[:, 4]))
    assert columns_of_law(X, X[:, 0] * X[:, 1] + X[:, 2] * X[:, 4]) == [0, 1, 2, 4]
    assert columns_of_law(X, X[:, 0] * X[:, 3]) == [0, 3]


@pytest.mark.parametrize("replaced", [False, True])
@pytest.mark.parametrize(
    "y",
    [
        np.full(20, 2.0),
        np.zeros(20),
        np.linspace(1.0, 2.0, 20) * 1e150,
        np.linspace(1.0, 2.0, 20) * 1e-90,
        np.where(np.arange(20) % 2, 1.0, -1.0),
        np.linspace(-1.0, 1.0, 20),
    ],
)
def test_odd_targets_do_no_harm(y: Array, replaced: bool) -> None:
    rng = np.random.default_rng(2)
    X = np.column_stack((rng.uniform(1.0, 2.0, 20), np.where(rng.random(20) < 0.5, 1.0, -1.0), rng.normal(size=20)))
    for table in (X, X[:, :1], X[:, 1:2], np.where(X > 1.5, 0.0, X), X * 1e120, X * 1e200):
        for equation in equations(table, y, replaced):
            assert np.isfinite(evaluate(equation, table)).all()
    assert columns_of_law(X[:, 1:2], y) == []
    few = Views(X[:4], y[:4], np.ones(4))
    assert Matcher(Library.__new__(Library), few).groups(LINKS[0], everything) == []


def test_the_group_is_that_of_the_law() -> None:
    X = points()
    y = X[:, 3] / (1.0 + 0.5 * X[:, 0] ** 2 / X[:, 1])
    coordinates = coordinates_of(Views(X, y, np.ones(128)).columns)
    logs = np.array([coordinate.logs for coordinate in coordinates])
    law = GroupSearch(logs, np.log(y), y, everything, signs_of(coordinates)[0]).laws()[0]
    assert law.function in SUMS
    assert law.error < EXACT
    function, _ = GROUP_FUNCTIONS[law.function].linearised(law.inner @ logs + law.offset, np.ones(128))
    rest = np.log(y) - law.outer @ logs - law.power * function
    assert np.ptp(rest) < 1e-9
    np.testing.assert_allclose(np.abs(law.inner), [2.0, 1.0, 0.0, 0.0, 0.0], atol=1e-6)
    assert abs(law.offset) == pytest.approx(np.log(2.0))
