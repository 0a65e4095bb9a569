"""The paper's optimiser."""

from __future__ import annotations

import time

import numpy as np
import pytest

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.fitting.bfgs import fit_skeletons_bfgs


def test_bfgs_recovers_a_law_and_reports_its_own_loss() -> None:
    X = np.random.default_rng(0).uniform(0.1, 2.0, (100, 2))
    law = Expression.from_names("add mul C exp mul C x1 mul C x2", [1.0, -0.7, 0.4])
    y = evaluate(law, X)
    skeletons = [law.skeleton(), Expression.from_names("x1"), Expression.from_names("log sub x1 2")]
    result = fit_skeletons_bfgs(skeletons, X, y, n_restarts=6, rng=np.random.default_rng(1))
    np.testing.assert_allclose(result.constants[0], law.constants, rtol=1e-3)
    error = np.mean((evaluate(law, X, result.constants[0]) - y) ** 2)
    assert result.losses[0] == pytest.approx(error, rel=1e-6)
    assert result.losses[1] == pytest.approx(np.mean((X[:, 0] - y) ** 2))
    assert np.isinf(result.losses[2])


def test_bfgs_honours_the_deadline_and_keeps_fixed_constants() -> None:
    X = np.random.default_rng(0).uniform(0.1, 2.0, (5000, 1))
    y = np.sin(X[:, 0])
    skeletons = [Expression.from_names("mul C sin add C mul C x1", [2.0, np.nan, np.nan])] * 300
    start = time.perf_counter()
    result = fit_skeletons_bfgs(skeletons, X, y, rng=np.random.default_rng(0), deadline=Deadline(0.3))
    assert time.perf_counter() - start < 2.0
    assert np.isfinite(result.losses[0])
    assert np.isinf(result.losses[-1])
    assert all(constants[0] == 2.0 for constants in result.constants)


def test_bfgs_starts_from_initial() -> None:
    X = np.linspace(0.0, 10.0, 300)[:, None]
    law = Expression.from_names("sin mul C x1", [55.0])
    result = fit_skeletons_bfgs(
        [law.skeleton()], X, evaluate(law, X), n_restarts=1, rng=np.random.default_rng(0), initial=[(55.005,)]
    )
    np.testing.assert_allclose(result.constants[0], [55.0], rtol=1e-6)
