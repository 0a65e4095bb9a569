import numpy as np
import pytest

from nesymres_sk.expressions.parser import parse
from nesymres_sk.table import Table

LONG = 150_000  # more rows than one call of the machine takes


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 2.0, (40, 2))
    return X, 3.0 * X[:, 0] * X[:, 1] + rng.standard_normal(40)


def test_a_weight_of_two_is_a_repeated_row(data):
    X, y = data
    counts = np.random.default_rng(1).integers(0, 4, len(y))
    weighted = Table.prepare(X, y, counts.astype(float))
    repeated = Table.prepare(np.repeat(X, counts, axis=0), np.repeat(y, counts))
    np.testing.assert_array_equal(weighted.X, repeated.X)
    np.testing.assert_array_equal(weighted.weight, repeated.weight)
    assert weighted.n_effective == repeated.n_effective == counts.sum()
    assert weighted.floor == repeated.floor
    equation = parse("2.9 * x1 * x2")
    assert weighted.error(equation) == repeated.error(equation)
    kept = np.repeat(y, counts) / weighted.y_scale
    assert weighted.variance == pytest.approx(np.var(kept))


def test_the_order_of_rows_plays_no_part(data):
    X, y = data
    order = np.random.default_rng(2).permutation(len(y))
    one, other = Table.prepare(X, y), Table.prepare(X[order], y[order])
    np.testing.assert_array_equal(one.X, other.X)
    np.testing.assert_array_equal(one.y, other.y)


def test_zeros_of_both_signs_are_two_rows():
    X = np.array([0.0, -0.0, 0.0, 1.0, -0.0])[:, None]
    table = Table.prepare(X, np.array([0.0, 0.0, 0.0, 1.0, 0.0]))
    assert table.n_rows == 3
    np.testing.assert_allclose(table.weight, [1.2, 1.2, 0.6])
    assert table.error(parse("exp(1 - 1 / x1)")) == np.inf  # one over a negative zero is minus infinity


def test_error_is_relative_to_the_scale_of_the_target(data):
    X, y = data
    table = Table.prepare(X, y)
    expected = np.mean(np.square(2.9 * X[:, 0] * X[:, 1] - y)) / table.y_scale**2
    assert table.error(parse("2.9 * x1 * x2")) == pytest.approx(expected, rel=1e-13)


def test_long_tables_are_evaluated_in_parts_and_only_up_to_the_limit():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 2.0, (LONG, 1))
    y = np.square(X[:, 0])
    table = Table.prepare(X, y)
    expected = np.mean(np.square(X[:, 0] - y)) / table.y_scale**2
    line = parse("x1")
    assert table.error(line) == pytest.approx(expected, rel=1e-12)
    assert table.error(line, limit=1.01 * expected) == table.error(line)
    assert table.error(line, limit=0.99 * expected) == np.inf
    assert table.error(parse("x1 ** 2")) <= table.floor


def test_undefined_rows_make_an_infinite_error_wherever_they_are():
    X = np.ones((LONG, 1))
    X[-1] = -1.0
    table = Table.prepare(X, X[:, 0])
    assert table.error(parse("log(x1)")) == np.inf


def test_subsets_keep_the_scales(data):
    table = Table.prepare(*data)
    part = table.subset(10, np.random.default_rng(0))
    assert part.n_rows == 10
    assert part.n_effective == 10
    assert part.y_scale == table.y_scale
    np.testing.assert_array_equal(part.x_scales, table.x_scales)
    assert table.subset(100, np.random.default_rng(0)) is table


def test_subsets_keep_a_mean_weight_of_one(data):
    X, y = data
    table = Table.prepare(X, y, np.random.default_rng(1).uniform(0.1, 9.0, len(y)))
    part = table.subset(7, np.random.default_rng(0))
    assert part.weight.mean() == pytest.approx(1.0)
    whole = table.weight[np.isin(table.y, part.y)]
    np.testing.assert_allclose(part.weight, whole / whole.mean())
    differences = np.square(part.X[:, 0] - part.y) / part.y_scale**2
    assert part.error(parse("x1")) == pytest.approx(np.average(differences, weights=part.weight))
    assert Table.prepare(X, y).subset(7, np.random.default_rng(0)).weight is None


