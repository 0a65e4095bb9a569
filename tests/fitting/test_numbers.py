import math

import pytest

from nesymres_sk.fitting.numbers import nearest_simple, simple_number_cost, simple_numbers


@pytest.mark.parametrize(
    "value",
    [
        *(7.0, -3.5, 2 / 3, 9.81, 6.674e-11, 1e6),
        *(math.pi, 2 * math.pi, -math.pi / 6, 1 / (4 * math.pi), 3 / (2 * math.pi)),
        *(math.sqrt(2), -math.sqrt(3), math.sqrt(0.5 * math.pi), 1 / math.sqrt(2 * math.pi), math.e, -1 / math.e),
    ],
)
def test_simple_numbers_are_recognised(value):
    assert simple_number_cost(value) < 16.0
    found = nearest_simple(value * (1 + 1e-12), 1e-11 * abs(value))
    assert found is not None
    assert found[1] == pytest.approx(value, rel=4e-16)


@pytest.mark.parametrize("value", [1.2345678, 0.1234567891, -17.0000012, 2.0000123])
def test_others_are_not(value):
    assert nearest_simple(value, 1e-13) is None


def test_a_number_that_is_not_well_known_may_be_anything():
    assert nearest_simple(2.01, 0.02) is None  # one in twenty-five would be as near to an integer by chance
    assert nearest_simple(2.001, 0.002) == (pytest.approx(0.004), 2.0)
    assert nearest_simple(2.0, math.inf) is None


def test_a_simple_number_must_lie_within_the_errors():
    assert nearest_simple(2.001, 1e-4) is None or nearest_simple(2.001, 1e-4)[1] != 2.0
    assert nearest_simple(2.001, 1e-6, accuracy=2e-3) == (pytest.approx(0.002), 2.0)


def test_plain_kinds_come_first():
    assert next(simple_numbers(1.9999)).value == 2.0
    assert list(simple_numbers(0.0)) == []
    assert simple_number_cost(2.0) < simple_number_cost(math.sqrt(2.0)) < simple_number_cost(1.23456)


@pytest.mark.parametrize("value", [5e-324, -1.2345e-320, 2.2e-308, 1.7e308])
def test_numbers_at_the_ends_of_the_range(value):
    assert simple_number_cost(value) > 0.0
    found = nearest_simple(value, 1e-12 * abs(value))
    assert found is None or math.isfinite(found[1])
