import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2_contingency

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.prior.problems import (
    Problem,
    ProblemMaker,
    held_out_batch,
    make_batch,
    sample_problem,
    sample_problems,
)
from nesymres_sk.prior.recipes import RECIPES, PriorConfig
from nesymres_sk.prior.sample import operator_survival
from nesymres_sk.prior.supports import FAMILIES, draw_points
from nesymres_sk.prior.values import KEPT

BASE, PAPER = RECIPES["base"], RECIPES["paper"]


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    return sample_problems(BASE, 400, np.random.default_rng(0))


@pytest.fixture(scope="module")
def maker() -> ProblemMaker:
    maker = ProblemMaker(BASE, np.random.default_rng(1), chunk=256)
    maker.record = []
    return maker


def test_labels_are_true(problems: list[Problem]) -> None:
    for problem in problems:
        assert problem.expression.is_fitted
        assert problem.expression.tokens == problem.skeleton.tokens
        np.testing.assert_allclose(evaluate(problem.expression, problem.X), problem.y_clean, rtol=1e-9)
        assert np.isfinite(problem.X).all() and np.isfinite(problem.y).all()
        assert problem.X_out_of_support.shape == problem.X.shape
        assert np.ptp(problem.y_clean) > 1e-6 * np.abs(problem.y_clean).max()
        assert set(problem.skeleton.variables) <= set(range(problem.X.shape[1]))


def test_closed_labels_are_the_closure_and_fit(problems: list[Problem]) -> None:
    for problem in problems:
        assert problem.closed.tokens == close(problem.skeleton).tokens
        assert len(problem.closed.tokens) <= BASE.max_length


def test_closed_labels_hold_in_other_units() -> None:
    from nesymres_sk.fitting.constants import fit_skeletons

    rng = np.random.default_rng(3)
    config = replace(BASE, column_weights=(1.0, 1.0), noisy=0.0, operator_counts=(1, 1, 1))
    fitted = 0
    tried = sample_problems(config, 40, rng)
    for problem in tried:
        X = problem.X / np.sqrt(np.mean(problem.X**2, axis=0))
        y = problem.y_clean / np.sqrt(np.mean(problem.y_clean**2))
        losses = fit_skeletons([problem.closed.skeleton()], X, y, n_restarts=16, rng=rng).losses
        fitted += losses[0] < 1e-10 * np.var(y)
    assert fitted >= 0.75 * len(tried)


def test_share_of_noise_and_of_rescaled_problems(problems: list[Problem]) -> None:
    noisy = np.mean([bool(np.any(p.y != p.y_clean)) for p in problems])
    assert abs(noisy - BASE.noisy) < 0.08
    assert abs(np.mean([p.rescaled for p in problems]) - BASE.rescaled) < 0.09
    for problem in problems:
        assert np.std(problem.y - problem.y_clean) <= 0.5 * np.std(problem.y_clean)


@pytest.mark.parametrize("recipe", [BASE, PAPER], ids=lambda recipe: recipe.name)
def test_batches_have_the_agreed_shapes(recipe: PriorConfig) -> None:
    batch = make_batch(recipe, 48, np.random.default_rng(5))
    n = batch.points.shape[1]
    assert n in [size for size, _ in recipe.point_buckets]
    assert batch.points.shape == (48, n, 11) and batch.points.dtype == np.float32
    assert batch.n_points.shape == (48,) and batch.n_points.dtype == np.int32
    assert batch.present.shape == (48, 11) and batch.present.dtype == np.bool_
    assert batch.log_scales.shape == (48, 11) and batch.log_scales.dtype == np.float32
    assert batch.tokens.shape == (48, recipe.max_length + 2) and batch.tokens.dtype == np.int16
    assert batch.n_points.min() >= 8 and batch.n_points.max() <= n
    assert batch.present[:, -1].all() and batch.present[:, 0].all()
    for b in range(48):
        rows = int(batch.n_points[b])
        assert not batch.points[b, rows:].any() and not batch.points[b][:, ~batch.present[b]].any()
        assert not batch.log_scales[b, ~batch.present[b]].any()
        there = batch.points[b, :rows][:, batch.present[b]].astype(float)
        np.testing.assert_allclose(np.mean(there**2, axis=0), 1.0, rtol=1e-4)
        tokens = batch.tokens[b].tolist()
        end = tokens.index(v.END)
        assert tokens[0] == v.START and set(tokens[end + 1 :]) <= {v.PAD}
        Expression.skeleton_of(tokens[1:end])


