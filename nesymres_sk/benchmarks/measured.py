"""Tables of measurements: no law is known, and what counts is the prediction of rows that were not fitted to.

The data come with scikit-learn and statsmodels, or are files of the user's. Beside the estimators of the other suites
there are two that search for no equation: linear regression and a random forest.
"""

from __future__ import annotations

import multiprocessing
import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nesymres_sk.benchmarks import folder
from nesymres_sk.benchmarks.estimators import ESTIMATORS, Options
from nesymres_sk.benchmarks.metrics import length, r2
from nesymres_sk.benchmarks.report import table
from nesymres_sk.benchmarks.runner import one_torch_thread
from nesymres_sk.processes import one_thread_each

Array = NDArray[np.float64]

#: Random divisions of each table, and the share of its rows that is kept back.
N_SPLITS, TEST_SHARE = 4, 0.25
BASELINES = ("linear", "forest")
HEADER = ("estimator", "limit", "R² (median)", "R² (mean)", "above linear", "nodes (median)", "seconds (mean)")
_SCHOOLS = ["LOWINC", "PERASIAN", "PERBLACK", "PERHISP", "PERMINTE", "AVYRSEXP", "AVSALK", "PERSPENK"]
_MACRO = ["year", "realgdp", "realcons", "realinv", "realgovt", "cpi", "m1", "unemp", "pop", "infl"]


def _sklearn(name: str, target: str, n_columns: int = 10) -> Callable[[], tuple[pd.DataFrame, pd.Series]]:
    """A column of a table of scikit-learn, to be predicted from the first others."""

    def load() -> tuple[pd.DataFrame, pd.Series]:
        from sklearn import datasets

        frame = getattr(datasets, f"load_{name}")(as_frame=True)["frame"]
        if name != "diabetes":
            frame = frame.drop(columns="target")  # a class
        return frame.drop(columns=target).iloc[:, :n_columns], frame[target]

    return load


def _statsmodels(name: str, target: str, columns: Sequence[str]) -> Callable[[], tuple[pd.DataFrame, pd.Series]]:
    def load() -> tuple[pd.DataFrame, pd.Series]:
        frame = _read(name)
        return frame[list(columns)], frame[target]

    return load


def _read(name: str) -> pd.DataFrame:
    from importlib import import_module

    frame: pd.DataFrame = import_module(f"statsmodels.datasets.{name}").load_pandas().data
    return frame


def _star98() -> tuple[pd.DataFrame, pd.Series]:
    frame = _read("star98")
    return frame[_SCHOOLS], frame["NABOVE"] / (frame["NABOVE"] + frame["NBELOW"])


def _co2() -> tuple[pd.DataFrame, pd.Series]:
    frame = _read("co2").dropna()
    year = frame.index.year + (frame.index.day_of_year - 1) / 365.25
    return pd.DataFrame({"year": np.asarray(year, dtype=float)}), frame["co2"]


def _elnino() -> tuple[pd.DataFrame, pd.Series]:
    frame = _read("elnino").set_index("YEAR")
    frame.columns = range(1, 13)
    long = frame.stack().rename_axis(["year", "month"]).rename("temperature").reset_index()
    return long[["year", "month"]].astype(float), long["temperature"]


#: By name: what gives the columns and the target.
TABLES: dict[str, Callable[[], tuple[pd.DataFrame, pd.Series]]] = {
    "diabetes": _sklearn("diabetes", "target"),
    "iris": _sklearn("iris", "petal width (cm)"),
    "wine": _sklearn("wine", "color_intensity"),
    "cells": _sklearn("breast_cancer", "mean fractal dimension", 9),
    "star98": _star98,
    "grunfeld": _statsmodels("grunfeld", "invest", ["value", "capital"]),
    "tbilrate": _statsmodels("macrodata", "tbilrate", _MACRO),
    "modechoice": _statsmodels("modechoice", "gc", ["mode", "choice", "ttme", "invc", "invt", "hinc", "psize"]),
    "engel": _statsmodels("engel", "foodexp", ["income"]),
    "cancer": _statsmodels("cancer", "cancer", ["population"]),
    "ccard": _statsmodels("ccard", "AVGEXP", ["AGE", "INCOME", "OWNRENT"]),
    "statecrime": _statsmodels("statecrime", "violent", ["hs_grad", "poverty", "single", "white", "urban"]),
    "co2": _co2,
    "elnino": _elnino,
}


@dataclass(frozen=True)
class Fit:
    """One fit of one estimator to the training rows of one division.

    Attributes
    ----------
    name : str
        Table.
    split : int
    estimator : str
    limit : float or None
        Seconds; ``None`` for baselines.
    r2 : float
        On the rows kept back; minus infinity where undefined, or where the estimator failed.
    n_nodes : int or None
        Length of the equation.
    seconds : float
    failure : str or None
        Why the estimator failed, if it did.
    """

    name: str
    split: int
    estimator: str
    limit: float | None
    r2: float
    n_nodes: int | None
    seconds: float
    failure: str | None = None


