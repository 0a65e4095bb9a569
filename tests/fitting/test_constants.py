"""Fitting constants: exact laws, bookkeeping, time."""

from __future__ import annotations

import math
import time

import numpy as np
import pytest

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.fitting.constants import fit_skeletons

_LAWS = {
    "mul C x1": [3.0],
    "add C mul C x1": [-2.0, 0.5],
    "mul C sub 1 exp mul C x1": [3.0, -1.5],
    "add C mul C sin add C mul C x1": [1.0, 2.0, 0.3, 9.0],
    "mul C pow x1 C": [2.0, -1.7],
    "mul C log add C x1": [2.0, 0.3],
    "log sub C x1": [5.0],
    "sqrt add mul C x1 add C mul C x2": [0.4, 2.0, 1.0],
    "div mul C x1 add C x2": [2.0, 0.7],
    "mul C exp neg square mul C sub x1 C": [2.0, 1.5, 0.8],
    "add mul C cos mul C x1 mul C exp mul C x2": [1.0, 4.0, 2.0, -1.0],
    "div 1 add C mul C exp mul C x3": [0.5, 2.0, -1.2],
    "mul x1 tanh add C mul C x2": [-1.0, 2.0],
    "add mul C x3 div mul x1 x2 add mul C x1 mul C x3": [0.8, 0.7, 1.4],
    "sqrt exp mul C cos mul C x1": [0.8, 3.0],
}


def _table(n: int = 128, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.1, 2.1, (n, 3))


