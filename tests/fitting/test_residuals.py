import numpy as np
import pytest
from scipy.stats import norm, t

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.fitting.refinement import Target, refine
from nesymres_sk.fitting.residuals import residuals_length
from nesymres_sk.table import Table

MEAN, CURVE = Expression.from_names("C", [3.1]), parse("1.93 * x1 ** 0.71 + 0.213")


def fitted(equation, table):
    target = Target(table.X, table.y, table.y_scale, table.weight, table.n_effective, table.floor)
    return refine(equation, target)


def length(equation, table):
    return residuals_length(*fitted(equation, table), table, table.floor)


def draw(n, noise, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(1.0, 5.0, (n, 1))
    return Table.prepare(X, 2.0 * X[:, 0] ** 0.7 + noise(rng, n))


def normal(rng, n):
    return 0.1 * rng.standard_normal(n)


def test_normal_noise_of_many_rows_costs_half_the_logarithm_of_its_square():
    table = draw(2000, normal)
    equation, error = fitted(CURVE, table)
    assert residuals_length(equation, error, table, table.floor) == pytest.approx(0.5 * 2000 * np.log(error), abs=5.0)


def test_residuals_are_those_of_fits_to_the_other_rows():
    table = draw(12, normal)
    left_out = []
    for i in range(12):
        others = np.arange(12) != i
        rest = Table(table.X[others], table.y[others], None, 11.0, table.x_scales, table.y_scale)
        equation, _ = fitted(CURVE, rest)
        one = Table(table.X[[i]], table.y[[i]], None, 1.0, table.x_scales, table.y_scale)
        left_out.append(one.error(equation))
    assert length(CURVE, table) == pytest.approx(6.0 * np.log(np.mean(left_out)), abs=0.5)
    assert length(CURVE, table) > 6.0 * np.log(fitted(CURVE, table)[1]) + 1.0


def test_simple_numbers_are_not_fitted():
    table = draw(12, normal)
    simple = parse("2 * x1 ** 0.7")
    error = table.error(simple)
    assert residuals_length(simple, error, table, table.floor) == pytest.approx(6.0 * np.log(error))


@pytest.mark.parametrize("degrees", [1.5, 3.0])
def test_outliers_are_described_by_students_t(degrees):
    table = draw(500, lambda rng, n: 0.1 * rng.standard_t(degrees, n))
    equation, error = fitted(CURVE, table)
    residuals = (evaluate(equation, table.X) - table.y) / table.y_scale
    scale = t.fit(residuals, fix_df=degrees, floc=0.0)[2]
    expected = -t.logpdf(residuals, degrees, scale=scale).sum() + norm.logpdf(0.0) * 500 - 250.0
    assert residuals_length(equation, error, table, table.floor) == pytest.approx(expected, abs=6.0)
    assert residuals_length(equation, error, table, table.floor) < 250.0 * np.log(error) - 20.0


def test_one_outlier_that_is_met_is_little_gain():
    table = draw(60, normal)
    y = table.y.copy()
    y[30] += 30.0
    spoilt = Table.prepare(table.X, y)
    place = float(spoilt.X[np.argmax(spoilt.y), 0])
    smooth, peak = CURVE, parse(f"1.93 * x1 ** 0.71 + 0.213 + 29.3 * exp(-1e6 * (x1 - {place!r}) ** 2)")
    (_, first), (_, second) = fitted(smooth, spoilt), fitted(peak, spoilt)
    gain = 30.0 * np.log(first / second)
    assert gain > 100.0
    assert length(smooth, spoilt) - length(peak, spoilt) < 0.1 * gain


def test_constants_through_as_many_rows_explain_nothing():
    table = Table.prepare(np.array([[1.0], [2.0], [3.0]]), np.random.default_rng(0).uniform(1.0, 5.0, 3))
    equation, error = fitted(parse("1.7 * x1 ** 2 + 0.9 * x1 + 0.3"), table)
    assert error < 1e-20
    assert residuals_length(equation, error, table, table.floor) == pytest.approx(1.5 * np.log(table.variance))


def test_rounding_is_all_the_same():
    table = draw(50, lambda rng, n: 0.0)
    for factor in (1.0, 0.3, 1e-4):
        assert residuals_length(CURVE, factor * table.floor, table, table.floor) == 25.0 * np.log(table.floor)


def test_a_weight_of_two_is_a_repeated_row():
    table = draw(30, normal)
    counts = np.random.default_rng(1).integers(1, 4, 30)
    weighted = Table.prepare(table.X, table.y, counts.astype(float))
    equation, error = fitted(CURVE, weighted)
    repeated = Table(
        np.repeat(table.X, counts, axis=0),
        np.repeat(table.y, counts),
        None,
        float(counts.sum()),
        weighted.x_scales,
        weighted.y_scale,
    )
    assert residuals_length(equation, error, weighted, weighted.floor) == pytest.approx(
        residuals_length(equation, error, repeated, weighted.floor)
    )


def test_long_tables_are_judged_by_all_rows_and_a_sample_for_the_shape():
    table = draw(50_000, normal)
    equation, error = fitted(CURVE, table)
    assert residuals_length(equation, error, table, table.floor) == pytest.approx(25_000 * np.log(error), rel=1e-4)


def test_derivatives_that_are_no_numbers_do_no_harm():
    X = np.linspace(0.0, 1.0, 20)[:, None]
    table = Table.prepare(X, 1.3 + 2.1 * np.sqrt(X[:, 0]) + 0.01 * np.cos(40.0 * X[:, 0]))
    equation = parse("1.3 + 2.1 * x1 ** 0.513")  # the derivative by the exponent has log(0)
    assert np.isfinite(residuals_length(equation, table.error(equation), table, table.floor))