def load(name: str) -> tuple[Array, Array]:
    """Columns of shape (n, d) and target of shape (n,) of a table of :data:`TABLES`, or of a file.

    Raises
    ------
    ImportError
        If the table comes with statsmodels, and that is not installed.
    ValueError
        If a file has too few rows or columns.
    """
    if name not in TABLES:
        return folder.read(Path(name))
    try:
        columns, target = TABLES[name]()
    except ImportError as error:
        raise ImportError(f"the table {name!r} comes with statsmodels: pip install 'nesymres-sk[bench]'") from error
    return columns.to_numpy(dtype=np.float64), target.to_numpy(dtype=np.float64)


def fit(name: str, split: int, estimator: str, limit: float | None, seed: int = 0) -> Fit:
    """Fit an estimator, or one of :data:`BASELINES`, to three quarters of a table, and predict the last one."""
    from sklearn.model_selection import train_test_split

    X, y = load(name)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=TEST_SHARE, random_state=1000 * seed + split)
    n_nodes = None
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peers warn of overflow all the time
        try:
            if limit is None:
                predict = _baseline(estimator, X_train, y_train)
            else:
                found = ESTIMATORS[estimator](X_train, y_train, Options(limit, seed))
                predict = found.predict
                n_nodes = None if found.expression is None else length(found.expression)
            seconds = time.perf_counter() - started
            value = r2(predict(X_test), y_test)
        except Exception as error:  # a peer's failure must not end the run; it is shown and counts as no prediction
            seconds, failure = time.perf_counter() - started, f"{type(error).__name__}: {error}"
            return Fit(name, split, estimator, limit, -np.inf, None, seconds, failure)
    return Fit(name, split, estimator, limit, value, n_nodes, seconds)


def _baseline(name: str, X: Array, y: Array) -> Callable[[Array], Array]:
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.linear_model import LinearRegression

    model = LinearRegression() if name == "linear" else RandomForestRegressor(random_state=0)
    predict: Callable[[Array], Array] = model.fit(X, y).predict
    return predict


def report(
    estimators: Sequence[str],
    times: Sequence[float],
    seed: int = 0,
    jobs: int = 1,
    names: Sequence[str] = tuple(TABLES),
    verbose: bool = False,
    suite: str = "measured",
) -> str:
    """Markdown table of the estimators and the baselines.

    Parameters
    ----------
    estimators : sequence of str
        Names from :data:`~nesymres_sk.benchmarks.estimators.ESTIMATORS`.
    times : sequence of float
        Seconds for one fit.
    seed : int, default 0
        Seed of the divisions and the estimators.
    jobs : int, default 1
        Fits side by side, one core each.
    names : sequence of str
        Tables, or paths of files.
    verbose : bool, default False
        Also a table with the median R² of each table of data.
    suite : str, default "measured"
        Title.

    Raises
    ------
    ImportError, ValueError
        If statsmodels is not installed, or a file is no table that can be fitted, before anything is fitted.
    """
    for name in names:
        load(name)
    series: list[tuple[str, float | None]] = [(baseline, None) for baseline in BASELINES]
    series += [(estimator, limit) for estimator in estimators for limit in times]
    # the estimators take turns on each table, so that a slow moment of the machine hits all of them
    plan = [(name, split, *line) for name in names for split in range(N_SPLITS) for line in series]
    fits = _fits([(*case, seed) for case in plan], jobs)
    linear = {(fit.name, fit.split): fit.r2 for fit in fits if fit.estimator == "linear"}
    groups = {line: [fit for fit in fits if (fit.estimator, fit.limit) == line] for line in series}
    text = f"### {suite}: {len(names)} tables, {N_SPLITS} divisions each\n\n"
    text += table(HEADER, [_line(*line, group, linear) for line, group in groups.items()])
    if verbose:
        titles = ("table", *(_title(*line) for line in series))
        medians = [(folder.name(name), *(_median(group, name) for group in groups.values())) for name in names]
        text += "\n\n" + table(titles, medians)
    for failed in (fit for fit in fits if fit.failure is not None):
        text += (
            f"\n\n{failed.estimator} failed on {folder.name(failed.name)}, division {failed.split}: {failed.failure}"
        )
    return text


def _fits(plan: Sequence[tuple[str, int, str, float | None, int]], jobs: int) -> list[Fit]:
    if jobs == 1:
        return [fit(*case) for case in plan]
    with (
        one_thread_each(),
        ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"), one_torch_thread) as pool,
    ):
        return list(pool.map(fit, *zip(*plan, strict=True)))


def _line(estimator: str, limit: float | None, fits: Sequence[Fit], linear: dict[tuple[str, int], float]) -> list[str]:
    nodes = [fit.n_nodes for fit in fits if fit.n_nodes is not None]
    return [
        estimator,
        "–" if limit is None else f"{limit:g} s",
        f"{statistics.median(fit.r2 for fit in fits):.3f}",
        # a prediction worse than the mean of the rows is as useless as one that is far worse
        f"{statistics.fmean(max(fit.r2, 0.0) for fit in fits):.3f}",
        "–" if estimator == "linear" else f"{np.mean([fit.r2 > linear[fit.name, fit.split] for fit in fits]):.0%}",
        f"{statistics.median(nodes):g}" if nodes else "–",
        f"{statistics.fmean(fit.seconds for fit in fits):.2f}",
    ]


def _title(estimator: str, limit: float | None) -> str:
    return estimator if limit is None else f"{estimator}, {limit:g} s"


def _median(fits: Sequence[Fit], name: str) -> str:
    return f"{statistics.median(fit.r2 for fit in fits if fit.name == name):.3f}"
