"""The examples run, and find what they say they find."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"
pytestmark = pytest.mark.skipif(not EXAMPLES.exists(), reason="needs the source tree")


@pytest.fixture(autouse=True)
def pictures():
    """Figures without a screen; returns their number."""
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    plt = pytest.importorskip("matplotlib.pyplot")
    plt.close("all")
    yield plt.get_fignums
    plt.close("all")


def test_the_law_of_the_pendulum(pictures):
    space = runpy.run_path(str(EXAMPLES / "plot_law_from_table.py"))
    model = space["model"]
    assert model.score(space["X"], space["y"]) > 0.999999
    assert model.equations_["complexity"][model.best_index_] <= 8
    assert len(pictures()) == 1


def test_noise_does_not_make_the_equation_long(pictures):
    space = runpy.run_path(str(EXAMPLES / "plot_noise_and_front.py"))
    assert np.max(np.abs(space["model"].predict(space["X"]) - space["truth"])) < 0.1 * space["truth"].std()
    assert len(pictures()) == 2


def test_the_pipeline_finds_the_columns(pictures):
    space = runpy.run_path(str(EXAMPLES / "plot_pipeline_and_grid_search.py"))
    equation = space["search"].best_estimator_["equation"].equation_
    assert "sensor_c" in equation
    assert "sensor_h" in equation
    assert len(pictures()) == 1


def test_the_season_goes_on(pictures):
    space = runpy.run_path(str(EXAMPLES / "plot_seasons.py"))
    assert space["r2_score"](space["expected"], space["model"].predict(space["future"])) > 0.98
    assert len(pictures()) == 1
