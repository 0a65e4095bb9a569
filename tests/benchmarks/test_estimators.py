from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.benchmarks import estimators
from nesymres_sk.benchmarks.estimators import ESTIMATORS, Options, gplearn_expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse


def test_gplearn_programs_become_our_expressions():
    class Function:
        def __init__(self, name: str) -> None:
            self.name = name

    program = [Function("sub"), Function("mul"), 0, 2.5, Function("log"), 1]
    expression = gplearn_expression(program)
    assert expression == parse("x1 * 2.5 - log(x2)")


@pytest.mark.parametrize("name", ["prior", "gplearn", "operon"])
def test_estimators_find_a_product_and_report_the_equation_they_predict_with(name: str):
    if name == "gplearn":
        pytest.importorskip("gplearn")
    if name == "operon":
        pytest.importorskip("pyoperon")
    X = np.random.default_rng(0).uniform(1, 5, size=(60, 2))
    found = ESTIMATORS[name](X, X[:, 0] * X[:, 1], Options(time_limit=2.0, seed=0))
    np.testing.assert_allclose(found.predict(X), X[:, 0] * X[:, 1], rtol=1e-4)
    np.testing.assert_allclose(evaluate(found.expression, X), found.predict(X), rtol=1e-4)


@pytest.mark.parametrize("fit", [estimators.fit_prior, estimators.fit_without])
def test_control_never_opens_the_network(fit, monkeypatch: pytest.MonkeyPatch):
    from nesymres_sk.model import registry

    def refuse(*args, **kwargs):
        raise AssertionError("the control must not load a network")

    monkeypatch.setattr(registry, "get_network", refuse)
    X = np.random.default_rng(0).uniform(1, 5, size=(30, 1))
    found = fit(X, 2.5 * np.log(X[:, 0]), Options(time_limit=1.0, seed=0))
    np.testing.assert_allclose(found.predict(X), 2.5 * np.log(X[:, 0]), rtol=1e-6)


def test_random_skeletons_are_alone(monkeypatch: pytest.MonkeyPatch):
    from nesymres_sk.model import registry
    from nesymres_sk.search.local.proposer import LocalSearch
    from nesymres_sk.search.pursuit.proposer import PursuitProposer

    def refuse(*args, **kwargs):
        raise AssertionError("random skeletons only")

    monkeypatch.setattr(registry, "get_network", refuse)
    monkeypatch.setattr(PursuitProposer, "__init__", refuse)
    monkeypatch.setattr(LocalSearch, "__init__", refuse)
    X = np.random.default_rng(0).uniform(1, 5, size=(30, 1))
    found = estimators.fit_random(X, 2.5 * np.log(X[:, 0]), Options(time_limit=1.0, seed=0))
    np.testing.assert_allclose(found.predict(X), 2.5 * np.log(X[:, 0]), rtol=1e-6)


def test_only_the_control_draws_random_skeletons(monkeypatch: pytest.MonkeyPatch):
    from nesymres_sk.search.prior_proposer import PriorProposer

    asked = []
    propose = PriorProposer.propose

    def record(self, n, deadline):
        asked.append(n)
        return propose(self, n, deadline)

    monkeypatch.setattr(PriorProposer, "propose", record)
    rng = np.random.default_rng(0)
    X, y = rng.uniform(1, 5, size=(40, 2)), rng.normal(size=40)
    estimators.fit_prior(X, y, Options(time_limit=1.0, seed=0))
    assert max(asked) > 1  # more than the one that loads the kernels
    asked.clear()
    for fit in (estimators.fit_ours, estimators.fit_without):
        fit(X, y, Options(time_limit=1.0, seed=0))
    assert not asked


def test_fine_tuned_estimators_get_their_settings(monkeypatch: pytest.MonkeyPatch):
    seen = {}

    def record(kind, X, y, options, max_time, finetune=None):
        seen[kind.__name__, max_time] = finetune

    monkeypatch.setattr(estimators, "_fit_own", record)
    X = np.ones((3, 1))
    for name in ("backbone", "backbone+control", "ours+equate"):
        ESTIMATORS[name](X, X[:, 0], Options(time_limit=7.0, seed=0))
        (key, finetune) = seen.popitem()
        kind, _, setting = name.partition("+")
        assert key == (("NetworkAlone", None) if kind == "backbone" else ("NeuralSymbolicRegressor", 7.0))
        assert finetune == estimators.FINETUNE.get(setting)
