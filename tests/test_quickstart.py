import importlib.util
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def quickstart():
    path = ROOT / "examples" / "quickstart.py"
    if not path.exists():
        pytest.skip("needs the source tree")
    spec = importlib.util.spec_from_file_location("quickstart", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_keplers_third_law_comes_out_of_the_planets(quickstart, capsys):
    model = quickstart.discover("planets", quickstart.PLANETS, "period")
    # the logarithmic slope of period against distance is 3/2 all the way
    distance = quickstart.PLANETS[["distance"]]
    slope = np.log(model.predict(distance * 1.01) / model.predict(distance)) / np.log(1.01)
    np.testing.assert_allclose(slope, 1.5, atol=0.01)
    assert model.score(distance, quickstart.PLANETS["period"]) > 0.99999
    printed = capsys.readouterr().out
    for word in ("complexity", "law      period = ", "R2  ", "seconds  "):
        assert word in printed


def test_boyles_law_comes_out_of_the_air(quickstart):
    model = quickstart.discover("air", quickstart.AIR, "pressure")
    volume = quickstart.AIR[["volume"]]
    product = model.predict(volume) * volume["volume"]
    assert product.std() / product.mean() < 0.01
    assert model.equations_["complexity"][model.best_index_] <= 5


def test_the_tables_are_the_measured_ones(quickstart):
    assert quickstart.PLANETS.shape == (8, 2)
    assert quickstart.AIR.shape == (25, 2)
    years = quickstart.PLANETS["period"] / quickstart.PLANETS["period"]["Earth"]
    np.testing.assert_allclose(quickstart.PLANETS["distance"] ** 3, years**2, rtol=3e-3)
    assert (quickstart.AIR["volume"] * quickstart.AIR["pressure"]).min() > 1390
    assert (quickstart.AIR["volume"] * quickstart.AIR["pressure"]).max() < 1420
