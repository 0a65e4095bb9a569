import numpy as np
import pytest

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.archive import Entry
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.knowledge import Knowledge
from nesymres_sk.rescreening import Rescreening


def stages_of(X, y, max_time=None, **parameters):
    names = [f"x{i + 1}" for i in range(X.shape[1])]
    knowledge = Knowledge.of(NeuralSymbolicRegressor(**parameters), names)
    return Rescreening(X, y, None, knowledge, Deadline(max_time), np.random.default_rng(0))


def keep(stage, names, constants=()):
    expression = Expression.from_names(names, constants)
    stage.archive.add(Entry(expression, stage.table.error(expression)))


@pytest.fixture
def X():
    return np.random.default_rng(0).uniform(-1, 1, (400, 50))


def test_the_rounding_of_a_target_earns_no_longer_equation():
    X = np.random.default_rng(0).integers(1, 40, (300, 2)).astype(float)
    X[:, 1] += 0.5
    law, longer = ("mul C x1", [1.0 / 6.0]), ("add mul C x1 mul C sin mul C x1", [1.0 / 6.0, 1.9e-4, 2.0943951])
    y = X[:, 0] / 6.0
    rounded = stages_of(X, np.round(y, 3)).stage
    noisy = stages_of(X, y + 1.9e-4 * np.sin(2.0943951 * X[:, 0]) + 1e-4 * np.sin(1e4 * X[:, 1])).stage
    for stage, chosen in ((rounded, 0), (noisy, 1)):
        keep(stage, *law)
        keep(stage, *longer)
        front, best = stage.choice("mdl")
        assert len(front) == 2
        assert best == chosen
    assert rounded.archive.front()[-1].error < 0.5 * rounded.archive.front()[0].error


def test_narrow_tables_of_which_all_columns_matter_have_one_stage(X):
    stages = stages_of(X[:, :5], X[:, :5].sum(axis=1))
    assert stages.stage.columns.tolist() == list(range(5))
    keep(stages.stage, "C", [0.0])
    assert not stages.should_change()
    assert not stages.advance()


def test_columns_stay_where_a_quick_look_explains_little(X):
    stages = stages_of(X[:, :5], np.random.default_rng(1).standard_normal(400))
    assert stages.stage.columns.tolist() == list(range(5))
    assert stages_of(X[:40, :5], X[:40, 0]).stage.columns.tolist() == list(range(5))  # few rows
    assert stages_of(X[:, :2], X[:, 0]).stage.columns.tolist() == [0, 1]


def test_irrelevant_columns_of_narrow_tables_are_left_out(X):
    y = X[:, 4] * X[:, 7]
    stages = stages_of(X[:, :10], y)
    assert {4, 7} <= set(stages.stage.columns.tolist())
    assert len(stages.stage.columns) <= 4
    named = stages_of(X[:, :10], y, required_variables=[2], excluded_variables=[0])
    assert {2, 4, 7} <= set(named.stage.columns.tolist())
    assert 0 not in named.stage.columns


def test_weak_effects_in_an_exact_law_of_one_group_are_no_reason_to_leave_a_column_out():
    X = np.random.default_rng(4).uniform(1.0, 3.0, (128, 5))
    noise = 0.05 * np.random.default_rng(5).normal(size=128)
    y = np.sqrt(8.4 * X[:, 0] * X[:, 1] - 0.02 * X[:, 2] * X[:, 3] ** 2 / X[:, 4] ** 2)
    assert stages_of(X, y).stage.columns.tolist() == [0, 1, 2, 3, 4]
    assert stages_of(X, y + noise).stage.columns.tolist() == [0, 1]


def test_columns_left_out_come_back_if_the_residual_shows_them(X):
    y = 1000 * np.exp(4 * X[:, 1]) + 1e-3 * X[:, 3]
    stages = stages_of(X[:, :6], y)
    first = stages.stage
    assert 1 in first.columns
    assert 3 not in first.columns
    place = first.columns.tolist().index(1) + 1
    keep(first, f"mul C exp mul C x{place}", [1000.0, 4.0])
    assert stages.advance()
    assert stages.stage.columns.tolist() == list(range(6))
    assert not stages.advance()


def test_most_of_a_limited_time_is_for_all_columns(X, monkeypatch):
    stages = stages_of(X[:, :6], X[:, 1] + X[:, 2] ** 2, max_time=100.0)
    place = stages.stage.columns.tolist().index(1) + 1
    keep(stages.stage, f"mul C x{place}", [1.0])
    now = 15.0
    monkeypatch.setattr(Deadline, "elapsed", property(lambda self: now))
    assert not stages.should_change()
    now = 25.0
    assert stages.should_change()
    assert stages.advance()
    assert stages.stage.columns.tolist() == list(range(6))
    assert not stages.should_change()


def test_a_column_that_only_the_residual_shows(X):
    stages = stages_of(X, 30 * X[:, 3] + X[:, 0] * X[:, 1])
    first = stages.stage
    assert 3 in first.columns
    assert not {0, 1} <= set(first.columns.tolist())
    place = first.columns.tolist().index(3) + 1
    keep(first, "C", [0.0])
    keep(first, f"mul C x{place}", [30.0])
    assert stages.advance()
    second = stages.stage
    assert {0, 1, 3} <= set(second.columns.tolist())
    assert {entry.expression.complexity for entry in second.archive} == {1, 3}
    carried = second.archive.front()[-1].expression
    assert [second.columns[i] for i in carried.variables] == [3]
    assert second.archive.front()[-1].error == pytest.approx(first.archive.front()[-1].error, rel=1e-12)


