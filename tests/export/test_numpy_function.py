import inspect
import os
import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from fitted_models import assert_same, fitted_model, special_points, well_determined
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError
from strategies import expressions

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.export.numpy_function import identifiers, to_function
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.operators import OPERATORS
from nesymres_sk.expressions.parser import parse


@settings(max_examples=150)
@given(expressions(free=False))
def test_agrees_with_predict_and_is_undefined_where_it_is(expression):
    model = fitted_model([expression])
    X = special_points()
    assert_same(model.predict(X), to_function(model)(X), well_determined(expression, X))


@pytest.mark.parametrize("row", OPERATORS, ids=lambda row: row.name)
def test_every_operator_has_the_domain_of_predict(row):
    leaves = ((v.variable(0),), (v.variable(1),))
    model = fitted_model([Expression.from_tree((v.operator_token(row.name), *leaves[: row.arity]))])
    X = special_points(n=400)
    assert_same(model.predict(X), to_function(model)(X))


@pytest.mark.parametrize(
    "text",
    [
        "log(x1)", "x1 / x1", "x2 / (x1 - x1)", "sqrt(x1) + x2", "x1 ** 0.5", "x1 ** x2", "(-2) ** x1",
        "(-8) ** (1 / 3)", "log(-1)", "1 / (1 - 1)", "asin(x1)", "0.5 * 2", "exp(exp(7))", "-x1 ** 2", "(-x1) ** 2",
        "2 ** -x1", "x1 - -2.5", "x1 - (x2 - x3)", "x1 / (x2 * x3)", "(x1 ** 2) ** 3", "-3 ** 2 * x1", "1 / (1 / x1)",
        "1e-300 * x1", "3",
    ],
)  # fmt: skip
def test_undefined_and_tricky_texts(text):
    model = fitted_model([parse(text)])
    X = special_points()
    assert_same(model.predict(X), to_function(model)(X), well_determined(model.expressions_[0], X))


def test_columns_are_read_by_name_or_by_position():
    model = fitted_model([parse("x1 - 10 * x2")], names=["a", "unused", "b c"], columns=[2, 0])
    function = to_function(model)
    X = np.array([[1.0, 0.0, 2.0], [3.0, 0.0, 4.0]])
    wanted = X[:, 2] - 10 * X[:, 0]
    frame = pd.DataFrame(X, columns=["a", "unused", "b c"], index=[7, 3])
    np.testing.assert_array_equal(function(X), wanted)
    np.testing.assert_array_equal(function(X.tolist()), wanted)
    np.testing.assert_array_equal(function(frame), wanted)
    np.testing.assert_array_equal(function(frame[["b c", "a"]]), wanted)  # any order, without what is not used
    with pytest.raises(ValueError, match=r"shape \(n, 3\), got \(2, 2\)"):
        function(X[:, :2])


def test_columns_of_polars_are_read_by_name():
    polars = pytest.importorskip("polars")
    model = fitted_model([parse("x1 - 10 * x2")], names=["a", "unused", "b c"], columns=[2, 0])
    frame = polars.DataFrame({"b c": [2.0, 4.0], "a": [1.0, 3.0]})
    np.testing.assert_array_equal(to_function(model)(frame), [-8.0, -26.0])


def test_a_model_without_names_reads_frames_by_position():
    model = fitted_model([parse("x1 / x3")])
    X = special_points()
    np.testing.assert_array_equal(to_function(model)(pd.DataFrame(X, columns=list("cba"))), to_function(model)(X))


def test_other_rows_of_the_table():
    model = fitted_model([parse("2.5"), parse("x1"), parse("x2 + 1")], best=1)
    X = special_points()
    for index in (None, 0, 2, -1):
        np.testing.assert_array_equal(to_function(model, index)(X), model.predict(X, index=index))
    with pytest.raises(IndexError, match="0 to 2"):
        to_function(model, 3)
    with pytest.raises(NotFittedError):
        to_function(NeuralSymbolicRegressor())


def test_the_source_runs_without_the_package(tmp_path):
    model = fitted_model([parse("0.1 * x1 ** 1.5 + log(x2) / 3")], names=["mass", "class", "x"])
    X = np.abs(special_points(n=5))
    function = to_function(model)
    (tmp_path / "law.py").write_text(function.source, encoding="utf-8")
    code = (
        "import sys; from law import equation\n"
        f"print(*(float(value).hex() for value in equation({X.tolist()!r})))\n"
        "assert not [name for name in sys.modules if name.startswith(('nesymres_sk', 'numba', 'torch'))]"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    found = np.array([float.fromhex(word) for word in done.stdout.split()])
    assert_same(model.predict(pd.DataFrame(X, columns=model.feature_names_in_)), found)


def test_a_pickle_carries_the_equation():
    model = fitted_model([parse("x1 + 2")])
    function = to_function(model)
    X = special_points()
    function(X)
    again = pickle.loads(pickle.dumps(function))
    np.testing.assert_array_equal(again(X), function(X))
    assert again == function
    assert repr(again) == "<NumpyFunction x1 + 2>"


@pytest.mark.parametrize(
    "name",
    [
        '"""', "a\\", "'", "x\n    import os", "np", "X", "values", "len", "float", "class",
        "1st", "", "ﬁ", "p/q", "\u202e",
    ],
)  # fmt: skip
def test_any_name_is_only_a_name(name):
    model = fitted_model([parse("x1 + 2 * x2")], n_features=2, names=[name, "other"])
    frame = pd.DataFrame({name: [1.0, 2.0], "other": [0.5, 0.25]})
    function = to_function(model)
    np.testing.assert_array_equal(function(frame), [2.0, 2.5])
    np.testing.assert_array_equal(function(frame.to_numpy()), [2.0, 2.5])
    space = {}
    exec(function.source, space)
    assert set(space) == {"__builtins__", "np", "equation"}
    assert list(inspect.signature(space["equation"]).parameters) == ["X"]


@settings(max_examples=50)
@given(st.lists(st.text("ab1_- éﬁ", max_size=3), max_size=6))
def test_identifiers_are_distinct_names(names):
    result = identifiers(names)
    assert len(set(result)) == len(names)
    assert all(name.isidentifier() for name in result)


def test_names_that_only_python_takes_for_the_same():
    assert identifiers(["a b", "a_b", "a-b", "speed"]) == ["a_b", "a_b_2", "a_b_3", "speed"]


def test_no_parameter_has_a_name_that_python_reserves():
    for name in identifiers(["lambda", "__debug__", "np"]):
        compile(f"def equation({name}): return {name}", "<test>", "exec")
