"""Polynomials of several columns, and errors of rows predicted from the others against leaving each of them out."""

from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.search.pursuit.smooth import ROWS_PER_TERM, polynomials, regressed, unit


def test_errors_are_those_of_rows_left_out() -> None:
    rng = np.random.default_rng(0)
    functions, target, weight = rng.normal(size=(4, 30)), rng.normal(size=30), rng.uniform(0.5, 2.0, 30)
    squares = []
    for i in range(30):
        rows = np.arange(30) != i
        system = (functions * weight).T
        coefficients = np.linalg.lstsq(system[rows], (target * weight)[rows], rcond=None)[0]
        squares.append((system[i] @ coefficients - target[i] * weight[i]) ** 2)
    assert regressed(functions, target, weight).error == pytest.approx(np.mean(np.sort(squares)[:28]), rel=1e-9)


@pytest.mark.parametrize("k", [1, 2, 3, 6])
def test_polynomials_span_all_up_to_their_degree(k: int) -> None:
    rng = np.random.default_rng(k)
    units = [unit(column) for column in rng.normal(size=(k, 128))]
    functions = polynomials(units)
    assert len(functions) <= 128 // ROWS_PER_TERM
    np.testing.assert_array_equal(functions[0], 1.0)
    quadratic = 1.0 + sum(units) + 0.5 * units[0] * units[-1]
    assert regressed(functions, quadratic, np.ones(128)).error < 1e-20
    assert np.linalg.matrix_rank(functions) == len(functions)


def test_units_are_logarithms_where_columns_span_factors() -> None:
    wide, narrow = np.geomspace(1e-3, 1e3, 7), np.linspace(-1.0, 5.0, 7)
    np.testing.assert_allclose(unit(wide), np.linspace(-1.0, 1.0, 7), atol=1e-12)
    np.testing.assert_allclose(unit(narrow), np.linspace(-1.0, 1.0, 7), atol=1e-12)
    np.testing.assert_array_equal(unit(np.full(7, 3.0)), -1.0)
