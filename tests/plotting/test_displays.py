import importlib
import sys
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from fitted_models import fitted_model
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.exceptions import NotFittedError

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.expressions.parser import parse
from nesymres_sk.plotting.pareto import LONGEST_LABEL, ParetoDisplay, shortened, spread
from nesymres_sk.plotting.prediction import PredictionDisplay
from nesymres_sk.plotting.progress import ProgressDisplay
from nesymres_sk.plotting.slices import SliceDisplay

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
plt = pytest.importorskip("matplotlib.pyplot")


@pytest.fixture(autouse=True)
def close():
    yield
    plt.close("all")


@pytest.fixture
def model():
    texts = ["2.5", "x1", "0.5 * x1 * x3 ** 2", "0.51 * x1 * x3 ** 2.01 + 0.0012"]
    return fitted_model([parse(text) for text in texts], names=["mass $", "unused_a", "v_1"], best=2)


@pytest.fixture
def X():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.uniform(1, 3, (50, 3)), columns=["mass $", "unused_a", "v_1"])


@pytest.fixture
def y(X):
    return pd.Series(0.5 * X["mass $"] * X["v_1"] ** 2, name="energy_{k}")


def drawn(display):
    """Number of pixels that are not white, after drawing all of a figure."""
    display.figure_.canvas.draw()
    return int(np.sum(np.asarray(display.figure_.canvas.buffer_rgba())[..., :3] < 250))


def test_front_with_labels_and_a_mark(model):
    display = ParetoDisplay.from_estimator(model)
    assert drawn(display) > 1000
    assert [text.get_text() for text in display.texts_] == [
        "2.5", "mass $", "0.5 * mass $ * v_1 ** 2", "0.51 * mass $ * v_1 ** 2.01 + 0.0012",
    ]  # fmt: skip
    np.testing.assert_array_equal(display.line_.get_xdata(), model.equations_["complexity"])
    np.testing.assert_allclose(display.line_.get_ydata(), model.equations_["loss"])
    marked = [line for line in display.ax_.lines if line.get_label() == "chosen"]
    assert marked[0].get_xdata() == [model.equations_["complexity"][2]]
    assert [text.get_color() == marked[0].get_color() for text in display.texts_] == [False, False, True, False]
    assert display.ax_.get_yscale() == "log"


def test_labels_do_not_lie_on_each_other(model):
    model.equations_["loss"] = [1.0, 1.0 - 1e-9, 1.0 - 2e-9, 0.0]
    display = ParetoDisplay.from_estimator(model)
    display.figure_.canvas.draw()
    boxes = [matplotlib.text.Text.get_window_extent(text) for text in display.texts_]  # without the lines
    assert all(above.y0 >= below.y1 - 1 for above, below in pairwise(boxes))
    assert all(box.x1 <= display.figure_.bbox.x1 for box in boxes)


def test_front_on_given_axes_without_labels(model):
    _, ax = plt.subplots()
    display = ParetoDisplay.from_estimator(model, labels=False, ax=ax)
    assert display.ax_ is ax
    assert display.figure_ is ax.figure
    assert display.texts_ == []
    assert ParetoDisplay([1, 3], [2.0, np.inf]).plot().ax_ is not ax  # also of plain numbers


def test_predictions(model, X, y):
    y = y.copy()
    display = PredictionDisplay.from_estimator(model, X, y)
    assert drawn(display) > 1000
    np.testing.assert_array_equal(display.points_.get_xdata(), y)
    np.testing.assert_array_equal(display.points_.get_ydata(), model.predict(X))
    assert display.ax_.get_title(loc="left") == "R² = 1"
    assert display.ax_.get_xlabel() == "true energy_{k}"
    other = PredictionDisplay.from_estimator(model, X, y.to_numpy(), index=1, ax=plt.subplots()[1])
    np.testing.assert_array_equal(other.points_.get_ydata(), X["mass $"])


def test_rows_that_are_not_finite_are_counted():
    display = PredictionDisplay([1, 2, 3, 4], [1, np.nan, 3, np.inf]).plot()
    assert len(display.points_.get_xdata()) == 2
    assert display.ax_.get_title(loc="left") == "R² = 1, 2 of 4 rows not finite"
    assert "2 of 2 rows" in PredictionDisplay([1, 2], [np.nan, np.nan]).plot().ax_.get_title(loc="left")


def test_slices_follow_the_equation_at_the_medians(model, X, y):
    display = SliceDisplay.from_estimator(model, X, y)
    assert drawn(display) > 1000
    assert [ax.get_xlabel() for ax in display.axes_] == ["mass $", "v_1"]
    assert display.ax_.get_ylabel() == "energy_{k}"
    grid, values = display.lines_[1].get_data()
    assert (grid[0], grid[-1]) == (X["v_1"].min(), X["v_1"].max())
    np.testing.assert_allclose(values, 0.5 * X["mass $"].median() * grid**2)
    # rows near the slice are drawn darker than those far from it
    far = np.abs(X["mass $"] - X["mass $"].median())
    assert display.nearness[1][far.argmin()] > 0.9 > 0.3 > display.nearness[1][far.argmax()]


