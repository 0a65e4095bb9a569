"""Oscillations on a trend: frequencies, phases and dampings are those that made the target, and noise has none."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.pursuit.oscillations import Oscillations
from nesymres_sk.search.pursuit.proposer import PursuitProposer
from nesymres_sk.search.pursuit.views import Views
from nesymres_sk.table import Table

Array = NDArray[np.float64]

#: Laws, the number of waves that they need, and whether the height varies with a column.
LAWS = [
    ("2 + 0.5*x1 - 3*x2 + 3*sin(12.3*x1 + 0.4)", 1, False),
    ("x2*sin(25*x1 - 1)", 1, True),
    ("5 + exp(-0.4*x1)*cos(19*x1)", 1, False),
    ("0.01*exp(0.5*x1)*sin(19*x1)", 1, False),
    ("sin(20*x1) + sin(23*x1)", 2, False),
    ("(2 + x1)*sin(14*x1)", 2, True),
    ("x1 + 5*sin(7.3*x1) + 2*cos(14.6*x1) - sin(21.9*x1)", 3, False),
]


def points(n: int = 120) -> Array:
    return np.random.default_rng(0).uniform((0.0, -1.0), (10.0, 3.0), (n, 2))


def find(X: Array, y: Array, varying: bool = False) -> list[Expression]:
    """Equations along the first column, with one wave and so on, of constant height or proportional to columns."""
    views = Views(X, y, np.ones(len(y)))
    linear = views.linear()
    trees = Oscillations(views.columns[0]).trees(y, np.ones(len(y)), linear, linear if varying else linear[:1])
    return [Expression.from_tree(tree) for _, tree in trees]


@pytest.mark.parametrize(("law", "n_waves", "varying"), LAWS)
def test_waves_are_found(law: str, n_waves: int, varying: bool) -> None:
    X = points()
    y = evaluate(parse(law), X)
    found = find(X, y, varying)
    assert len(found) >= n_waves
    np.testing.assert_allclose(evaluate(found[n_waves - 1], X), y, atol=1e-6 * np.abs(y).max())


def test_the_origin_of_the_column_does_not_matter() -> None:
    X = points()
    y = evaluate(parse("x2 + 3*sin(20*x1) + sin(23*x1)"), X)
    X[:, 0] += 1950.0
    np.testing.assert_allclose(evaluate(find(X, y)[1], X), y, atol=1e-6)


def test_copies_of_columns_do_no_harm() -> None:
    X = points()
    y = evaluate(parse("2*x1 - x2 + 3*sin(20*x1 + 1) + sin(23*x1)"), X)
    X = np.column_stack((X, X[:, 0], X.sum(axis=1), X[:, 1]))
    np.testing.assert_allclose(evaluate(find(X, y)[1], X), y, atol=1e-6)


def test_equal_distances_are_no_obstacle_and_nothing_is_faster_than_they_show() -> None:
    X = np.linspace(0.0, 10.0, 100)[:, None]
    law = parse("1 + 0.1*x1 + sin(25*x1)")
    (equation, *_) = find(X, evaluate(law, X))
    fresh = np.linspace(0.013, 9.9, 400)[:, None]
    np.testing.assert_allclose(evaluate(equation, fresh), evaluate(law, fresh), atol=1e-6)


def test_noise_moves_the_constants_a_little() -> None:
    X = points()
    law = parse("2 + x1 + 2*sin(12.3*x1 + 0.4)")
    y = evaluate(law, X)
    found = find(X, y + 0.5 * np.random.default_rng(1).normal(size=len(y)))
    assert np.sqrt(np.mean(np.square(evaluate(found[0], X) - y))) < 0.25


@pytest.mark.parametrize("seed", range(20))
def test_noise_alone_does_not_oscillate(seed: int) -> None:
    y = np.random.default_rng(seed).normal(size=120)
    assert find(points(), y, varying=True) == []


@pytest.mark.parametrize(
    "y",
    [
        np.full(120, 2.0),
        points()[:, 0] - 3.0 * points()[:, 1],
        np.where(np.arange(120) < 119, 0.0, 1e8),
        np.sin(30.0 * points()[:, 0]) * 1e150,
        np.sin(30.0 * points()[:, 0]) * 1e-150,
    ],
    ids=["constant", "exact trend", "one outlier", "huge", "tiny"],
)
def test_odd_targets_do_no_harm(y: Array) -> None:
    views = Views(points(), y, np.ones(120))
    for _, tree in Oscillations(views.columns[0]).trees(y, np.ones(120), views.linear(), views.linear()):
        assert np.isfinite(Expression.from_tree(tree).constants).all()


@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_too_few_rows_do_not_oscillate(n: int) -> None:
    X = points(n)
    assert find(X, np.sin(30.0 * X[:, 0])) == []


def test_two_values_have_no_frequency() -> None:
    X = points()
    X[:, 0] = np.arange(120) % 2
    assert find(X, np.sin(30.0 * X[:, 1])) == []


@pytest.mark.parametrize("law", ["x1**2 + 2*sin(40*x1 + 1)", "exp(1 + 0.1*x1 + 0.3*sin(31*x1))"])
def test_the_pursuit_looks_for_them(law: str) -> None:
    X = points()
    y = evaluate(parse(law), X)
    table = Table.prepare(X, y)
    proposer = PursuitProposer(table, Archive(table.floor), Grammar(40, 2), np.random.default_rng(0))
    errors = [
        table.error(candidate.skeleton.with_constants(candidate.initial))
        for candidate in proposer.propose(200, Deadline())
        if candidate.initial is not None
    ]
    assert min(errors) < 1e-12


def test_without_sines_nothing_oscillates() -> None:
    X = points()
    y = evaluate(parse("x1**2 + 2*sin(40*x1 + 1)"), X)
    table = Table.prepare(X, y)
    grammar = Grammar(40, 2, Constraints(excluded_operators=["sin"]))
    proposer = PursuitProposer(table, Archive(table.floor, grammar.constraints), grammar, np.random.default_rng(0))
    assert not any("sin" in candidate.skeleton.names() for candidate in proposer.propose(60, Deadline()))
