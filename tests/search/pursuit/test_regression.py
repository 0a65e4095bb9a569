"""Bases and their spans, and which functions of a sum are needed: those of the law, whatever could take their place."""

from __future__ import annotations

import numpy as np

from nesymres_sk.search.pursuit.regression import modulating, needed, orthonormal, outside


def monomials(n: int = 128, highest: int = 4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All monomials of two columns, their degrees and sizes."""
    x, z = np.random.default_rng(1).uniform(1.0, 5.0, (2, n))
    powers = [(i, j) for i in range(highest + 1) for j in range(highest + 1 - i)]
    values = np.array([x**i * z**j for i, j in powers])
    return (
        values,
        np.array([i + j for i, j in powers]),
        np.array([1.0 + 2.0 * (i > 0) + 2.0 * (j > 0) for i, j in powers]),
    )


def test_of_many_monomials_those_of_the_law_are_left() -> None:
    functions, degrees, sizes = monomials()
    truth = np.zeros(len(functions))
    truth[(degrees == 2) & (sizes == 3.0)] = 1.0, -2.0  # both squares
    y = truth @ functions
    y = y + 0.01 * np.sqrt(np.mean(y**2)) * np.random.default_rng(2).normal(size=len(y))
    kept, coefficients = needed(functions, y, sizes, degrees)
    np.testing.assert_array_equal(kept, truth != 0.0)
    np.testing.assert_allclose(coefficients[kept], np.linalg.lstsq(functions[kept].T, y, rcond=None)[0], rtol=1e-6)
    np.testing.assert_array_equal(coefficients[~kept], 0.0)


def test_a_function_at_least_is_left_whatever_the_target() -> None:
    functions, degrees, sizes = monomials(highest=2)
    functions[2] = 0.0
    kept, coefficients = needed(functions, np.random.default_rng(3).normal(size=128), sizes, degrees)
    assert kept.any()
    assert not kept[2]
    assert np.isfinite(coefficients).all()


def test_rows_that_depend_on_others_take_nothing_from_the_span_of_later_ones() -> None:
    rng = np.random.default_rng(4)
    a, b, c = rng.normal(size=(3, 50))
    rows = np.array([a, 1000.0 * a, b, a + b, c])
    basis = orthonormal(rows)
    assert len(basis) == 3
    np.testing.assert_allclose(basis @ basis.T, np.eye(3), atol=1e-12)
    assert np.abs(outside(rows, basis)).max() < 1e-9


def test_the_function_that_a_sum_is_multiplied_by_is_found() -> None:
    rng = np.random.default_rng(5)
    x, z = rng.uniform(0.5, 3.0, (2, 100))
    functions = np.array([np.sin(x), np.exp(-z), np.sqrt(x * z), np.full(100, np.nan)])
    base = np.array([np.ones(100), x])
    y = 2.0 - x + np.exp(-z) * (3.0 * x - 1.0)
    weight = rng.uniform(0.5, 1.5, 100)
    ((row, error),) = modulating(functions, base, y, weight, 1)
    assert row == 1
    assert error < 1e-9 * float(y @ y)
    assert sorted(row for row, _ in modulating(functions, base, y, weight, 9)) == [0, 1, 2]