@pytest.mark.parametrize("names", _LAWS)
def test_exact_laws_are_recovered_to_rounding(names: str) -> None:
    law = Expression.from_names(names, _LAWS[names])
    X, fresh = _table(), _table(seed=1)
    y = evaluate(law, X)
    result = fit_skeletons([law.skeleton()], X, y, n_restarts=16, rng=np.random.default_rng(0))
    assert result.losses[0] < 1e-24 * np.var(y)
    predicted = evaluate(law.with_constants(result.constants[0]), fresh)
    np.testing.assert_allclose(predicted, evaluate(law, fresh), rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("n", [40, 128, 700])
def test_loss_is_the_mean_squared_error_of_the_returned_constants(n: int) -> None:
    rng = np.random.default_rng(5)
    X = _table(n)
    y = np.sin(3.0 * X[:, 0]) + rng.normal(size=n)
    skeletons = [Expression.from_names(name) for name in ("C", "add C mul C exp mul C x1", "div C add C x2", "x1")]
    weights = rng.uniform(0.0, 1.0, n)
    for sample_weight in (None, weights):
        result = fit_skeletons(skeletons, X, y, rng=rng, sample_weight=sample_weight)
        for skeleton, constants, loss in zip(skeletons, result.constants, result.losses, strict=True):
            errors = (evaluate(skeleton.with_constants(constants), X) - y) ** 2
            assert loss == pytest.approx(np.average(errors, weights=sample_weight), rel=1e-9)
    np.testing.assert_allclose(result.constants[0], [np.average(y, weights=weights)])


def test_a_few_huge_targets_do_not_choose_the_starts() -> None:
    law = Expression.from_names("div x2 add C sin add C mul C x1", [1.0005, 0.4, 4.0])
    n_found = 0
    for seed in range(10):
        X = np.random.default_rng(seed).uniform(0.1, 2.1, (128, 2))
        y = evaluate(law, X)  # near the poles up to a thousand times larger than elsewhere
        result = fit_skeletons([law.skeleton()], X, y, n_restarts=2, rng=np.random.default_rng(seed))
        n_found += result.losses[0] < 1e-16 * np.var(y)
    assert n_found >= 7


def test_noisy_fit_is_a_minimum_on_all_rows() -> None:
    rng = np.random.default_rng(6)
    X = _table(400)
    skeleton = Expression.from_names("add C mul C exp mul C x1")
    y = evaluate(skeleton.with_constants([1.0, 2.0, -1.3]), X) + 0.05 * rng.normal(size=400)
    result = fit_skeletons([skeleton], X, y, rng=rng)
    for j in range(3):
        for step in (-1e-3, 1e-3):
            moved = np.array(result.constants[0]) + step * np.eye(3)[j]
            assert np.mean((evaluate(skeleton, X, moved) - y) ** 2) > result.losses[0]


def test_result_does_not_depend_on_threads_or_on_neighbours() -> None:
    X = _table()
    y = np.sin(3.0 * X[:, 0]) * X[:, 1]
    names = ["mul C sin mul C x1", "mul x2 sin mul C x1", "add C log add C x2", "mul C pow x1 C"] * 15
    skeletons = [Expression.from_names(name) for name in names]
    one = fit_skeletons(skeletons, X, y, rng=np.random.default_rng(7))
    two = fit_skeletons(skeletons, X, y, rng=np.random.default_rng(7), n_threads=2)
    assert one.constants == two.constants
    np.testing.assert_array_equal(one.losses, two.losses)
    other = fit_skeletons(skeletons, X, y, rng=np.random.default_rng(8))
    assert one.constants != other.constants


def test_deadline_ends_within_a_fit_and_leaves_the_rest_infinite() -> None:
    X = _table(20_000)
    y = np.sin(3.0 * X[:, 0]) + np.random.default_rng(0).normal(size=len(X))
    skeletons = [Expression.from_names("add mul C sin add C mul C x1 mul C exp mul C mul x2 sin mul C x3")] * 400
    rng = np.random.default_rng(9)
    fit_skeletons(skeletons[:1], X[:50], y[:50], rng=rng)
    start = time.perf_counter()
    result = fit_skeletons(skeletons, X, y, n_restarts=8, rng=rng, deadline=Deadline(0.3))
    assert time.perf_counter() - start < 1.5
    assert len(result.constants) == 400
    assert np.isinf(result.losses[-1])
    late = fit_skeletons(skeletons[:2], X, y, rng=rng, deadline=Deadline(0.0))
    assert np.isinf(late.losses).all()


def test_a_deadline_centuries_away() -> None:
    X = np.linspace(1.0, 2.0, 9)[:, None]
    skeleton = Expression.from_names("mul C x1")
    result = fit_skeletons([skeleton], X, X[:, 0], deadline=Deadline(1e12), rng=np.random.default_rng(0))
    assert result.constants[0][0] == pytest.approx(1.0)  # a thread that fails is a warning, which fails the test


def test_ten_constants() -> None:
    law = Expression.from_names(
        "add add add mul C sin add C mul C x1 mul C exp mul C x2 mul C log add C x3 add C mul C square x1",
        [1.5, 0.4, 4.0, 0.7, -2.0, 1.2, 0.5, 3.0, -0.3],
    )
    law = Expression.from_names(("add", "mul", "C", "cube", "x2", *law.names()), (0.2, *law.constants))
    assert len(law.constants) == 10
    X = _table(256)
    y = evaluate(law, X)
    result = fit_skeletons([law.skeleton()], X, y, n_restarts=48, rng=np.random.default_rng(10))
    assert result.losses[0] < 1e-16 * np.var(y)


def test_fixed_constants_stay_and_free_ones_are_fitted_around_them() -> None:
    X = _table()
    y = 3.0 * np.exp(-0.5 * X[:, 0]) + 2.0
    partly = Expression.from_names("add C mul C exp mul C x1", [math.nan, math.nan, -0.5])
    fixed = Expression.from_names("mul C x1", [7.0])
    result = fit_skeletons([partly, fixed], X, y, rng=np.random.default_rng(11))
    np.testing.assert_allclose(result.constants[0], [2.0, 3.0, -0.5], rtol=1e-9)
    assert result.constants[0][2] == -0.5
    assert result.constants[1] == (7.0,)
    assert result.losses[1] == pytest.approx(np.mean((7.0 * X[:, 0] - y) ** 2))


def test_initial_start_is_used() -> None:
    """A frequency far beyond what random starts try is found only from the start that is given."""
    X = np.linspace(0.0, 10.0, 500)[:, None]
    law = Expression.from_names("sin mul C x1", [101.3])
    y = evaluate(law, X)
    blind = fit_skeletons([law.skeleton()], X, y, n_restarts=2, rng=np.random.default_rng(12))
    told = fit_skeletons([law.skeleton()], X, y, n_restarts=2, rng=np.random.default_rng(12), initial=[(101.29,)])
    assert blind.losses[0] > 0.1
    np.testing.assert_allclose(told.constants[0], [101.3], rtol=1e-9)
    with pytest.raises(ValueError, match="initial"):
        fit_skeletons([law.skeleton()], X, y, rng=np.random.default_rng(0), initial=[(1.0, 2.0)])


def test_a_single_start_is_the_given_one_unless_it_is_undefined() -> None:
    x = np.linspace(0.1, 4.0, 64)
    X = x[:, None]
    wave = Expression.from_names("sin mul C x1")
    # one period too many is another minimum, in which the given start lies
    (near,) = fit_skeletons(
        [wave], X, np.sin(2.0 * x), n_restarts=1, rng=np.random.default_rng(0), initial=[(6.0,)]
    ).constants
    assert abs(near[0] - 6.0) < 1.0
    # the logarithm of a negative number: others are drawn
    shifted = Expression.from_names("log add C x1")
    result = fit_skeletons([shifted], X, np.log(x + 2.5), n_restarts=1, rng=np.random.default_rng(0), initial=[(-9.0,)])
    assert result.losses[0] < 1e-20
    assert result.constants[0] == pytest.approx((2.5,))


def test_rows_without_weight_are_ignored_even_where_undefined() -> None:
    X = np.array([[-1.0], [1.0], [2.0], [4.0]])
    y = np.array([1e9, 0.0, 2.0 * math.log(2.0), 2.0 * math.log(4.0)])
    skeleton = Expression.from_names("mul C log x1")
    weights = [0.0, 1.0, 1.0, 1.0]
    result = fit_skeletons([skeleton], X, y, rng=np.random.default_rng(0), sample_weight=weights)
    np.testing.assert_allclose(result.constants[0], [2.0])
    everywhere = fit_skeletons([skeleton], X, y, rng=np.random.default_rng(0))
    assert np.isinf(everywhere.losses[0])


@pytest.mark.parametrize("scale", [1e-20, 1e20])
def test_any_units(scale: float) -> None:
    X = _table() * np.array([1e-9, scale, 1.0])
    for names, constants in {
        "mul C mul x1 x2": [2.5],
        "mul C exp mul C x1": [3.0 * scale, -1.2e9],
        "mul C sin add C mul C x2": [scale, 0.4, 5.0 / scale],
        "div mul C x1 add C x2": [scale, 0.7 * scale],
    }.items():
        law = Expression.from_names(names, constants)
        y = evaluate(law, X)
        result = fit_skeletons([law.skeleton()], X, y, n_restarts=8, rng=np.random.default_rng(13))
        assert result.losses[0] < 1e-20 * np.var(y), names


def test_targets_of_any_range() -> None:
    X = np.linspace(1.0, 2.0, 9)[:, None]
    y = np.array([0.0, 1e-310, 2e-310, 3e-310, 4e-310, 0.0, 1e-310, 2e-310, 1.0])  # most are nothing beside one
    result = fit_skeletons([Expression.from_names("mul C x1")], X, y, rng=np.random.default_rng(0))
    assert result.constants[0][0] == pytest.approx(X[-1, 0] / np.sum(np.square(X)))


def test_bad_input_is_refused() -> None:
    rng = np.random.default_rng(0)
    skeletons = [Expression.from_names("mul C x2")]
    X, y = np.ones((5, 2)), np.ones(5)
    with pytest.raises(ValueError, match="y must have shape"):
        fit_skeletons(skeletons, X, y[:4], rng=rng)
    with pytest.raises(ValueError, match="finite"):
        fit_skeletons(skeletons, X * np.nan, y, rng=rng)
    with pytest.raises(ValueError, match="uses x2, but X has 1 columns"):
        fit_skeletons(skeletons, X[:, :1], y, rng=rng)
    with pytest.raises(ValueError, match="sample_weight"):
        fit_skeletons(skeletons, X, y, rng=rng, sample_weight=np.zeros(5))
    with pytest.raises(ValueError, match="n_restarts"):
        fit_skeletons(skeletons, X, y, rng=rng, n_restarts=0)
    assert fit_skeletons([], X, y, rng=rng).constants == []


@pytest.mark.parametrize("seed", range(5))
def test_frequencies_stay_below_that_of_the_rows(seed: int) -> None:
    # on a grid of 20 rows sin(w*x) has the values of -sin((19*pi - w)*x), within noise and beyond
    X = np.linspace(-1.0, 1.0, 20)[:, None]
    y = X[:, 0] * np.sin(2.0 * np.pi * X[:, 0]) + 0.01 * np.random.default_rng(seed).normal(size=20)
    result = fit_skeletons(
        [Expression.from_names("mul C mul x1 sin mul C x1")], X, y, n_restarts=16, rng=np.random.default_rng(seed)
    )
    assert abs(result.constants[0][1]) == pytest.approx(2.0 * np.pi, rel=0.05)


def test_more_starts_than_the_kernel_takes_at_a_time() -> None:
    rng = np.random.default_rng(0)
    X = rng.uniform(0.0, 20.0, (60, 2))
    y = np.sin(9.0 * X[:, 0]) + X[:, 1] + 0.5 * rng.normal(size=60)
    skeletons = [Expression.from_names(name) for name in ("add mul C sin mul C x1 mul C x2", "C", "sin mul C x1")] * 8
    few, many = (fit_skeletons(skeletons, X, y, n_restarts=n, rng=np.random.default_rng(1)) for n in (256, 600))
    assert (many.losses <= few.losses).all()
    for skeleton, constants, loss in zip(skeletons, many.constants, many.losses, strict=True):
        errors = evaluate(skeleton.with_constants(constants), X) - y
        assert loss == pytest.approx(np.mean(np.square(errors)))
    threaded = fit_skeletons(skeletons, X, y, n_restarts=600, rng=np.random.default_rng(1), n_threads=2)
    assert threaded.constants == many.constants


def test_the_deadline_is_honoured_between_starts() -> None:
    X = np.random.default_rng(0).uniform(0.0, 20.0, (200, 2))
    y = np.random.default_rng(1).normal(size=200)
    skeleton = Expression.from_names("add mul C sin add C mul C x1 mul C sin add C mul C x2")
    started = time.monotonic()
    rng = np.random.default_rng(0)
    result = fit_skeletons([skeleton], X, y, n_restarts=100_000, deadline=Deadline(0.5), rng=rng)
    assert time.monotonic() - started < 1.5
    assert np.isfinite(result.losses[0])
