"""Which functions of a sum are needed: those of the law, whatever else could take their place."""

from __future__ import annotations

import numpy as np

from nesymres_sk.search.pursuit.regression import needed


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
