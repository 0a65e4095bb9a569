"""Run estimators on problems, each fit alone on one core."""

from __future__ import annotations

import multiprocessing
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import dataclass, replace

import numpy as np

from nesymres_sk.benchmarks.estimators import ESTIMATORS, Options, warm_up
from nesymres_sk.benchmarks.metrics import score
from nesymres_sk.benchmarks.problems import Problem
from nesymres_sk.benchmarks.results import Case, Results, Row
from nesymres_sk.deadline import Deadline
from nesymres_sk.processes import one_thread_each

_warm: set[str] = set()


@dataclass(frozen=True)
class Plan:
    """The fits of one suite: every estimator on every problem, with every noise and time limit.

    Attributes
    ----------
    suite : str
    problems : sequence of Problem
    estimators : sequence of str
        Names from :data:`~nesymres_sk.benchmarks.estimators.ESTIMATORS`.
    times : sequence of float
        Seconds, ascending.
    noises : sequence of float
        Standard deviations of the noise on y, in units of its root mean square.
    points : int or None
        Rows of the training tables; ``None`` is each problem's own number.
    seed : int
        Seed of the data and of the estimators.
    beam_size : int or None
        Width of our decoding; ``None`` is the estimator's default.
    """

    suite: str
    problems: Sequence[Problem]
    estimators: Sequence[str]
    times: Sequence[float]
    noises: Sequence[float] = (0.0,)
    points: int | None = None
    seed: int = 0
    beam_size: int | None = None

    def series(self) -> Iterator[tuple[Problem, list[Case]]]:
        """Each problem with the cases that differ in the time limit only.

        Estimators are next to each other, so that a slow moment of the machine hits all of them.
        """
        for noise in self.noises:
            for problem in self.problems:
                points = self.points or problem.default_points
                for estimator in self.estimators:
                    yield (
                        problem,
                        [
                            Case(self.suite, problem.name, estimator, limit, noise, points, self.seed, self.beam_size)
                            for limit in self.times
                        ],
                    )

    def cases(self) -> list[Case]:
        """All fits of the plan."""
        return [case for _, cases in self.series() for case in cases]


def run(plan: Plan, results: Results, jobs: int = 1, stop_after: float | None = None) -> Iterator[Row]:
    """Make the fits that the results do not have yet.

    A fit that ends well before its time limit counts for the longer limits, too; otherwise each limit has a fit of
    its own, because the last part of the time goes to other work than the first.

    Parameters
    ----------
    plan : Plan
    results : Results
        Filled.
    jobs : int
        Processes that run side by side, each on one core.
    stop_after : float, optional
        Seconds after which no further fit is begun.

    Yields
    ------
    Row
        New rows in the order in which the fits end.
    """
    waiting: list[tuple[Problem, list[Case], Case]] = []
    for problem, cases in plan.series():
        reused, case = _next(cases, results)
        yield from reused
        if case is not None:
            waiting.append((problem, cases, case))
    if not waiting:
        return
    deadline = Deadline(stop_after)
    with one_thread_each():
        pool = ProcessPoolExecutor(min(jobs, len(waiting)), multiprocessing.get_context("spawn"), one_torch_thread)
        try:
            running: dict[Future[Row], tuple[Problem, list[Case]]] = {}
            waiting.reverse()
            while waiting or running:
                # no more than the processes can take, so that nothing is begun after the deadline
                while waiting and len(running) < jobs and not deadline.passed:
                    problem, cases, case = waiting.pop()
                    running[pool.submit(fit, problem, case)] = problem, cases
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    problem, cases = running.pop(future)
                    row = future.result()
                    results.add(row)
                    yield row
                    reused, next_case = _next(cases, results)
                    yield from reused
                    if next_case is not None:
                        waiting.append((problem, cases, next_case))
        finally:
            pool.shutdown(cancel_futures=True)
            results.write()


def _next(cases: Sequence[Case], results: Results) -> tuple[list[Row], Case | None]:
    """Rows that earlier ones stand for, which are added, and the first case that has to be fitted."""
    reused: list[Row] = []
    previous: Row | None = None
    for case in cases:
        row = results.get(case)
        if row is None:
            if previous is None or not previous.ended_early:
                return reused, case
            row = replace(previous, case=case)
            results.add(row)
            reused.append(row)
        previous = row
    return reused, None


def one_torch_thread() -> None:
    """Begin a process with one thread of torch, which does not go by the environment."""
    import torch

    torch.set_num_threads(1)


def fit(problem: Problem, case: Case) -> Row:
    """Fit one estimator to one problem and score it on fresh points."""
    if case.estimator not in _warm:
        warm_up(case.estimator)
        _warm.add(case.estimator)
    rng = problem.generator(case.seed, "train")
    X, y = problem.training(case.points, rng)
    y = y + case.noise * np.sqrt(np.mean(y**2)) * rng.standard_normal(len(y))
    options = Options(case.time, case.seed, case.beam_size)
    started, processor = time.perf_counter(), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peers warn of overflow all the time
            found = ESTIMATORS[case.estimator](X, y, options)
            seconds, processor_seconds = time.perf_counter() - started, time.process_time() - processor
            assert found.expression is not None  # problems have at most ten columns
            result = score(problem, found.predict, found.expression, case.seed)
    except Exception as error:  # one failure of a peer must not end an hour's run; it is shown and counted
        seconds, processor_seconds = time.perf_counter() - started, time.process_time() - processor
        return Row(case, None, seconds, processor_seconds, f"{type(error).__name__}: {error}")
    return Row(case, result, seconds, processor_seconds, found.equation, found.n_fitted)
