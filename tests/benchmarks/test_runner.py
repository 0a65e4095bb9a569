from __future__ import annotations

import os
from concurrent.futures import Future

import numpy as np
import pytest

from nesymres_sk.benchmarks import runner
from nesymres_sk.benchmarks.estimators import ESTIMATORS, Found
from nesymres_sk.benchmarks.metrics import Score
from nesymres_sk.benchmarks.results import Case, Results, Row
from nesymres_sk.benchmarks.runner import Plan, fit, run
from nesymres_sk.benchmarks.suites import load_suite
from nesymres_sk.expressions.machine import evaluate

PLAN = Plan("nguyen", load_suite("nguyen")[:2], ("ours", "prior"), (1.0, 3.0, 10.0), (0.0, 0.1), seed=5)


class Inline:
    """In place of the pool of processes: a fit is made when it is submitted."""

    def __init__(self, *args):
        pass

    def submit(self, function, *args):
        future: Future = Future()
        future.set_result(function(*args))
        return future

    def shutdown(self, cancel_futures):
        assert cancel_futures


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Case]:
    """Cases that were fitted; "ours" ends after half a second, "prior" takes all the time."""
    cases: list[Case] = []

    def pretend(problem, case):
        assert problem.name == case.problem
        cases.append(case)
        seconds = 0.5 if case.estimator == "ours" else case.time
        return Row(case, Score(True, True, True, True, 1.0, 5), seconds, seconds, "x1")

    monkeypatch.setattr(runner, "ProcessPoolExecutor", Inline)
    monkeypatch.setattr(runner, "fit", pretend)
    return cases


def test_a_fit_that_ends_early_stands_for_the_longer_limits(made: list[Case]):
    before = dict(os.environ)
    results = Results()
    rows = list(run(PLAN, results))
    assert {row.case for row in rows} == set(PLAN.cases())
    assert len(rows) == len(PLAN.cases()) == 2 * 2 * 2 * 3
    assert {case.time for case in made if case.estimator == "ours"} == {1.0}
    assert sum(case.estimator == "prior" for case in made) == 2 * 2 * 3
    assert all(row.seconds == 0.5 for row in rows if row.case.estimator == "ours")
    assert {case.points for case in made} == {128}
    assert {case.seed for case in made} == {5}
    assert dict(os.environ) == before


def test_what_the_results_have_is_not_made_again(made: list[Case]):
    results = Results()
    everything = list(run(PLAN, results))
    made.clear()
    assert list(run(PLAN, results)) == []
    some = Results()
    for row in everything[:7]:
        some.add(row)
    rest = list(run(PLAN, some))
    assert {row.case for row in rest} == set(PLAN.cases()) - {row.case for row in everything[:7]}
    assert set(made).isdisjoint({row.case for row in everything[:7]})


def test_nothing_is_begun_after_the_time_to_stop(made: list[Case]):
    assert list(run(PLAN, Results(), stop_after=0.0)) == []
    assert made == []


def test_estimators_take_turns_on_each_problem(made: list[Case]):
    list(run(PLAN, Results()))
    # the limits of one estimator follow each other, then comes the other one with the same data
    order = list(dict.fromkeys((case.noise, case.problem, case.estimator) for case in made))
    names = [problem.name for problem in PLAN.problems]
    assert order == [
        (noise, name, estimator) for noise in PLAN.noises for name in names for estimator in PLAN.estimators
    ]


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "_warm", {"ours"})


def case_of(problem, noise: float = 0.0, points: int = 128) -> Case:
    return Case("any", problem.name, "ours", 1.0, noise, points, 0)


@pytest.mark.usefixtures("ready")
def test_a_failing_estimator_is_a_row_and_not_the_end(monkeypatch: pytest.MonkeyPatch):
    def fail(X, y, options):
        raise RuntimeError("out of ideas")

    monkeypatch.setitem(ESTIMATORS, "ours", fail)
    problem = load_suite("nguyen")[0]
    row = fit(problem, case_of(problem))
    assert row.score is None
    assert row.equation == "RuntimeError: out of ideas"


@pytest.mark.usefixtures("ready")
def test_noise_is_relative_and_only_in_the_training_data(monkeypatch: pytest.MonkeyPatch):
    (problem,) = load_suite("feynman", "II.27.18")
    seen = {}

    def look(X, y, options):
        seen["noise"] = np.std(y - evaluate(problem.expression, X)) / np.sqrt(np.mean(y**2))
        return Found(lambda X: evaluate(problem.expression, X), problem.expression, problem.formula, 17)

    monkeypatch.setitem(ESTIMATORS, "ours", look)
    row = fit(problem, case_of(problem, noise=0.1, points=2000))
    assert seen["noise"] == pytest.approx(0.1, rel=0.1)
    assert row.score is not None and row.score.solved
    assert row.n_fitted == 17


def test_an_estimator_is_warmed_up_once_before_its_first_fit(monkeypatch: pytest.MonkeyPatch):
    calls: list[str] = []
    problem = load_suite("nguyen")[0]
    monkeypatch.setattr(runner, "_warm", set())
    monkeypatch.setattr(runner, "warm_up", calls.append)
    monkeypatch.setitem(ESTIMATORS, "ours", lambda X, y, options: Found(lambda X: X[:, 0], problem.expression, "x1"))
    fit(problem, case_of(problem))
    fit(problem, case_of(problem))
    assert calls == ["ours"]
