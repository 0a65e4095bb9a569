"""The SRBench drop-in, driven as the benchmark drives it."""

from __future__ import annotations

import importlib.util
import re
import signal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sympy
from fitted_models import fitted_model
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sympy.parsing.sympy_parser import parse_expr

from nesymres_sk.expressions.parser import parse

FOLDER = Path(__file__).parent.parent / "examples" / "srbench"
pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="needs the source tree")

#: Keys that the benchmark accepts in ``eval_kwargs``.
_ACCEPTED = {"test_params", "max_train_samples", "scale_x", "scale_y", "pre_train", "use_dataframe"}


@pytest.fixture(scope="module")
def method():
    spec = importlib.util.spec_from_file_location("srbench_regressor", FOLDER / "regressor.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def arrive(values, names, seed):
    """Training and test frames as the benchmark hands them over: rows in random order, arrays that must not change."""
    X, y = pd.DataFrame(values[:, :-1], columns=names), values[:, -1]
    X_train, X_test, y_train, y_test = train_test_split(X, y, train_size=0.75, test_size=0.25, random_state=seed)
    for array in (X_train.to_numpy(), X_test.to_numpy(), y_train, y_test):  # frames give views of what they hold
        array.flags.writeable = False
    assert not np.array_equal(X_train.index, np.sort(X_train.index))
    return X_train, X_test, y_train, y_test


def as_read(text, features):
    """SymPy expression of a model's text after the benchmark's replacements of columns and functions."""
    text = re.sub(r"[xX](?:_(\d+)|(\d+)|\[(\d+)\])", lambda m: features[int(m[1] or m[2] or m[3])], text)
    for old, new in (
        ("^", "**"), ("p/", "/"), ("plog", "PLOG"), ("aq", "/"), ("np.", ""), ("|", ""), ("log", "PLOG"),
        ("sqrt", "PSQRT"), ("pi", "3.1415926535"), ("[", ""), ("]", ""),
    ):  # fmt: skip
        text = text.replace(old, new)
    known = {name: sympy.Symbol(name) for name in features}
    expression = parse_expr(text, local_dict={**known, "PLOG": sympy.log, "PSQRT": sympy.sqrt})
    for number in expression.atoms(sympy.Float):
        expression = expression.subs(number, 0 if abs(number) < 1e-4 else round(number, 3))
    return expression


def is_solution(found, true):
    difference = sympy.simplify(found - true)
    return difference.is_constant() or sympy.simplify(found / true).is_constant()


def test_what_the_benchmark_imports(method):
    assert set(method.eval_kwargs) <= _ACCEPTED
    assert method.eval_kwargs["scale_x"] is method.eval_kwargs["scale_y"] is False
    parameters = method.est.get_params()
    assert "random_state" in parameters
    assert "max_time" in parameters  # the first name that the benchmark looks for
    assert all(isinstance(str(value), str) for value in parameters.values())
    assert eval(str({**parameters})) == parameters  # what it writes to its results can be read again
    clone(method.est)


def test_metadata_has_the_required_keys():
    lines = (FOLDER / "metadata.yml").read_text(encoding="utf-8").splitlines()
    keys = {line.split(":")[0] for line in lines if re.match(r"\w+:", line)}
    assert keys == {"authors", "email", "name", "description", "url"}


def test_a_run_finds_a_law_in_the_names_of_the_columns(method):
    rng = np.random.default_rng(0)
    q, E, p = rng.uniform(1, 5, size=(3, 200))
    X_train, X_test, y_train, y_test = arrive(np.column_stack([q, E, p, q * E / p]), ["q", "E", "p"], seed=860)
    est = clone(method.est)
    est.random_state = 860
    est.max_time = 30
    est.fit(X_train, y_train)
    text = method.model(est, X_train)
    true = sympy.Symbol("q") * sympy.Symbol("E") / sympy.Symbol("p")
    assert is_solution(as_read(text, ["q", "E", "p"]), true)
    assert method.complexity(est) == est.equations_["complexity"][est.best_index_] > 1
    np.testing.assert_allclose(est.predict(X_test), y_test, rtol=1e-6)


class Alarm(Exception):
    pass


def test_an_alarm_in_mid_fit_leaves_a_valid_equation(method):
    rng = np.random.default_rng(1)
    X, _, y, _ = arrive(rng.normal(size=(300, 4)), ["a", "b", "c"], seed=1)  # noise: the search has no reason to end
    est = clone(method.est)
    est.random_state, est.max_time = 1, 600

    def ring(*_):
        raise Alarm

    clone(est).set_params(max_time=0.01).fit(X, y)  # kernels are loaded
    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 1.5)
    try:
        with pytest.raises(Alarm):
            est.fit(X, y)
        assert signal.getsignal(signal.SIGALRM) is ring  # theirs is still in place
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert np.isfinite(est.predict(X)).all()
    assert as_read(method.model(est, X), ["a", "b", "c"]).free_symbols <= set(sympy.symbols("a b c"))
    assert method.complexity(est) >= 1


@pytest.mark.parametrize(
    ("names", "text"),
    [
        (["x1", "x2", "y1", "y2"], "sqrt((x2 - x1) ** 2 + (x4 - x3) ** 2)"),  # columns named like other positions
        (["x1", "omega", "t", "alpha"], "x1 * (cos(x2 * x3) + x4 * cos(x2 * x3) ** 2)"),
        (["x_0", "x_1"], "x1 / x2 ** 2"),
        (["x_1", "x_0"], "x1 / x2 ** 2"),
        (["q", "v", "B", "p"], "x1 * x2 * x3 / x4"),  # a column p before a slash
        (["p", "q"], "x1 / x2 + 1 / x1"),
        (["m", "T"], "log(x1) * sqrt(x2) - exp(-x1 / x2)"),
        (["I", "S", "beta"], "3.14159265358979 * x1 + x2 ** x3"),  # names that mean something to SymPy
        (["a", "b"], "0.123456789 * abs(x1) + 2.5 * tanh(x2) - 0.00001 * x1"),
    ],
)
def test_text_is_read_as_what_predict_computes(method, names, text):
    expression = parse(text)
    est = fitted_model([expression], n_features=len(names), names=names)
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.uniform(0.5, 2.0, size=(5, len(names))), columns=names)
    written = method.model(est, X)
    found = as_read(written, names)
    assert not set("[]|^") & set(written)
    values = [float(found.subs(dict(zip(map(sympy.Symbol, names), row, strict=True)))) for row in X.to_numpy()]
    np.testing.assert_allclose(values, est.predict(X), rtol=2e-3)  # constants were rounded to three decimals


def test_columns_that_are_no_names_are_written_by_position(method):
    names = ["lambda", "two words", "max1", "fine"]
    est = fitted_model([parse("x1 + x2 * x3 - x4")], n_features=4, names=names)
    X = pd.DataFrame(np.ones((2, 4)), columns=names)
    assert method.model(est, X) == "x_0 + x_1 * x_2 - fine"


def test_columns_that_the_search_left_out(method):
    names = [f"c{i}" for i in range(12)]
    est = fitted_model([parse("x1 - x2")], n_features=12, names=names, columns=[3, 11])
    assert method.model(est, pd.DataFrame(np.ones((2, 12)), columns=names)) == "c3 - c11"
