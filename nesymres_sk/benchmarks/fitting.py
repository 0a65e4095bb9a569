"""Speed and reliability of the constant fit, beside scipy's optimisers on the same skeletons."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import compile_programs, evaluate
from nesymres_sk.fitting.bfgs import Objective, fit_skeletons_bfgs
from nesymres_sk.fitting.constants import FitResult, fit_skeletons, prepare_table
from nesymres_sk.prior.problems import Problem, sample_problems
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.prior.skeletons import SkeletonSampler

Fitter = Callable[..., FitResult]

_POINTS = 128
_FRESH = 1000
_COLUMNS = 3
_MAX_CONSTANTS = 4
_RESTARTS = 4
_MANY_RESTARTS = 64
_EXACT = 1e-9


def main(n: int = 300, seconds: float = 10.0, seed: int = 0) -> str:
    """Tables of both measurements.

    Parameters
    ----------
    n : int, default 300
        Problems whose true skeleton is given.
    seconds : float, default 10
        Roughly how long each of scipy's optimisers may take.
    seed : int, default 0

    Returns
    -------
    str
        Markdown: skeletons fitted per second of processor time, then exact answers and milliseconds per skeleton. Exact
        means an unexplained variance below 1e-9 on points not fitted to.
    """
    rng = np.random.default_rng(seed)
    problems = draw_problems(n, rng)
    return f"{_speed_table(seconds, seed)}\n\n{_exact_table(problems, seconds, seed)}"


def draw_problems(n: int, rng: np.random.Generator) -> list[Problem]:
    """Problems of the base recipe that have enough points to determine their constants."""
    problems: list[Problem] = []
    while len(problems) < n:
        some = sample_problems(RECIPES["base"], max(n, 32), rng)
        problems += [problem for problem in some if np.isfinite(problem.y_clean).sum() >= _POINTS // 2]
    return problems[:n]


def report(seed: int = 0, n: int = 300) -> str:
    """Tables of :func:`main` for the command line."""
    return main(n, seed=seed)


def fit_least_squares(
    skeletons: Sequence[Expression],
    X: NDArray[np.float64],
    y: NDArray[np.float64],
    *,
    n_restarts: int,
    deadline: Deadline,
    rng: np.random.Generator,
) -> FitResult:
    """The peer: scipy's Levenberg-Marquardt with the machine's Jacobian, from standard normal starts."""
    from scipy.optimize import least_squares

    table = prepare_table(X, y, None, None)
    programs = compile_programs(skeletons)
    constants: list[tuple[float, ...]] = []
    losses = np.full(len(skeletons), np.inf)
    for index, skeleton in enumerate(skeletons):
        objective = Objective(programs, index, skeleton.constants, table, Deadline())
        for start in rng.standard_normal((n_restarts, int(objective.free.sum()))):
            if deadline.passed or not np.isfinite(objective(start)[0]) or start.size == 0:
                continue
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                try:
                    found = least_squares(objective.residuals, start, objective.jacobian, method="lm", max_nfev=200)
                except ValueError:  # scipy gives up where residuals are not finite
                    continue
            objective(found.x)
        constants.append(tuple(objective.best.tolist()))
        losses[index] = objective.loss
    return FitResult(constants, losses)


_PEERS: dict[str, Fitter] = {
    "scipy BFGS": fit_skeletons_bfgs,
    "scipy least_squares": fit_least_squares,
}


def _speed_table(seconds: float, seed: int) -> str:
    """Random skeletons on one table of random numbers, which is what a search fits most of the time."""
    rng = np.random.default_rng(seed)
    sampled = SkeletonSampler(RECIPES["base"], seed).sample(4000, _COLUMNS)
    skeletons = [skeleton for skeleton in sampled if len(skeleton.constants) <= _MAX_CONSTANTS]
    X = rng.uniform(0.2, 2.0, (_POINTS, _COLUMNS))
    y = X[:, 0] * np.exp(-X[:, 1]) + np.sin(3.0 * X[:, 2])
    fit_skeletons(skeletons[:20], X, y, rng=rng)  # compilation is not what is measured
    start = time.process_time()
    losses = fit_skeletons(skeletons, X, y, n_restarts=_RESTARTS, rng=np.random.default_rng(seed)).losses
    ours = len(skeletons) / (time.process_time() - start)
    lines = [
        f"Random skeletons, {_POINTS} points, at most {_MAX_CONSTANTS} constants, {_RESTARTS} restarts,",
        "processor time of one core:",
        "",
        "| optimiser | skeletons per second | ours is faster by | ours fits better / worse |",
        "|---|---|---|---|",
        f"| ours | {ours:.0f} | | |",
    ]
    for name, fitter in _PEERS.items():
        start = time.process_time()
        done = 0
        better = worse = 0
        while done < len(skeletons) and time.process_time() - start < seconds:
            some = skeletons[done : done + 10]
            theirs = fitter(some, X, y, n_restarts=_RESTARTS, deadline=Deadline(), rng=rng).losses
            mine = losses[done : done + len(some)]
            better += int((mine < 0.99 * theirs).sum())
            worse += int((theirs < 0.99 * mine).sum())
            done += len(some)
        rate = done / (time.process_time() - start)
        lines.append(f"| {name} | {rate:.0f} | {ours / rate:.0f} | {better} / {worse} of {done} |")
    return "\n".join(lines)


def _exact_table(problems: Sequence[Problem], seconds: float, seed: int) -> str:
    """The true skeleton given, is the law found?"""
    lines = [
        f"The true skeleton given, {len(problems)} problems of the prior, {_POINTS} points:",
        "",
        "| skeleton | optimiser | restarts | exact | processor ms per skeleton |",
        "|---|---|---|---|---|",
    ]
    for form in ("raw", "closed"):
        for restarts in (_RESTARTS, _MANY_RESTARTS):
            exact, cost = recovery(problems, form, fit_skeletons, restarts, seed)
            lines.append(f"| {form} | ours | {restarts} | {np.mean(exact):.1%} | {cost:.2f} |")
        for name, fitter in _PEERS.items():
            some = problems[: max(20, int(4 * seconds))]
            exact, cost = recovery(some, form, fitter, _RESTARTS, seed)
            lines.append(f"| {form} | {name} | {_RESTARTS} | {np.mean(exact):.1%} of {len(some)} | {cost:.2f} |")
    return "\n".join(lines)


def recovery(
    problems: Sequence[Problem], form: str, fitter: Fitter, n_restarts: int, seed: int
) -> tuple[list[bool], float]:
    """Whether each law was found, and milliseconds per skeleton; ``form`` is ``raw`` or ``closed``."""
    exact = []
    elapsed = 0.0
    rng = np.random.default_rng(seed)
    for problem in problems:
        skeleton = problem.closed if form == "closed" else problem.skeleton
        rows = rng.permutation(np.flatnonzero(np.isfinite(problem.y_clean)))[:_POINTS]
        X, y = problem.X[rows], problem.y_clean[rows]
        X_fresh = np.stack([rng.choice(column, _FRESH) for column in X.T], axis=1)
        y_fresh = evaluate(problem.expression, X_fresh)
        start = time.process_time()
        result = fitter([skeleton], X, y, n_restarts=n_restarts, deadline=Deadline(), rng=rng)
        elapsed += time.process_time() - start
        predicted = evaluate(skeleton.with_constants(result.constants[0]), X_fresh)
        good = np.isfinite(y_fresh) & (np.abs(y_fresh) < 1e15)
        error = np.mean(np.square(predicted[good] - y_fresh[good])) if good.any() else 0.0
        exact.append(bool(error <= _EXACT * np.var(y_fresh[good])))
    return exact, 1e3 * elapsed / max(len(problems), 1)
