"""What a user waits for before and besides the search: imports, compilation, one warm fit with the default settings."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time

import joblib
import numpy as np

_IMPORTS = ("sklearn", "nesymres_sk", "from nesymres_sk import NeuralSymbolicRegressor", "torch")
_RUNS = 7
_POINTS = 128
#: A law that is found at once, so that hardly anything but imports and kernels takes time.
_FIRST_FIT = """
import time; started = time.perf_counter()
import numpy as np; from nesymres_sk import NeuralSymbolicRegressor
X = np.linspace(0.5, 2.0, 40).reshape(-1, 2)
NeuralSymbolicRegressor().fit(X, 3.0 * X[:, 0] / X[:, 1])
print(time.perf_counter() - started)
"""


def report(seed: int = 0) -> str:
    """Markdown table of import times beside scikit-learn's, and the seconds of first fits and of a warm one.

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
    lines += ["", _first_fits(), "", _fit_line(seed)]
    return "\n".join(lines)


def _first_fits() -> str:
    """Seconds from the first import to the end of an easy fit, where nothing has been compiled, and again."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "NUMBA_CACHE_DIR": folder}
        cold, warm = (_seconds_of(_FIRST_FIT, environment) for _ in range(2))
    return (
        f"First `fit` in a fresh process, imports included: {cold:.1f} s where the kernels have to be compiled "
        f"(on {joblib.cpu_count()} cores), {warm:.1f} s where they are on the disk."
    )


def _import_time(statement: str) -> float:
    statement = statement if " " in statement else f"import {statement}"
    code = f"import time; t = time.perf_counter(); {statement}; print(time.perf_counter() - t)"
    return _seconds_of(code)


def _seconds_of(code: str, environment: dict[str, str] | None = None) -> float:
    """What a fresh process prints."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
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