def test_a_missing_factor(X):
    y = X[:, 0] * X[:, 1] * X[:, 2] / (X[:, 3] + 1.5)
    stages = stages_of(X, y, excluded_variables=[3])
    assert set(stages.stage.columns.tolist()) >= {0, 1, 2}
    stages = stages_of(X, y)
    places = {column: place + 1 for place, column in enumerate(stages.stage.columns.tolist())}
    keep(stages.stage, f"mul mul x{places[0]} x{places[1]} x{places[2]}")
    while stages.advance():
        pass
    assert set(stages.stage.columns.tolist()) >= {0, 1, 2, 3}


def test_a_missing_factor_is_seen_where_the_equation_is_large(X):
    y = X[:, 0] * X[:, 1] * X[:, 2] * (1.0 + 0.1 * X[:, 3]) + 0.005 * np.random.default_rng(1).standard_normal(400)
    stages = stages_of(X, y)
    places = {column: place + 1 for place, column in enumerate(stages.stage.columns.tolist())}
    assert 3 not in places
    keep(stages.stage, f"mul mul x{places[0]} x{places[1]} x{places[2]}")
    assert stages.advance()
    assert {0, 1, 2, 3} <= set(stages.stage.columns.tolist())


def test_nothing_changes_where_nothing_is_left(X):
    y = X[:, 4] ** 2
    for noise in (0.0, 0.3):
        stages = stages_of(X, y + noise * np.random.default_rng(1).standard_normal(400))
        place = stages.stage.columns.tolist().index(4) + 1
        keep(stages.stage, f"square x{place}")
        before = stages.stage
        assert not stages.advance()
        assert stages.stage is before


def test_stages_never_repeat(X):
    y = np.random.default_rng(1).standard_normal(400)
    stages = stages_of(X, y)
    seen = [tuple(stages.stage.columns.tolist())]
    keep(stages.stage, "C", [0.0])
    while stages.advance():
        seen.append(tuple(stages.stage.columns.tolist()))
    assert len(set(seen)) == len(seen) <= 4


def test_required_columns_and_those_of_guesses_stay(X):
    y = 30 * X[:, 3] + X[:, 0] * X[:, 1]
    stages = stages_of(X, y, required_variables=[44], guesses=["x45 * sin(x32)"])
    assert {31, 44} <= set(stages.stage.columns.tolist())
    places = {column: place + 1 for place, column in enumerate(stages.stage.columns.tolist())}
    keep(stages.stage, f"add mul C x{places[3]} mul C x{places[44]}", [30.0, 1e-9])
    assert stages.advance()
    assert {0, 1, 3, 44} <= set(stages.stage.columns.tolist())
    required = stages.stage.archive.constraints.required
    assert [stages.stage.columns[column] for column in required] == [44]


def test_excluded_columns_are_never_seen(X):
    stages = stages_of(X, X[:, 3] + 0.5 * X[:, 7], excluded_variables=[3])
    assert 3 not in stages.stage.columns
    assert 7 in stages.stage.columns


def test_when_to_look(X, monkeypatch):
    stages = stages_of(X, 30 * X[:, 3] + X[:, 0] * X[:, 1], max_time=100.0)
    place = stages.stage.columns.tolist().index(3) + 1
    keep(stages.stage, f"mul C x{place}", [30.0])
    assert not stages.should_change()
    now = 12.0
    monkeypatch.setattr(Deadline, "elapsed", property(lambda self: now))
    assert stages.should_change()
    assert stages.advance()
    assert {0, 1, 3} <= set(stages.stage.columns.tolist())
    assert not stages.should_change()


def test_looks_take_a_small_part_of_the_time(X, monkeypatch):
    times = iter([0.0, 1.0, 1.0])  # the first look takes a second
    now = 12.0
    monkeypatch.setattr(Deadline, "elapsed", property(lambda self: next(times, now)))
    stages = stages_of(X, 30 * X[:, 3] + X[:, 0] * X[:, 1], max_time=100.0)
    place = stages.stage.columns.tolist().index(3) + 1
    keep(stages.stage, f"mul C x{place}", [30.0])
    assert next(times, None) is None
    now = 10.5  # past the first of the looks
    assert not stages.should_change()
    now = 11.5
    assert stages.should_change()


def test_resembling_columns_do_not_hide_others_for_long():
    rng = np.random.default_rng(0)
    hidden = rng.standard_normal(600)
    X = np.column_stack([hidden + 0.3 * rng.standard_normal(600) for _ in range(20)] + [rng.standard_normal(600)] * 2)
    y = X[:, 3] + 0.4 * X[:, 20]
    model = NeuralSymbolicRegressor(beam_size=2, random_state=0).fit(X, y)
    assert model.score(X, y) > 1 - 1e-12


@pytest.mark.parametrize("seed", [0, 1])
def test_irrelevant_columns_do_not_appear(seed):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (300, 50))
    for law, names in ((X[:, 0] * X[:, 1], {0, 1}), (12 * X[:, 3] + X[:, 0] * X[:, 1], {0, 1, 3})):
        for noise in (0.0, 0.05):
            y = law + noise * law.std() * rng.standard_normal(300)
            model = NeuralSymbolicRegressor(random_state=seed).fit(X, y)
            used = {int(model.columns_[i]) for i in model.expressions_[model.best_index_].variables}
            assert used == names, model.equation_
            assert model.score(X, law) > 0.99