def test_natural_batches_reproduce_the_target_from_the_label() -> None:
    config = replace(BASE, rescaled=0.0, noisy=0.0, constant_counts=(1.0,))
    batch = make_batch(config, 32, np.random.default_rng(6))
    checked = 0
    for b in range(32):
        tokens = batch.tokens[b].tolist()
        expression = Expression.skeleton_of(tokens[1 : tokens.index(v.END)])
        if expression.constants:
            continue  # integers above five
        rows = int(batch.n_points[b])
        natural = batch.points[b, :rows].astype(float) * np.exp(batch.log_scales[b].astype(float))
        values = evaluate(expression, natural[:, :10])
        spread = np.std(natural[:, -1])
        close_enough = np.abs(values - natural[:, -1]) < 1e-2 * (spread + np.abs(natural[:, -1]))
        checked += bool(np.mean(close_enough) > 0.9)
    assert checked >= 26


def test_rescaled_problems_differ_in_scales_only() -> None:
    config = replace(BASE, noisy=0.0)  # one generator state, so the same problems
    natural = make_batch(replace(config, rescaled=0.0), 64, np.random.default_rng(7))
    assert np.abs(natural.log_scales).max() < math.log(1e16)
    rescaled = make_batch(replace(config, rescaled=1.0), 64, np.random.default_rng(7))
    np.testing.assert_array_equal(rescaled.present, natural.present)
    np.testing.assert_allclose(rescaled.points, natural.points, rtol=1e-5, atol=1e-7)
    assert np.std(rescaled.log_scales - natural.log_scales) > math.log(1e2)
    lengths = [(batch.tokens != v.PAD).sum(axis=1) for batch in (natural, rescaled)]
    assert (lengths[1] >= lengths[0] - 2).all() and lengths[1].sum() > lengths[0].sum()


def test_one_seed_one_batch() -> None:
    first, second = held_out_batch(BASE, 16, 3), held_out_batch(BASE, 16, 3)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b)
    other = held_out_batch(BASE, 16, 4)
    assert other.points.shape != first.points.shape or not np.array_equal(other.points, first.points)
    problem = sample_problem(BASE, np.random.default_rng(0))
    assert problem.expression.tokens == sample_problem(BASE, np.random.default_rng(0)).expression.tokens


def test_operators_survive(maker: ProblemMaker) -> None:
    assert maker.record is not None
    maker.batch(1500)
    survival = operator_survival(maker.record)
    kept = sum(outcome == KEPT for _, outcome in maker.record)
    for name, least_survival, least_share in (
        ("sqrt", 0.25, 0.06), ("log", 0.25, 0.05), ("asin", 0.03, 0.002), ("exp", 0.3, 0.08), ("sin", 0.35, 0.08),
    ):  # fmt: skip
        tried, survived = survival[name]
        assert survived >= least_survival * tried, name
        assert survived >= least_share * kept, name
    assert kept > 0.4 * len(maker.record)
    assert maker.given_up == 0


def test_supports_do_not_depend_on_the_equations(maker: ProblemMaker) -> None:
    """The supports of finished problems have the distribution of supports drawn without any equation."""
    kept: Counter[int] = Counter()
    for _ in range(3):
        draw = maker.draw(1000, 32)
        kept.update(draw.families[:, 0].tolist())
    rng = np.random.default_rng(9)
    XT, families = np.zeros((6000, 10, 8)), np.full((6000, 10), -1)
    draw_points(rng, np.ones(6000, np.int64), np.full(6000, 8), True, XT, families)
    alone = Counter(families[:, 0].tolist())
    table = np.array([[kept[i], alone[i]] for i in range(len(FAMILIES))])
    assert chi2_contingency(table).pvalue > 1e-3


def test_paper_recipe_stays_in_its_box() -> None:
    for problem in sample_problems(PAPER, 100, np.random.default_rng(10)):
        assert problem.X.shape[1] <= 3 and np.abs(problem.X).max() <= 10.5
        assert not problem.rescaled and np.array_equal(problem.y, problem.y_clean)
