import time

import numpy as np
import pytest

from nesymres_sk.archive import Archive, Entry
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.fitting.linear import affine_equations, compress
from nesymres_sk.judge import FitOptions
from nesymres_sk.search.candidate import Candidate, Proposer
from nesymres_sk.search.prior_proposer import PriorProposer
from nesymres_sk.solver import Source, solve, warm_up
from nesymres_sk.table import Table


class Fixed(Proposer):
    """A proposer that knows some skeletons, and counts how often it is asked."""

    def __init__(self, *names, rounds=1):
        self.names = names
        self.rounds = rounds
        self.calls = 0

    def propose(self, n, deadline):
        self.calls += 1
        if self.calls > self.rounds:
            return []
        return [Candidate(Expression.from_names(text), -1.0 - i) for i, text in enumerate(self.names)][:n]


@pytest.fixture
def X():
    return np.random.default_rng(0).uniform(0.5, 3.0, (80, 2))


def run(X, y, *names, settings=None, deadline=None, archive=None, max_rounds=1, **options):
    proposer = Fixed(*names, **options)
    table = Table.prepare(X, y)
    found = solve(
        table,
        [Source(lambda: proposer, 32, rounds=max_rounds)],
        settings or FitOptions(),
        deadline or Deadline(),
        np.random.default_rng(0),
        archive=archive,
    )
    return found, proposer


def best(archive):
    return archive.front()[-1]


def test_constant_and_affine_equations_need_no_proposer(X):
    table = Table.prepare(X, X[:, 0] ** 2)
    archive = solve(table, [], FitOptions(), Deadline(), np.random.default_rng(0))
    assert {entry.complexity for entry in archive} >= {1, 5}


def test_affine_tables_never_open_a_proposer(X):
    def fail():
        raise AssertionError("opened")

    table = Table.prepare(X, 2 * X[:, 0] - 0.75 * X[:, 1] + 3)
    archive = solve(table, [Source(fail, 8)], FitOptions(), Deadline(), np.random.default_rng(0))
    assert best(archive).error < 1e-28
    np.testing.assert_allclose(evaluate(best(archive).expression, X), 2 * X[:, 0] - 0.75 * X[:, 1] + 3, rtol=1e-12)


@pytest.mark.parametrize("scale", [1.0, 1e-12, 1e15])
def test_a_proposed_law_is_found_exactly_in_any_units(X, scale):
    y = scale * 1.7 * np.exp(-0.6 * X[:, 0]) * X[:, 1]
    archive, _ = run(X * [1.0, scale], y, "mul x2 exp neg x1")
    law = best(archive)
    assert law.error < 1e-26
    assert law.complexity <= 8
    assert law.log_prob == -1.0


def test_the_raw_form_is_fitted_in_the_users_own_units(X):
    # no constant is proposed, and none is needed: the closed form is longer
    archive, _ = run(50 * X, np.sin(50 * X[:, 0]) / (50 * X[:, 1]), "div sin x1 x2")
    assert best(archive).expression.names() == ("div", "sin", "x1", "x2")


def test_a_skeleton_is_never_fitted_twice(X):
    seen = []
    table = Table.prepare(X, X[:, 0] * np.log(X[:, 1]) + 0.1 * np.sin(9 * X[:, 0]))
    proposer = Fixed("mul x1 log x2", "mul log x2 x1", rounds=3)
    solve(
        table,
        [Source(lambda: proposer, 32, rounds=3)],
        FitOptions(),
        Deadline(),
        np.random.default_rng(0),
        callback=lambda progress: seen.append(progress.n_fitted),
    )
    assert len(seen) == 3
    assert seen[0] == seen[1] == seen[2]


def test_equations_undefined_in_any_row_are_never_kept(X):
    X = np.vstack((X, [[-1.0, 1.0]]))
    y = np.where(X[:, 0] > 0, np.log(np.abs(X[:, 0])), 5.0)
    archive, _ = run(X, y, "log x1")
    for entry in archive:
        assert np.isfinite(evaluate(entry.expression, X)).all()


