"""The exports as methods of an estimator that a search has fitted, and the public names of the package."""

from __future__ import annotations

from importlib import import_module

import numpy as np
import pandas as pd
import pytest
import sympy
import torch
from sklearn.exceptions import NotFittedError

import nesymres_sk
from nesymres_sk import NeuralSymbolicRegressor, load_model
from nesymres_sk.export.latex_table import latex_table


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.uniform(1, 3, (60, 3)), columns=["mass", "top speed", "log"])


@pytest.fixture(scope="module")
def model(random_weights, frame):
    """Several equations of which none is exact, so that their constants have all digits."""
    y = 0.5 * frame["mass"] * np.log(frame["top speed"]) + 0.1 * np.random.default_rng(1).normal(size=60)
    return NeuralSymbolicRegressor(random_weights, beam_size=8, random_state=0).fit(frame, y)


@pytest.fixture(scope="module")
def elsewhere(model):
    """Points of the columns' names where equations may be undefined."""
    return pd.DataFrame(np.random.default_rng(2).normal(size=(200, 3)) * 3, columns=model.feature_names_in_)


def test_functions_and_modules_agree_with_every_row_also_where_it_is_undefined(model, elsewhere):
    assert len(model.equations_) > 2
    X = torch.tensor(elsewhere.to_numpy())
    for row in [None, *range(len(model.equations_))]:
        wanted = model.predict(elsewhere, index=row)
        np.testing.assert_allclose(model.to_function(row)(elsewhere), wanted, rtol=1e-9)
        np.testing.assert_allclose(model.to_torch(row)(X).detach().numpy(), wanted, rtol=1e-9)
    assert model.to_torch(dtype=torch.float32)(X).dtype == torch.float32


def test_sympy_agrees_with_every_row_where_it_is_real(model, elsewhere):
    for row in range(len(model.equations_)):
        expression = model.sympy(row)
        symbols = [sympy.Symbol(name, real=True) for name in elsewhere]
        by_name = {str(symbol): symbol for symbol in expression.free_symbols}
        wanted = model.predict(elsewhere, index=row)
        for i in np.flatnonzero(np.isfinite(wanted))[:20]:
            point = {by_name[str(s)]: elsewhere.iloc[i][str(s)] for s in symbols if str(s) in by_name}
            assert float(expression.evalf(17, subs=point)) == pytest.approx(wanted[i], rel=1e-9, abs=1e-12)


def test_the_module_trains_the_constants(model, frame):
    module = model.to_torch(-1)
    assert list(dict(module.named_parameters())) == ["constants"]
    module(torch.tensor(frame.to_numpy())).sum().backward()
    assert module.constants.grad.abs().sum() > 0


def test_tables_are_those_of_the_function(model):
    assert model.latex_table() == latex_table(model)
    assert model.latex_table(["equation"], [0], 2) == latex_table(model, ["equation"], [0], 2)
    assert model.latex_table().count(r"\\") == len(model.equations_) + 1
    assert model.latex(digits=2) != model.latex(digits=6)


def test_saved_and_loaded_it_is_the_same(model, elsewhere, tmp_path):
    model.save(tmp_path / "model.json")
    for loaded in (NeuralSymbolicRegressor.load(tmp_path / "model.json"), load_model(tmp_path / "model.json")):
        pd.testing.assert_frame_equal(loaded.equations_, model.equations_)
        assert loaded.equation_ == model.equation_
        assert loaded.get_params() == model.get_params()
        assert loaded.history_ == model.history_
        for row in range(len(model.equations_)):
            np.testing.assert_array_equal(loaded.predict(elsewhere, row), model.predict(elsewhere, row))
    assert (tmp_path / "model.json").stat().st_size < 200_000


@pytest.mark.parametrize("name", ["sympy", "latex", "latex_table", "to_function", "to_torch"])
def test_before_a_fit_there_is_nothing_to_export(name):
    with pytest.raises(NotFittedError):
        getattr(NeuralSymbolicRegressor(), name)()


def test_before_a_fit_there_is_nothing_to_save(tmp_path):
    with pytest.raises(NotFittedError):
        NeuralSymbolicRegressor().save(tmp_path / "model.json")
    assert not list(tmp_path.iterdir())


def test_displays_of_a_fitted_estimator(model, frame):
    pytest.importorskip("matplotlib").use("Agg")
    from matplotlib import pyplot as plt

    y = model.predict(frame)
    displays = [
        nesymres_sk.ParetoDisplay.from_estimator(model),
        nesymres_sk.PredictionDisplay.from_estimator(model, frame, y),
        nesymres_sk.SliceDisplay.from_estimator(model, frame, y),
        nesymres_sk.ProgressDisplay.from_estimator(model),
    ]
    assert displays[-1].line_.get_xdata().tolist() == [step["elapsed"] for step in model.history_]
    _, ax = plt.subplots()
    assert nesymres_sk.ProgressDisplay.from_estimator(model, ax=ax).ax_ is ax
    for display in displays:
        display.figure_.canvas.draw()
    plt.close("all")


def test_every_public_name_is_there_and_documented():
    assert nesymres_sk.__all__ == sorted(nesymres_sk.__all__)
    assert set(nesymres_sk._HOMES) == set(nesymres_sk.__all__) - {"__version__"}
    for name, home in nesymres_sk._HOMES.items():
        value = getattr(nesymres_sk, name)
        assert value is getattr(import_module(home), name)
        assert value.__module__ == home
        assert value.__doc__
    assert set(nesymres_sk.__all__) <= set(dir(nesymres_sk))


@pytest.mark.parametrize("index", [True, 1.0, "0", [0]])
def test_rows_are_integers(model, frame, index):
    for call in (model.sympy, model.latex, model.to_function, model.to_torch, lambda row: model.predict(frame, row)):
        with pytest.raises(TypeError, match="index must be a row of equations_"):
            call(index)
    assert model.latex(np.int64(0)) == model.latex(0)


@pytest.mark.parametrize(("digits", "error"), [("a", TypeError), (2.0, TypeError), (-1, ValueError), (0, ValueError)])
def test_digits_are_positive_integers(model, digits, error):
    for call in (model.latex, model.latex_table):
        with pytest.raises(error, match="digits must be"):
            call(digits=digits)
    with pytest.raises(error, match="digits must be"):
        model.latex_table(columns=["loss"], digits=digits)
