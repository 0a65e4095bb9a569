import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nesymres_sk.rounding import is_single, rounding_error


def numbers(n=500, seed=0):
    return np.random.default_rng(seed).uniform(-9.0, 9.0, n)


@pytest.mark.parametrize("digits", [4, 5, 6, 9])
@pytest.mark.parametrize("unit", [1e-12, 1e-3, 1.0, 1e12])
def test_digits(digits, unit):
    exact = numbers() * unit
    y = np.array([float(f"{value:.{digits}g}") for value in exact])
    actual = np.mean(np.square(y - exact))
    assert actual < rounding_error(y) < 4.0 * actual


@pytest.mark.parametrize("decimals", [2, 4, 5])
def test_decimals(decimals):
    y = np.round(100.0 * numbers(), decimals)
    assert rounding_error(y) == pytest.approx(0.25 * 100.0**-decimals, rel=0.02)


def test_whole_numbers():
    assert rounding_error(np.array([1234.0, 7.0, 0.0, -310.0])) == 0.25
    assert rounding_error(np.array([1234.0, 7.0, 0.0, -310.0]) * 1e6) == pytest.approx(0.25e12)


def test_texts_of_single_precision():
    exact = np.log(np.arange(2.0, 400.0)).astype(np.float32)
    y = np.array([float(str(value)) for value in exact])
    assert not np.array_equal(y, y.astype(np.float32))
    actual = np.mean(np.square(y - np.log(np.arange(2.0, 400.0))))
    assert actual < rounding_error(y) < 30.0 * actual


def test_single_precision_may_have_passed_through_a_text():
    single = numbers().astype(np.float32).astype(float)
    assert is_single(single)
    assert is_single(np.array([float(f"{value:.15g}") for value in single]))
    assert not is_single(np.round(single, 6))
    assert not is_single(np.append(single, 0.1))
    assert not is_single(1e300 * single)


@pytest.mark.parametrize(
    "y",
    [
        numbers(),
        np.round(numbers(), 2),  # three digits
        np.round(numbers(), 14),
        np.arange(1.0, 100.0),
        np.array([1.0, np.pi]),
        np.zeros(5),
        numbers() * 1e300,
        numbers() * 1e-300,
        np.round(numbers(), 3) * 1e200,
        np.append(np.round(numbers(), 4), np.pi),
    ],
)
def test_what_is_not_rounded(y):
    assert rounding_error(y) == 0.0


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_any_numbers(values):
    error = rounding_error(np.array(values))
    assert np.isfinite(error)
    assert error >= 0.0
