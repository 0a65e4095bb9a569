"""Tables of measurements, and what is said about estimators that predict them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from nesymres_sk.benchmarks import measured
from nesymres_sk.benchmarks.__main__ import main
from nesymres_sk.benchmarks.estimators import ESTIMATORS, Found
from nesymres_sk.expressions.parser import parse

OF_SKLEARN = ("diabetes", "iris", "wine", "cells")


@pytest.mark.parametrize("name", measured.TABLES)
def test_tables_are_finite_and_not_wider_than_the_search(name):
    if name not in OF_SKLEARN:
        pytest.importorskip("statsmodels")
    X, y = measured.load(name)
    assert len(X) == len(y) >= 50
    assert 1 <= X.shape[1] <= 10
    assert np.isfinite(X).all()
    assert np.isfinite(y).all()
    assert np.ptp(y) > 0
    assert not any(np.array_equal(column, y) for column in X.T)


def test_a_missing_package_is_named(monkeypatch):
    def load():
        raise ImportError("no statsmodels")

    monkeypatch.setitem(measured.TABLES, "iris", load)
    with pytest.raises(ImportError, match=r"nesymres-sk\[bench\]"):
        measured.load("iris")
    with pytest.raises(SystemExit) as error:
        main(["--suite", "measured", "--estimator", "default"])
    assert error.value.code == 2


@pytest.fixture
def line(monkeypatch):
    """A table whose target is the first column, with an estimator that knows it and one that fails."""
    X = np.random.default_rng(0).normal(size=(80, 2))
    frame = pd.DataFrame(X, columns=["a", "b"])
    monkeypatch.setitem(measured.TABLES, "line", lambda: (frame, frame["a"] ** 3))

    def knows(X, y, options):
        return Found(lambda Z: Z[:, 0] ** 3, parse("x1**3"), "x1**3")

    def fails(X, y, options):
        raise FloatingPointError("overflow")

    monkeypatch.setitem(ESTIMATORS, "knows", knows)
    monkeypatch.setitem(ESTIMATORS, "fails", fails)


def test_rows_that_are_kept_back_are_predicted(line):
    seen = measured.fit("line", 0, "knows", 1.0)
    assert seen.r2 == 1.0
    assert seen.n_nodes == 2
    assert 0.0 < measured.fit("line", 0, "linear", None).r2 < 1.0
    assert measured.fit("line", 1, "linear", None).r2 != measured.fit("line", 0, "linear", None).r2


def test_a_failure_counts_as_no_prediction(line):
    failed = measured.fit("line", 0, "fails", 1.0)
    assert failed.r2 == -np.inf
    assert failed.failure == "FloatingPointError: overflow"


def test_report(line):
    text = measured.report(["knows", "fails"], [1.0], names=["line"], verbose=True)
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in text.splitlines() if row.startswith("|")]
    summary = {row[0]: row for row in rows[:6]}
    assert tuple(rows[0]) == measured.HEADER
    assert summary["knows"][1:6] == ["1 s", "1.000", "1.000", "100%", "2"]
    assert summary["fails"][2:6] == ["-inf", "0.000", "0%", "–"]
    assert summary["linear"][4:6] == ["–", "–"]
    assert rows[-1][0] == "line"
    assert rows[-1][3:] == ["1.000", "-inf"]
    assert text.count("fails failed on line, division") == measured.N_SPLITS


def test_processes_side_by_side_find_the_same():
    def without_seconds(text):
        return [row.rsplit("|", 2)[0] for row in text.splitlines()]

    assert without_seconds(measured.report([], [], names=["iris"], jobs=2)) == without_seconds(
        measured.report([], [], names=["iris"])
    )
