"""Laws of one group with simple exponents: found in noise, written shortest, and independent of the units."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.pursuit.coordinates import coordinates_of
from nesymres_sk.search.pursuit.group_trees import law_tree
from nesymres_sk.search.pursuit.groups import GroupSearch
from nesymres_sk.search.pursuit.simple_groups import GroupLaw, shared_exponent
from nesymres_sk.search.pursuit.views import Views

Array = NDArray[np.float64]

LAWS = [
    "x1*x2*tanh(x2*x3/(x4*x5))",
    "x1*(exp(x2/(x3*x5)) - 1)",
    "0.07*x1**3/(x2**2*(exp(0.6*x1*x3/(x4*x5)) - 1))",
    "x1/(exp(x2*x3/x4) + exp(-x2*x3/x4))",
    "sqrt(1 + 2.2*x1**2*x2*x3**2/(x4*x5**4))",
    "x1*x2/(x3**2 + 0.5*x4**2)",
    "x1*x2*exp(-0.3*x3*x4/x5)",
]


def noisy(law: str, noise: float, n: int = 128) -> tuple[Array, Array]:
    rng = np.random.default_rng(7)
    X = rng.uniform(1.0, 5.0, (n, 5))
    y = evaluate(parse(law), X)
    return X, y + noise * np.sqrt(np.mean(y**2)) * rng.normal(size=n)


def laws(X: Array, y: Array) -> list[GroupLaw]:
    coordinates = coordinates_of(Views(X, y, np.ones(len(y))).columns)
    rows = y != 0.0
    logs = np.array([coordinate.logs[rows] for coordinate in coordinates])
    with np.errstate(all="ignore"):
        search = GroupSearch(logs, np.log(np.abs(y[rows])), np.abs(y[rows]), lambda _: True)
        return [*search.laws(), *search.simple()]


def is_simple(law: GroupLaw) -> bool:
    exponents = np.array([*law.inner, law.power, *law.outer])
    return bool(np.all(2.0 * exponents == np.round(2.0 * exponents)))


@pytest.mark.parametrize("noise", [0.001, 0.01])
@pytest.mark.parametrize("text", LAWS)
def test_a_law_is_among_those_found_in_noise(text: str, noise: float) -> None:
    X, y = noisy(text, noise)
    truth = np.log(np.abs(evaluate(parse(text), X)))
    deviations = []
    coordinates = coordinates_of(Views(X, y, np.ones(len(y))).columns)
    for law in filter(is_simple, laws(X, y)):
        node = law_tree(law, coordinates, X)
        assert node is not None
        # constants are known within the noise
        with np.errstate(all="ignore"):
            difference = np.log(np.abs(evaluate(Expression.from_tree(node), X))) - truth
        deviations.append(np.std(difference))
    assert min(deviations) < 2.0 * noise


def test_the_law_of_the_shortest_description_comes_first() -> None:
    X, y = noisy(LAWS[0], 0.01)
    law = next(filter(is_simple, laws(X, y)))
    np.testing.assert_array_equal(law.inner, [0.0, 1.0, 1.0, -1.0, -1.0])
    np.testing.assert_array_equal(law.outer, [1.0, 1.0, 0.0, 0.0, 0.0])
    assert law.power == 1.0
    assert law.offset == pytest.approx(0.0, abs=0.1)


def test_units_of_the_columns_change_the_coefficient_only() -> None:
    X, y = noisy(LAWS[2], 0.01)
    units = np.array([1e3, 1e-4, 1.0, 2.0, 1e6])
    for before, after in zip(laws(X, y), laws(X * units, 1e-5 * y), strict=True):
        if is_simple(before) and is_simple(after) and before.function == after.function:
            np.testing.assert_array_equal(before.inner, after.inner)
            assert before.error == pytest.approx(after.error, rel=1e-6)
            break
    else:
        pytest.fail("no law with simple exponents in both units")


@pytest.mark.parametrize("inner", [-2.0, 1.0, 0.0])
@pytest.mark.parametrize("outer", [0.0, 1.0, -1.5])
@pytest.mark.parametrize("power", [0.5, -1.0, 2.0])
def test_shared_exponents_shorten_a_power_law(inner: float, outer: float, power: float) -> None:
    s = shared_exponent(inner, outer, power)
    x, c = 1.7, 0.3
    assert x**outer * (1.0 + c * x**inner) ** power == pytest.approx(
        x ** (outer - power * s) * (x**s + c * x ** (inner + s)) ** power
    )

    def used(s: float) -> int:
        return sum(abs(exponent) > 1e-9 for exponent in (outer - power * s, s, inner + s))

    assert used(s) <= used(0.0)