def test_rows_outside_the_screened_subset_count():
    rng = np.random.default_rng(0)
    X = rng.uniform(1, 2, (5000, 1))
    y = 3.3 * X[:, 0] ** 2 + 0.5 * rng.standard_normal(5000)
    archive, _ = run(X, y, "square x1")
    expected = (X[:, 0] ** 2 @ y) / np.sum(X[:, 0] ** 4)
    law = next(entry for entry in archive if entry.expression.names() == ("mul", "C", "square", "x1"))
    assert law.expression.constants[0] == pytest.approx(expected, rel=1e-8) or law.snapped


def test_the_search_stops_when_an_equation_is_exact(X):
    _, proposer = run(X, 2 * X[:, 0] * X[:, 1], "mul x1 x2", rounds=100, max_rounds=None)
    assert proposer.calls == 1


def test_the_search_ends_when_there_are_no_more_proposals(X):
    y = np.sin(X[:, 0] * 7) + X[:, 1] ** 3
    _, proposer = run(X, y, "sin x1", rounds=3, max_rounds=None)
    assert proposer.calls == 4


def test_the_deadline_is_honoured(X):
    y = np.sin(9 * X[:, 0]) * np.exp(X[:, 1]) + np.random.default_rng(1).standard_normal(80)
    table = Table.prepare(X, y)
    solve(table, [], FitOptions(), Deadline(), np.random.default_rng(0))  # compile first
    PriorProposer(2).propose(1, Deadline())
    started = time.monotonic()
    archive = solve(
        table,
        [Source(lambda: PriorProposer(2), 1000)],
        FitOptions(n_restarts=8),
        Deadline(1.0),
        np.random.default_rng(0),
    )
    assert 0.8 < time.monotonic() - started < 1.6
    assert best(archive).complexity > 5


def test_what_takes_too_long_to_load_is_left_out(X):
    slow, quick = Fixed("sin x1", rounds=2), Fixed("cos x1", rounds=2)
    y = np.random.default_rng(0).standard_normal(80)
    sources = [Source(lambda: slow, 8, loading=1e3), Source(lambda: quick, 8)]
    solve(Table.prepare(X, y), sources, FitOptions(), Deadline(5.0), np.random.default_rng(0))
    assert (slow.calls, quick.calls) == (0, 3)
    solve(Table.prepare(X, y), sources, FitOptions(), Deadline(), np.random.default_rng(0))
    assert slow.calls == 3


def test_the_clock_stands_still_while_kernels_are_loaded():
    calls = []

    def load():
        calls.append(time.sleep(0.3))

    deadline = Deadline(1.0)
    warm_up(deadline, load)
    assert deadline.remaining > 0.9
    assert deadline.elapsed < 0.1
    warm_up(deadline, load)
    assert len(calls) == 1


def test_an_archive_is_kept_when_an_exception_ends_the_search(X):
    class Interrupted(Proposer):
        def propose(self, n, deadline):
            raise KeyboardInterrupt

    table = Table.prepare(X, X[:, 0] ** 2)
    archive = Archive(table.floor)
    with pytest.raises(KeyboardInterrupt):
        solve(table, [Source(Interrupted, 8)], FitOptions(), Deadline(), np.random.default_rng(0), archive=archive)
    assert len(archive.front()) >= 2


def test_sources_share_the_time(X):
    first, second = Fixed("sin x1", rounds=4), Fixed("cos x1", rounds=4)
    y = np.random.default_rng(0).standard_normal(80)
    solve(
        Table.prepare(X, y),
        [Source(lambda: first, 8), Source(lambda: second, 8)],
        FitOptions(),
        Deadline(),
        np.random.default_rng(0),
    )
    assert first.calls == second.calls == 5


def test_bfgs_finds_simple_laws(X):
    archive, _ = run(
        X, 2.5 * X[:, 0] * X[:, 1] ** 2, "mul x1 square x2", settings=FitOptions(constant_optimizer="bfgs")
    )
    assert best(archive).error < 1e-20


# the archive


def entry(text, error, constants=None, **options):
    return Entry(Expression.from_names(text, constants), error, **options)


def test_the_front_has_no_longer_equation_that_is_not_better():
    archive = Archive(1e-20)
    for item in (entry("x1", 1.0), entry("sin x1", 1.5), entry("square x1", 0.5), entry("mul x1 sin x1", 0.5)):
        archive.add(item)
    assert [e.complexity for e in archive.front()] == [1, 2]


