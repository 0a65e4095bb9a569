import numpy as np
import pytest

from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.fitting.linear import affine_equations, compress
from nesymres_sk.table import Table


@pytest.mark.parametrize("offset", [0.0, 1.0, 1e3])
def test_compression_keeps_the_least_squares_solution(offset):
    rng = np.random.default_rng(0)
    blocks = [
        np.column_stack((np.ones(n), offset + rng.standard_normal(n), rng.standard_normal(n) + 3.0))
        for n in (9000, 500)
    ]
    triangle = compress(blocks)
    assert triangle.shape == (3, 3)
    stacked = np.vstack(blocks)
    np.testing.assert_allclose(triangle.T @ triangle, stacked.T @ stacked, rtol=1e-11)
    expected = np.linalg.lstsq(stacked[:, :2], stacked[:, 2], rcond=None)[0]
    np.testing.assert_allclose(np.linalg.lstsq(triangle[:, :2], triangle[:, 2], rcond=None)[0], expected, rtol=1e-6)


def test_undefined_rows_stay_visible_and_repeated_columns_do_no_harm():
    assert not np.isfinite(compress([np.full((5000, 2), np.inf)])).all()
    twice = np.repeat(np.arange(5000.0)[:, None], 2, axis=1)
    np.testing.assert_allclose(np.square(compress([twice])).sum(axis=0), np.square(twice).sum(axis=0), rtol=1e-12)


def test_affine_equations_of_a_long_table_are_exact():
    X = np.random.default_rng(0).uniform(1.0, 2.0, (20_000, 2))
    table = Table.prepare(X, 3.7 * X[:, 0] - 1.2 * X[:, 1] + 0.3)
    equations = affine_equations(table)
    assert equations[0].variables == ()
    assert table.error(equations[-1]) <= table.floor
    np.testing.assert_allclose(evaluate(equations[-1], table.X), table.y, rtol=1e-11)


def test_slopes_that_overflow_are_left_out():
    x = np.array([1.0, 1.1, 1.3, 1.6, 2.0])
    table = Table.prepare(np.column_stack((x, x + 1e-9 * np.sin(9.0 * x))), np.array([0.0, 1.0, 0.0, 1.0, 0.0]) * 1e300)
    equations = affine_equations(table)
    assert equations[0].variables == ()
    assert all(np.isfinite(equation.constants).all() for equation in equations)