def test_fractional_weights_count_as_their_effective_number():
    X = np.arange(4.0)[:, None]
    table = Table.prepare(X, X[:, 0], np.array([0.5, 0.5, 0.5, 0.0]))
    assert table.n_rows == 3
    assert table.n_effective == pytest.approx(3.0)


@pytest.mark.parametrize("unit", [5e-324, 1e-310, 1e-200, 1e200, 1e307])
def test_weights_of_any_size(data, unit):
    X, y = data
    share = np.random.default_rng(3).uniform(1.0, 9.0, len(y))
    share = share if unit >= 1e-200 else np.round(share)  # the smallest numbers have no digits
    table, reference = Table.prepare(X, y, share * unit), Table.prepare(X, y, share * 0.1)
    np.testing.assert_allclose(table.weight, reference.weight, rtol=1e-12)
    assert table.n_effective == pytest.approx(reference.n_effective)


def test_large_weights_are_no_counts(data):
    X, y = data
    assert Table.prepare(X, y, np.full(len(y), 1e20)).n_effective == pytest.approx(len(y))


def test_targets_at_both_ends_of_the_range_have_finite_errors(data):
    X = data[0]
    y = np.where(X[:, 0] > 1.0, 1.0, -1.0) * np.finfo(float).max
    table = Table.prepare(X, y)
    assert np.isfinite(table.variance)
    assert np.isfinite(table.error(parse("1.7e308")))


def test_single_precision_is_seen_and_taken_for_rounding(data):
    X = data[0]
    y = 2.345 * X[:, 0] * X[:, 1]
    double, single = Table.prepare(X, y), Table.prepare(X, y.astype(np.float32).astype(np.float64))
    law = parse("2.345 * x1 * x2")
    assert single.error(law) > double.floor
    assert single.error(law) <= single.floor
    assert single.error(parse("2.34501 * x1 * x2")) > single.floor


@pytest.mark.parametrize("value", [0.1, -2.022611435365571, 4.4114907577693166e-05, 22.461490580495727])
@pytest.mark.parametrize("n", [7, 43, 199])
def test_the_mean_of_a_constant_target_is_that_constant(value, n):
    X = np.random.default_rng(n).normal(size=(n, 1))
    table = Table.prepare(X, np.full(n, value), np.random.default_rng(0).uniform(0.1, 3.0, n))
    assert table.mean == value
    assert table.variance == 0.0
    assert table.r2(0.0) == 1.0


def test_magnitudes_of_nature_are_natural():
    x = np.linspace(1.0, 2.0, 20)[:, None]
    for scale in (1e-42, 1.0, 1e36):
        assert Table.prepare(scale * x, x[:, 0] / scale).natural
    assert not Table.prepare(1e80 * x, x[:, 0]).natural


def test_fine_rounding_is_below_the_floor(data):
    X, y = data
    rounded = Table.prepare(X, np.round(y, 6))
    assert rounded.floor == rounded.rounding == pytest.approx(0.25e-12 / rounded.y_scale**2)
    assert Table.prepare(X, y).floor < 1e-20
    coarse = Table.prepare(X, np.round(y, 3))
    assert coarse.rounding > coarse.floor
    whole = Table.prepare(X, np.round(1e7 * y))
    assert whole.rounding > whole.floor


def test_coarse_rounding_counts_unless_an_equation_is_more_exact(data):
    X, y = data
    table = Table.prepare(X, np.round(y, 3))
    assert table.floor_beside(table.rounding) == table.rounding
    assert table.floor_beside(1e-3 * table.rounding) == table.floor
    unrounded = Table.prepare(X, y)
    assert unrounded.floor_beside(1.0) == unrounded.floor