def test_errors_below_the_floor_count_as_equal():
    archive = Archive(1e-20)
    archive.add(entry("square x1", 1e-25))
    archive.add(entry("mul x1 sin x1", 1e-31))
    assert len(archive.front()) == 1


def test_undefined_and_too_long_equations_are_refused():
    archive = Archive(1e-20, Constraints(max_complexity=2))
    assert not archive.add(entry("x1", np.inf))
    assert not archive.add(entry("x1", np.nan))
    assert not archive.add(entry("mul x1 x1", 0.1))
    assert archive.add(entry("sin x1", 0.1))


def test_simple_constants_are_not_overwritten_by_the_last_digits():
    archive = Archive(1e-20)
    archive.add(entry("mul C x1", 1.0, [2.0], snapped=True))
    assert not archive.add(entry("mul C x1", 0.99, [2.0001]))
    assert archive.front()[0].expression.constants == (2.0,)
    assert archive.add(entry("mul C x1", 0.1, [2.4]))


# the table


def test_weights_are_repetitions():
    rng = np.random.default_rng(0)
    X, y = rng.uniform(size=(12, 3)), rng.uniform(size=12)
    w = rng.integers(0, 4, size=12)
    order = rng.permutation(12)
    weighted = Table.prepare(X[order], y[order], w[order].astype(float))
    repeated = Table.prepare(X.repeat(w, axis=0), y.repeat(w))
    np.testing.assert_array_equal(weighted.X, repeated.X)
    np.testing.assert_array_equal(weighted.y, repeated.y)
    np.testing.assert_allclose(weighted.weight, repeated.weight)
    assert weighted.n_effective == repeated.n_effective == w.sum()


def test_the_unit_of_other_weights_plays_no_part():
    rng = np.random.default_rng(0)
    X, y, w = rng.uniform(size=(12, 3)), rng.uniform(size=12), rng.uniform(0.1, 1, 12)
    a, b = Table.prepare(X, y, w), Table.prepare(X, y, 0.37 * w)
    np.testing.assert_allclose(a.weight, b.weight)
    assert a.n_effective == pytest.approx(b.n_effective)
    assert 1 < a.n_effective < 12


def test_errors_are_weighted_means_over_the_scale():
    X = np.array([[1.0], [2.0], [3.0]])
    table = Table.prepare(X, np.array([1.0, 2.0, 4.0]), np.array([1.0, 1.0, 2.0]))
    expected = 2 * 1.0 / 4 / table.y_scale**2
    assert table.error(Expression.from_names("x1")) == pytest.approx(expected)
    assert table.error(Expression.from_names("log sub x1 2")) == np.inf


def test_long_tables_are_evaluated_in_blocks():
    X = np.random.default_rng(0).uniform(1, 2, (150_000, 1))
    table = Table.prepare(X, X[:, 0] + 1)
    assert table.n_rows == 150_000
    assert table.error(Expression.from_names("x1")) == pytest.approx(1 / table.y_scale**2)


# closed forms


def test_affine_equations_take_the_best_columns_first():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 4))
    y = 3 * X[:, 2] + 0.5 * X[:, 0] + 1 + 0.01 * rng.standard_normal(200)
    equations = affine_equations(Table.prepare(X, y))
    assert [e.variables for e in equations[:3]] == [(), (2,), (0, 2)]
    coefficients = np.linalg.lstsq(np.column_stack((X, np.ones(200))), y, rcond=None)[0]
    np.testing.assert_allclose(evaluate(equations[-1], X), X @ coefficients[:4] + coefficients[4], rtol=1e-8)


def test_affine_equations_of_degenerate_columns():
    X = np.column_stack((np.ones(20), np.arange(20.0), np.arange(20.0)))
    equations = affine_equations(Table.prepare(X, 2 * np.arange(20.0) + 1))
    assert len(equations) == 2
    np.testing.assert_allclose(evaluate(equations[-1], X), 2 * np.arange(20.0) + 1, atol=1e-12)


def test_compress_keeps_inner_products():
    blocks = np.random.default_rng(0).standard_normal((5, 30, 4))
    upper = compress(blocks)
    assert upper.shape == (4, 4)
    np.testing.assert_allclose(upper.T @ upper, np.einsum("bij,bik->jk", blocks, blocks), rtol=1e-12)
