"""Matching functions against a target: the linear algebra against brute force."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray
from regressions import relative_error

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.search.pursuit.matching import Design
from nesymres_sk.search.pursuit.regression import factored, solve_many
from nesymres_sk.search.pursuit.trees import power, simple_exponent

Array = NDArray[np.float64]


@pytest.fixture
def problem() -> tuple[Array, Array, Array, Array]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(25, 40)), rng.normal(size=(3, 40)), rng.normal(size=40), rng.uniform(0.5, 2.0, 40)


def test_singles_are_the_best_regressions(problem: tuple[Array, Array, Array, Array]) -> None:
    functions, base, target, slope = problem
    matches = Design(functions, base, target, slope).singles(25)
    errors = [relative_error(np.vstack((base, row)), target, slope) for row in functions]
    assert [match.rows[0] for match in matches] == np.argsort(errors).tolist()
    np.testing.assert_allclose([match.error for match in matches], np.sort(errors), rtol=1e-9)


def test_extensions_are_regressions(problem: tuple[Array, Array, Array, Array]) -> None:
    functions, base, target, slope = problem
    design = Design(functions, base, target, slope)
    beam = design.beam(design.singles(5))
    for _ in range(3):
        matches, beam = design.extend(beam, 4, 6)
        assert beam.matches == matches[:6]
        assert [match.error for match in matches] == sorted(match.error for match in matches)
        for match in matches:
            rows = np.vstack((base, functions[list(match.rows)]))
            assert match.error == pytest.approx(relative_error(rows, target, slope), rel=1e-8)


def test_the_best_of_all_pairs_is_found(problem: tuple[Array, Array, Array, Array]) -> None:
    functions, base, target, slope = problem
    best = Design(functions, base, target, slope).pairs(np.arange(25), 5)[0]
    errors = {
        pair: relative_error(np.vstack((base, functions[list(pair)])), target, slope)
        for pair in combinations(range(25), 2)
    }
    assert errors[best.rows] == min(errors.values()) == pytest.approx(best.error, rel=1e-8)


def test_functions_that_the_base_explains_are_no_matches() -> None:
    x = np.linspace(1.0, 2.0, 30)
    functions = np.array([3.0 * x + 1.0, x**2])
    design = Design(functions, np.array([np.ones(30), x, x]), np.exp(x), np.ones(30))
    assert [match.rows for match in design.singles(2)] == [(1,)]
    assert design.base_error > 0.0


def test_factored_sums_are_regressions() -> None:
    rng = np.random.default_rng(1)
    factors, functions = rng.normal(size=(4, 30)), rng.normal(size=(9, 30))
    target, slope = rng.normal(size=30), rng.uniform(0.5, 2.0, 30)
    centred = (target - np.average(target, weights=slope**2)) * slope
    scale = float((target * slope) @ (target * slope))
    for i, j, error in factored(factors, functions, target, slope, 9):
        rows = np.array([np.ones(30), factors[i], factors[i] * functions[j]])
        assert error == pytest.approx(relative_error(rows, target, slope), rel=1e-8)
    assert centred @ centred <= scale


def test_tangents_make_the_error_of_a_constant_one_of_second_order() -> None:
    x = np.linspace(0.1, 3.0, 50)
    target = 2.0 * np.exp(-0.7 * x) + 1.0
    exponents = np.array([-0.75, -0.2])
    functions = np.vstack((np.exp(exponents[:, None] * x), x**2))
    arguments = (functions, np.ones((1, 50)), target, np.ones(50), None)
    plain = Design(*arguments).singles(1)[0]
    moved = Design(*arguments, np.array([0, 1]), x * functions[:2]).singles(1)[0]
    assert plain.rows == moved.rows == (0,)
    rows = np.vstack((np.ones(50), functions[0], x * functions[0]))
    assert moved.error == pytest.approx(relative_error(rows, target, np.ones(50)), rel=1e-3)
    assert moved.error < 1e-2 * plain.error


def test_many_small_systems_are_solved_as_one_by_one() -> None:
    rng = np.random.default_rng(2)
    systems, target = rng.normal(size=(6, 3, 20)), rng.normal(size=20)
    coefficients, importance, errors = solve_many(systems, target)
    for system, found, weights, error in zip(systems, coefficients, importance, errors, strict=True):
        np.testing.assert_allclose(found, np.linalg.lstsq(system.T, target, rcond=None)[0], rtol=1e-9)
        assert error == pytest.approx(relative_error(system, target, np.ones(20)))
        for k in range(3):
            without = relative_error(np.delete(system, k, axis=0), target, np.ones(20))
            assert weights[k] == pytest.approx(without - error, rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("exponent", [-3.0, -0.5, 0.5, 1.0, 1.5, 2.0, 4.0, 6.0, 1.0 / 3.0, 0.77])
def test_powers(exponent: float) -> None:
    x = np.linspace(0.5, 2.0, 7)
    tree = power((v.variable(0),), exponent)
    np.testing.assert_allclose(evaluate(Expression.from_tree(tree), x[:, None]), x**exponent, rtol=1e-13)


def test_simple_exponents() -> None:
    assert simple_exponent(1.98, 0.05) == 2.0
    assert simple_exponent(-0.49, 0.05) == -0.5
    assert simple_exponent(0.66, 0.05) == pytest.approx(2.0 / 3.0)
    assert simple_exponent(0.25, 0.05) is None
