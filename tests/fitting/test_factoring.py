import numpy as np
import pytest

from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.fitting.factoring import factor
from nesymres_sk.fitting.selection import constants_length, structure_length
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.skeletons import SkeletonSampler

N_COLUMNS = 3


def cost(expression):
    return structure_length(expression, N_COLUMNS) + constants_length(expression, 1e12)[0]


def factored(text, errors=None):
    return to_infix(factor(parse(text), cost, errors), digits=6)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0.7123 * x1 + 0.7123 * x2", "0.7123 * (x1 + x2)"),
        ("x1 / (2.4195 * x2 + 2.4195 * x3)", "0.413309 * x1 / (x2 + x3)"),
        ("x3 + 0.7123 * x1 - 0.7123 * x2", "x3 + 0.7123 * (x1 - x2)"),
        ("sin(1.0301 * x1 + 2.0602 * x2)", "sin(1.0301 * (x1 + 2 * x2))"),
        ("3.125 * sqrt(0.64 * x1 + 0.64 * x2)", "2.5 * sqrt(x1 + x2)"),
        ("x1 - 1.1111 * (0.36 * x2 + 0.36) ** 2", "x1 - 0.143999 * (x2 + 1) ** 2"),
    ],
)
def test_common_factors_are_pulled_out(given, expected):
    assert factored(given) == expected


def test_a_superfluous_constant_vanishes():
    # the scale of the sum and the factor before the square are one degree of freedom
    found = factor(parse("8.1234567 * (0.3512345 * x1 * x2 + 0.0245123) ** 2 + x3"), cost)
    assert len(found.constants) == 2
    # two sums have to move together
    found = factor(parse("(8.0053 * x1 - 1.6869) / (0.062458 * x2 + 0.884946)"), cost)
    assert len(found.constants) == 3
    # long sums: of one no two terms have a simple ratio, of the other two have
    argument = "2.7 * sin(x1) + 0.7163 * x2 + 2.95582 * x1 + 1.63083 * x2**2"
    divisor = "0.7123 * x1 * x3 + 0.1 + 0.7123 * x1 + 6.25215 * x2**2"
    found = factor(parse(f"0.7123 * sin(3.81213 * ({argument})) / ({divisor})"), cost)
    assert len(found.constants) == 6


def test_ratios_that_are_simple_within_their_errors_count_as_simple():
    text = "0.71231 * x1 + 1.42468 * x2"
    assert factored(text) == text
    assert factored(text, (1e-4, 1e-4)) == "0.71231 * (x1 + 2 * x2)"


@pytest.mark.parametrize("text", ["2.5 * x1 + 3.7", "x1 - 0.7123 * x2", "x1 * x2", "0.5 * x1 + 7.25 * x2 + 3"])
def test_what_is_short_stays(text):
    given = parse(text)
    assert factor(given, cost) is given


def test_factoring_never_changes_values_and_never_lengthens():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 2.0, (30, N_COLUMNS))
    n_changed = 0
    for skeleton in SkeletonSampler(RECIPES["base"], rng).sample(100, N_COLUMNS):
        values = rng.choice([0.5, 2.0, 0.7123, -1.234567, 3.3], len(skeleton.constants))
        given = canonical(skeleton.with_constants(values.tolist()))
        if given is None:
            continue
        found = factor(given, cost)
        n_changed += found is not given
        assert cost(found) <= cost(given)
        before, after = evaluate(given, X), evaluate(found, X)
        scale = np.nanmax(np.abs(before), initial=1.0)
        np.testing.assert_allclose(after, before, rtol=1e-9, atol=1e-12 * min(scale, 1e300), equal_nan=True)
    assert n_changed > 10


@pytest.mark.parametrize(
    "text",
    [
        "1e-200 * (1e-200 * x1 + 3.7 * x2) * 1e-200 + 1.5 * x3",
        "1e200 * (1e200 * x1 + 3.7 * x2) * 1e200 + 1.5 * x3",
        "(1e300 * x1 + 3.7) / (1e-300 * x2 + 1.5e-310 * x1)",
    ],
)
def test_numbers_whose_products_leave_the_range_stay_apart(text):
    given = parse(text)
    found = factor(given, cost)
    X = np.random.default_rng(0).uniform(0.5, 2.0, (20, N_COLUMNS))
    np.testing.assert_allclose(evaluate(found, X), evaluate(given, X), rtol=1e-12)