def test_slices_of_chosen_columns_without_data(model, X):
    display = SliceDisplay.from_estimator(model, X, features=["unused_a", 0])
    assert [ax.get_xlabel() for ax in display.axes_] == ["unused_a", "mass $"]
    assert np.ptp(display.lines_[0].get_ydata()) == 0
    assert not display.ax_.collections
    _, axes = plt.subplots(1, 2)
    assert SliceDisplay.from_estimator(model, X, ax=axes).axes_[1] is axes[1]
    with pytest.raises(ValueError, match="2 panels"):
        SliceDisplay.from_estimator(model, X, ax=axes[0])
    with pytest.raises(ValueError, match="no column 'speed'; the columns are mass"):
        SliceDisplay.from_estimator(model, X, features=["speed"])
    with pytest.raises(ValueError, match="no column 3"):
        SliceDisplay.from_estimator(model, X, features=[3])


def test_slices_of_many_columns_and_of_a_constant(X, y):
    names = [f"c{i}" for i in range(4)]
    wide = fitted_model([parse("x1 + x2 + x3 / x4"), parse("2.5")], n_features=4, names=names)
    table = pd.DataFrame(np.random.default_rng(0).uniform(1, 2, (3000, 4)), columns=names)
    display = SliceDisplay.from_estimator(wide, table, table["c0"])
    assert len(display.axes_) == len(display.figure_.axes) == 4
    assert len(display.points[0]) == 2000
    assert len(SliceDisplay.from_estimator(wide, table, index=1).axes_) == 1


def test_progress(model):
    model.history_ = [
        {"elapsed": 0.1, "loss": 1.0, "complexity": 1},
        {"elapsed": 0.5, "loss": 1e-3, "complexity": 7},
        {"elapsed": 2.0, "loss": 0.0, "complexity": 5},
    ]
    display = ProgressDisplay.from_estimator(model)
    assert drawn(display) > 1000
    np.testing.assert_array_equal(display.line_.get_xdata(), [0.1, 0.5, 2.0])
    assert (np.diff(display.line_.get_ydata()) < 0).all()
    assert display.line_.get_ydata()[-1] > 0  # the axis is logarithmic
    assert display.complexity_ax_.lines[0].get_ydata().tolist() == [1, 7, 5]
    assert ProgressDisplay([0, 1], [1, 0.5]).plot().complexity_ax_ is None
    del model.history_
    with pytest.raises(ValueError, match="no history"):
        ProgressDisplay.from_estimator(model)


def test_estimators_that_are_not_fitted(X):
    with pytest.raises(NotFittedError):
        ParetoDisplay.from_estimator(NeuralSymbolicRegressor())
    with pytest.raises(NotFittedError):
        SliceDisplay.from_estimator(NeuralSymbolicRegressor(), X)


def test_without_matplotlib_the_error_says_how_to_get_it(monkeypatch):
    for name in [name for name in sys.modules if name.startswith("nesymres_sk.plotting.")]:
        monkeypatch.delitem(sys.modules, name)
    for name in ("matplotlib", "matplotlib.pyplot"):
        monkeypatch.setitem(sys.modules, name, None)  # as if it were not installed
    for module in ("pareto", "slices", "progress"):
        importlib.import_module(f"nesymres_sk.plotting.{module}")
    display = importlib.import_module("nesymres_sk.plotting.prediction").PredictionDisplay([1], [1])
    with pytest.raises(ImportError, match=r"plots need matplotlib: pip install 'nesymres-sk\[plot\]'"):
        display.plot()


@settings(max_examples=50)
@given(st.lists(st.floats(-1, 2), max_size=30), st.floats(0.001, 0.2))
def test_spread_positions_keep_order_distance_and_bounds(positions, gap):
    wanted = sorted(positions, reverse=True)
    found = spread(wanted, gap, 0.0, 1.0)
    gap = min(gap, 1 / max(len(found) - 1, 1))
    assert all(-1e-9 <= place <= 1 + 1e-9 for place in found)
    assert all(above - below >= gap - 1e-9 for above, below in pairwise(found))
    if all(above - below >= gap for above, below in zip([1.0, *wanted], [*wanted, 0.0], strict=True)):
        assert found == wanted  # nothing moves that need not


def test_long_labels_are_cut():
    assert shortened("x" * LONGEST_LABEL) == "x" * LONGEST_LABEL
    assert shortened("x" * 100) == "x" * (LONGEST_LABEL - 1) + "…"
