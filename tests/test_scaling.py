import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.scaling import column_scales, generic, scale_of, substitute, unscale


def test_scale_is_the_root_mean_square_of_finite_values():
    assert scale_of(np.array([3.0, -4.0])) == pytest.approx(np.sqrt(12.5), rel=1e-15)
    assert scale_of(np.array([3.0, np.nan, -4.0, np.inf])) == pytest.approx(np.sqrt(12.5), rel=1e-15)


@pytest.mark.parametrize("values", [[], [0.0, 0.0], [np.nan]])
def test_scale_without_information_is_one(values):
    assert scale_of(np.array(values)) == 1.0


@pytest.mark.parametrize("magnitude", [1e-310, 1e-200, 1e-30, 1.0, 1e30, 1e200, 1.7e308])
def test_scale_of_extreme_magnitudes_is_finite_and_positive(magnitude):
    scale = scale_of(np.array([magnitude, -magnitude]))
    assert 0 < scale < np.inf
    if 1e-300 < magnitude < 1e300:
        assert scale == pytest.approx(magnitude, rel=1e-12)


def test_column_scales_are_those_of_the_columns():
    X = np.array([[1.0, 0.0, 1e200], [-1.0, 0.0, 1e200]])
    np.testing.assert_allclose(column_scales(X), [1.0, 1.0, 1e200])


@given(
    st.lists(st.floats(1e-8, 1e8), min_size=3, max_size=3),
    st.sampled_from(["mul C mul x1 square x2", "add C mul C exp mul C x1", "div mul C x1 add C sqrt x2", "log x2"]),
)
@settings(max_examples=60, deadline=None)
def test_unscale_gives_the_same_values_in_the_users_units(scales, text):
    tokens = text.split()
    constants = np.linspace(0.7, 1.9, tokens.count("C"))
    fitted = Expression.from_names(text, constants)
    X = np.random.default_rng(0).uniform(0.5, 2.0, (20, 2))
    x_scales, y_scale = np.array([generic(s) for s in scales[:2]]), generic(scales[2])
    equation = unscale(fitted, x_scales, y_scale)
    assert equation is not None
    np.testing.assert_allclose(evaluate(equation, X * x_scales), y_scale * evaluate(fitted, X), rtol=1e-9)


def test_unscale_merges_the_scales_into_the_constants():
    fitted = Expression.from_names("add mul C x1 C", [2.0, 3.0])
    equation = unscale(fitted, [generic(10.0)], generic(0.5))
    assert equation is not None
    assert equation.complexity == fitted.complexity


def test_factors_that_come_out_as_one_vanish():
    equation = unscale(Expression.from_names("mul C x1", [0.25]), [2.5], 10.0)
    assert equation is not None
    assert equation.names() == ("x1",)


def test_substitute_leaves_unit_scales_alone():
    expression = Expression.from_names("sin x1")
    assert substitute(expression, [1.0], 1.0) == expression


def test_generic_scales_are_no_simple_fractions():
    for p in range(1, 6):
        for q in range(1, 6):
            ratio = generic(p / q)
            assert ratio == pytest.approx(p / q, rel=0.02)
            assert all(abs(ratio * b - a) > 1e-3 for a in range(1, 6) for b in range(1, 6))
