"""Run estimators on problems, each fit alone on one core."""

from __future__ import annotations

import multiprocessing
import os
import time
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

import numpy as np

from nesymres_sk.benchmarks.estimators import ESTIMATORS, Options, warm_up
from nesymres_sk.benchmarks.metrics import Score, score
from nesymres_sk.benchmarks.suites import Problem

#: Thread pools are sized when a library is imported, so the limits must be in the environment of a fresh process.
ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS", "NUMBA_NUM_THREADS"), "1"
)


@dataclass(frozen=True)
class Settings:
    """How the data are drawn and the estimators run.

    Attributes
    ----------
    options : Options
        Time limit and seed of the estimators; the seed is that of the data, too.
    n_points : int
        Points of each problem.
    noise : float
        Standard deviation of the noise on y, in units of its root mean square.
    """

    options: Options
    n_points: int = 128
    noise: float = 0.0


@dataclass(frozen=True)
class Row:
    """One fit: the score is ``None`` where the estimator failed, and ``equation`` then says why."""

    estimator: str
    problem: str
    score: Score | None
    seconds: float
    equation: str


def run(problems: Iterable[Problem], estimators: Iterable[str], settings: Settings, jobs: int) -> Iterator[Row]:
    """Fit every estimator to every problem.

    Parameters
    ----------
    problems : iterable of Problem
    estimators : iterable of str
        Names from :data:`~nesymres_sk.benchmarks.estimators.ESTIMATORS`.
    settings : Settings
    jobs : int
        Processes that run side by side, each on one core.

    Yields
    ------
    Row
        In the order in which the fits end.
    """
    problems = list(problems)
    for estimator in estimators:
        before = {name: os.environ.get(name) for name in ONE_THREAD}
        os.environ.update(ONE_THREAD)
        try:
            with ProcessPoolExecutor(
                min(jobs, len(problems)), multiprocessing.get_context("spawn"), _prepare, (estimator,)
            ) as pool:
                for done in as_completed([pool.submit(fit, estimator, problem, settings) for problem in problems]):
                    yield done.result()
        finally:
            for name, value in before.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _prepare(estimator: str) -> None:
    import torch

    torch.set_num_threads(1)
    warm_up(estimator)


def fit(estimator: str, problem: Problem, settings: Settings) -> Row:
    """Fit one estimator to one problem and score it on fresh points."""
    rng = problem.generator(settings.options.seed, "train")
    X, y = problem.draw(settings.n_points, rng)
    y = y + settings.noise * np.sqrt(np.mean(y**2)) * rng.standard_normal(len(y))
    started = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # peers warn of overflow all the time
            found = ESTIMATORS[estimator](X, y, settings.options)
            seconds = time.perf_counter() - started
            result = score(problem, found.predict, found.expression, settings.options.seed)
    except Exception as error:  # one failure of a peer must not end an hour's run; it is shown and counted
        return Row(estimator, problem.name, None, time.perf_counter() - started, f"{type(error).__name__}: {error}")
    return Row(estimator, problem.name, result, seconds, found.equation)
