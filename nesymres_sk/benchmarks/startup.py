"""What a user waits for before and besides the search: imports, and one warm fit with the default settings."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

import numpy as np

_IMPORTS = ("sklearn", "nesymres_sk", "from nesymres_sk import NeuralSymbolicRegressor", "torch")
_RUNS = 7
_POINTS = 128


def report(seed: int = 0) -> str:
    """Markdown table of import times beside scikit-learn's, and of the seconds of one fit.

    Parameters
    ----------
    seed : int, default 0
        Seed of the fitted table.
    """
    times: dict[str, list[float]] = {statement: [] for statement in _IMPORTS}
    for _ in range(_RUNS):  # in turn, so that a slow moment of the machine hits all of them
        for statement, seconds in times.items():
            seconds.append(_import_time(statement))
    reference = statistics.median(times["sklearn"])
    lines = [
        f"Median of {_RUNS} fresh processes, without the start of the interpreter:",
        "",
        "| import | seconds | ratio to sklearn |",
        "|---|---|---|",
    ]
    for statement, seconds in times.items():
        median = statistics.median(seconds)
        lines.append(f"| `{statement}` | {median:.3f} | {median / reference:.2f} |")
    lines += ["", _fit_line(seed)]
    return "\n".join(lines)


def _import_time(statement: str) -> float:
    statement = statement if " " in statement else f"import {statement}"
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return float(done.stdout)


def _fit_line(seed: int) -> str:
    """Seconds of a fit that finds no exact law, so that every stage has its turn."""
    from nesymres_sk.regressor import NeuralSymbolicRegressor

    rng = np.random.default_rng(seed)
    X = rng.uniform(1.0, 5.0, (_POINTS, 3))
    y = X[:, 0] * np.exp(-X[:, 1]) + np.sin(3.0 * X[:, 2]) + 0.1 * rng.standard_normal(_POINTS)
    model = NeuralSymbolicRegressor(random_state=seed, n_jobs=1, device="cpu").fit(X, y)
    seconds = []
    for _ in range(_RUNS):
        started = time.perf_counter()
        model.fit(X, y)
        seconds.append(time.perf_counter() - started)
    return (
        f"One warm `fit` with the default settings (beam {model.beam_size}), {_POINTS} points, one thread: "
        f"{statistics.median(seconds):.2f} s (median of {_RUNS})."
    )
