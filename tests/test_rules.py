"""Nothing that breaks a rule of the user ever comes out, wherever candidates come from."""

import numpy as np
import pandas as pd
import pytest

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.archive import Archive, Entry
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.operators import BY_NAME
from nesymres_sk.fitting.linear import affine_equations
from nesymres_sk.judge import FitOptions, Judge
from nesymres_sk.knowledge import Knowledge
from nesymres_sk.search.candidate import Candidate
from nesymres_sk.table import Table


class Only(NeuralSymbolicRegressor):
    """The estimator with one kind of source."""

    def __init__(self, weights="base", *, source="network", **parameters):
        super().__init__(weights, **parameters)
        self.source = source

    def _sources(self, sources):
        return [getattr(sources, self.source)()]


SOURCES = ["network", "random", "pursuit", "local_search"]


def names_in(model):
    """Operators and columns of each equation."""
    return [
        (
            {name for name in expression.names() if name in BY_NAME},
            {int(model.columns_[i]) for i in expression.variables},
        )
        for expression in model.expressions_
    ]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(
    "rules",
    [
        {"operators": ["add", "mul", "sin"]},
        {"excluded_operators": ["exp", "log", "cos", "square", "div"]},
        {"required_variables": ["h", "speed"]},
        {"excluded_variables": ["speed"]},
        {"max_complexity": 6},
        {"nested_constraints": {"sin": {"sin": 0, "cos": 0}, "exp": {"exp": 0, "add": 0}, "div": {"div": 0, "add": 0}}},
        {"guesses": ["C * mass * sin(2.2 * speed)"], "nested_constraints": {"mul": {"sin": 1}}},
    ],
    ids=lambda rules: next(iter(rules)),
)
def test_no_equation_breaks_a_rule(random_weights, source, rules):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.uniform(0.5, 2, (60, 3)), columns=["mass", "speed", "h"])
    y = frame["mass"] * np.sin(2 * frame["speed"]) ** 2 + np.exp(frame["h"]) / frame["speed"]
    model = Only(random_weights, source=source, beam_size=100, random_state=0, **rules)
    names = list(frame)
    knowledge = Knowledge.of(model, names)
    model.fit(frame, y)
    assert len(model.expressions_) > 1
    constraints = knowledge.constraints(model.columns_)
    assert all(constraints.allows(expression) for expression in model.expressions_)
    assert constraints.max_complexity is None or model.equations_["complexity"].max() <= constraints.max_complexity
    for operators, columns in names_in(model):
        assert not operators & set(rules.get("excluded_operators", ()))
        assert not columns & {names.index(name) for name in rules.get("excluded_variables", ())}
        assert not columns or columns >= {names.index(name) for name in rules.get("required_variables", ())}


def test_required_variables_without_an_equation_leave_the_constant(random_weights, frame):
    y = np.random.default_rng(0).standard_normal(90)
    model = NeuralSymbolicRegressor(random_weights, required_variables=["mass", "speed"], operators=[], random_state=0)
    with pytest.warns(UserWarning, match="no equation with all of required_variables"):
        model.fit(frame, y)
    assert model.predict(frame) == pytest.approx(y.mean())


def test_guesses_come_first(random_weights, frame):
    y = 1.5 * frame["mass"] * np.sin(17.3 * frame["speed"] + 0.3)
    model = NeuralSymbolicRegressor(random_weights, guesses=["C * mass * sin(17 * speed + C)"], random_state=0)
    assert model.fit(frame, y).score(frame, y) > 1 - 1e-12
    assert np.isnan(model.equations_["log_prob"][model.best_index_])


def test_guesses_in_wide_tables(random_weights):
    X = np.random.default_rng(0).uniform(1, 2, (100, 30))
    y = X[:, 3] + np.sin(20 * X[:, 28])
    model = NeuralSymbolicRegressor(random_weights, guesses=["x4 + C*sin(20.1*x29)"], random_state=0).fit(X, y)
    assert model.score(X, y) > 1 - 1e-12


def test_affine_equations_begin_with_required_columns():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(50, 3))
    table = Table.prepare(X, 9 * X[:, 0] + X[:, 1] + 0.01 * X[:, 2])
    assert [e.variables for e in affine_equations(table)] == [(), (0,), (0, 1), (0, 1, 2)]
    assert [e.variables for e in affine_equations(table, [2, 1])] == [(), (1,), (1, 2), (0, 1, 2)]


def test_the_archive_has_the_last_word():
    archive = Archive(1e-20, Constraints(["sin"], required=[1]))
    assert not archive.add(Entry(Expression.from_names("x1"), 0.1))
    assert not archive.add(Entry(Expression.from_names("cos x2"), 0.1))
    assert archive.add(Entry(Expression.from_names("C", [1.0]), 0.5))
    fitted = Entry(Expression.from_names("mul C sin x2", [0.5000001]), 0.1)
    assert archive.add(fitted)
    archive.swap(fitted, Entry(Expression.from_names("div sin x1 2"), 0.1, snapped=True))
    assert [entry.expression.names() for entry in archive.front()] == [("C",), ("mul", "C", "sin", "x2")]
    assert archive.front()[-1].snapped


def test_what_the_archive_would_refuse_is_not_fitted():
    X = np.random.default_rng(0).uniform(1, 2, (40, 2))
    table = Table.prepare(X, np.sin(X[:, 0]) * X[:, 1])
    archive = Archive(table.floor, Constraints(excluded_operators=["sin"]))
    judge = Judge(table, FitOptions(), Deadline(), Deadline(), np.random.default_rng(0), archive)
    assert judge.try_out([Candidate(Expression.from_names("mul sin x1 x2"), 0.0)], closed=False) == [np.inf]
    assert judge.n_fitted == 0
    assert np.isfinite(judge.try_out([Candidate(Expression.from_names("mul x1 x2"), 0.0)], closed=False)[0])
