"""Views of a table."""

import numpy as np
import pytest

from nesymres_sk.archive import Archive, Entry
from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.search.candidate import Candidate
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.network.frames import frames_of
from nesymres_sk.search.network.views import WHOLE, Views
from nesymres_sk.table import Table


def make(n=60, d=2, grammar=None, target=lambda X: 1.0 + X[:, 0] * X[:, 1], known=("add x1 C",)):
    rng = np.random.default_rng(0)
    X = rng.uniform(1.0, 3.0, size=(n, d)) * [1.0, 100.0, 5.0][:d]
    table = Table.prepare(X, target(X))
    archive = Archive(table.floor)
    for names in known:
        skeleton = Expression.from_names(names)
        archive.add(Entry(skeleton.with_constants([2.5] * len(skeleton.constants)), 1.0 / skeleton.complexity))
    return table, Views(table, archive, grammar or Grammar(20, d), np.random.default_rng(1))


def shown(view):
    """Rows that the network sees, in the units that it is told."""
    batch = view.batch
    values = batch.points[0].astype(float) * np.exp(batch.log_scales[0].astype(float))
    return values[:, :2], values[:, -1]


def test_the_plain_view_is_the_table():
    table, views = make()
    X, y = shown(views.plain())
    np.testing.assert_allclose(np.column_stack([X, y]), np.column_stack([table.X, table.y]), rtol=1e-5)


def test_a_long_table_is_shown_in_different_bags():
    _, views = make(n=1000)
    first, second = views.plain().batch.points, views.plain().batch.points
    assert first.shape == second.shape == (1, 256, 11)
    assert not np.array_equal(first, second)


def test_fewer_rows():
    table, views = make()
    sizes = set()
    for _ in range(20):
        X, y = shown(views.kinds["rows"]())
        sizes.add(len(y))
        nearest = np.abs(y[:, None] - table.y).argmin(axis=1)
        assert len(set(nearest.tolist())) == len(y)
        np.testing.assert_allclose(X, table.X[nearest], rtol=1e-5)
    assert min(sizes) >= 6
    assert max(sizes) <= 60
    assert len(sizes) > 8


def test_jitter_is_small_and_in_the_target_only():
    table, views = make()
    for _ in range(5):
        X, y = shown(views.kinds["jitter"]())
        np.testing.assert_allclose(X, table.X, rtol=1e-5)
        assert 0 < np.std(y - table.y) < 0.05 * table.y_scale


def test_other_units_leave_the_points_alone():
    _, views = make()
    plain = views.plain().batch
    told = [views.kinds["units"]().batch for _ in range(12)]
    assert all(np.array_equal(batch.points, plain.points) for batch in told)
    assert all(not batch.log_scales[~batch.present].any() for batch in told)
    assert any(not batch.log_scales.any() for batch in told)  # as if the scales were the natural units
    assert max(np.abs(batch.log_scales).max() for batch in told) > 1.0


@pytest.mark.parametrize("kind", ["transform", "hole"])
def test_the_true_answer_to_a_frame_is_the_law(kind):
    table, views = make(known=("add C x1", "mul x1 mul C x2", "add C mul x1 x2"))
    seen = set()
    for _ in range(60):
        view = views.kinds[kind]()
        if view is None:
            continue
        seen.add(view.frame)
        _, target = shown(view)
        # an extra column makes the values that belong in the hole an expression
        rows = np.hstack([table.X, view.frame.target(table.X, table.y)[:, None]])
        np.testing.assert_allclose(np.sort(target), np.sort(rows[np.isfinite(rows[:, 2]), 2]), rtol=1e-4)
        np.testing.assert_allclose(evaluate(view.frame.fill(Expression.from_names("x3")), rows), table.y, rtol=1e-9)
        assert view.grammar.max_length + view.frame.size == 20
    assert len(seen) > 5


def test_poles_are_not_shown_and_few_rows_are_no_view():
    def near_zero(X):
        y = X[:, 0].copy()
        y[0] = 1e-9
        return y

    table, views = make(target=near_zero)
    inverse = next(frame for frame in views._transforms if frame.target(table.X, np.full(60, 4.0))[0] == 0.25)
    view = views._framed(inverse)
    assert view.batch.n_points[0] == 59
    _, negative = make(target=lambda X: -X[:, 0])
    logarithm = next(frame for frame in negative._transforms if frame.target(table.X, np.full(60, np.e))[0] == 1.0)
    assert negative._framed(logarithm) is None


def test_a_hole_for_a_constant_is_no_view():
    _, views = make(target=lambda X: 2.5 + X[:, 0])
    known = frames_of(Expression.from_names("add C x1", (2.5,)))
    assert views._framed(known[0]) is None  # only a constant belongs there
    assert views._framed(known[1]) is not None


def test_without_equations_there_are_no_holes():
    assert make(known=())[1].kinds["hole"]() is None


def test_answers_keep_the_rules_of_the_whole():
    rules = Constraints(["add", "mul"], required=(1,))
    _, views = make(grammar=Grammar(9, 2, rules), known=("add C mul C x1",))
    n_kept = 0
    for _ in range(40):
        view = views.kinds["hole"]()
        if view is None:
            continue
        answers = ("x1", "add x1 C", "mul x1 x2", "sin x2", "mul x2 mul x2 add x1 mul x2 C")
        for names in answers:
            found = views.translate(view, Candidate(Expression.from_names(names), -1.0))
            assert found is None or (rules.allows(found.skeleton) and found.skeleton.complexity <= 9)
            n_kept += found is not None
    assert n_kept > 10


def test_answers_to_whole_views_are_taken_as_they_are():
    _, views = make()
    answer = Candidate(Expression.from_names("mul C x1"), -2.0)
    assert views.translate(views.plain(), answer) is answer
    assert views.plain().frame == WHOLE


def test_numbers_near_the_end_of_the_range_do_no_harm():
    ends = np.finfo(float).max * np.sign(np.random.default_rng(2).normal(size=60))
    _, views = make(target=lambda X: ends, known=("mul C x1", "inv x1"))
    for kind in (*["jitter"] * 5, *["transform", "hole"] * 30):
        view = views.kinds[kind]()
        assert view is None or np.isfinite(view.batch.points).all()
