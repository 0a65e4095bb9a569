import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.model import registry


@pytest.fixture
def X():
    return np.random.default_rng(0).uniform(1, 3, (40, 2))


@pytest.fixture
def model(random_weights):
    return NeuralSymbolicRegressor(random_weights, beam_size=8, random_state=0)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite(model, X, bad):
    y = X[:, 0] ** 2
    spoiled = X.copy()
    spoiled[3, 1] = bad
    with pytest.raises(ValueError, match="Input X contains (NaN|infinity)"):
        model.fit(spoiled, y)
    spoiled_y = y.copy()
    spoiled_y[3] = bad
    with pytest.raises(ValueError, match="Input y contains (NaN|infinity)"):
        model.fit(X, spoiled_y)
    model.fit(X, y)
    with pytest.raises(ValueError, match="Input X contains (NaN|infinity)"):
        model.predict(spoiled)


def test_wrong_shapes(model, X):
    y = X[:, 0]
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        model.fit(X, y[:-1])
    with pytest.raises(ValueError, match="Expected 2D array, got 1D array"):
        model.fit(y, y)
    with pytest.raises(ValueError, match="y should be a 1d array"):
        model.fit(X, np.column_stack((y, y)))
    with pytest.raises(ValueError, match="dim 3"):
        model.fit(X[None], y)
    with pytest.raises(ValueError, match="X has 1 features, but NeuralSymbolicRegressor is expecting 2"):
        model.fit(X, y).predict(X[:, :1])
    with pytest.raises(ValueError, match="sample_weight"):
        model.fit(X, y, sample_weight=np.ones(3))


def test_text(model, X):
    with pytest.raises(ValueError, match="could not convert string to float"):
        model.fit([["a", "b"], ["c", "d"]], [1, 2])
    with pytest.raises(ValueError, match="could not convert string to float"):
        model.fit(X[:2], ["one", "two"])


def test_empty_tables(model):
    with pytest.raises(ValueError, match="0 sample"):
        model.fit(np.empty((0, 2)), np.empty(0))
    with pytest.raises(ValueError, match="0 feature"):
        model.fit(np.empty((5, 0)), np.ones(5))


def test_one_row(model):
    with pytest.raises(ValueError, match="1 sample.*minimum of 2"):
        model.fit([[1.0, 2.0]], [3.0])


def test_two_rows_give_no_more_than_their_mean(model):
    assert model.fit([[1.0], [2.0]], [1.1, 2.3]).predict([[1.5]])[0] == pytest.approx(1.7)


def test_negative_and_missing_weights(model, X):
    with pytest.raises(ValueError, match="[Nn]egative"):
        model.fit(X, X[:, 0], sample_weight=-np.ones(40))
    with pytest.raises(ValueError, match="zero"):
        model.fit(X, X[:, 0], sample_weight=np.zeros(40))


@pytest.mark.parametrize("value", [3.25, 0.0, -1e-200, 1e300, np.pi])
def test_constant_y(model, X, value):
    model.fit(X, np.full(40, value))
    np.testing.assert_allclose(model.predict(X), value, rtol=1e-15)
    assert len(model.equations_) == 1
    assert model.equations_["r2"][0] == 1.0


def test_constant_columns(model, X):
    X = np.column_stack((np.ones(40), X[:, 0], np.zeros(40)))
    assert model.fit(X, 3.7 * X[:, 1] + 2).score(X, 3.7 * X[:, 1] + 2) > 1 - 1e-12


def test_more_columns_than_the_network_knows(model):
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (200, 14))
    model.fit(X, 3 * X[:, 12] + 0.1 * rng.standard_normal(200))
    assert 12 in model.columns_
    assert len(model.columns_) <= 10
    assert "x13" in model.equation_
    assert model.score(X, 3 * X[:, 12]) > 0.9


@pytest.mark.parametrize("x_scale", [1e-30, 1.0, 1e30])
@pytest.mark.parametrize("y_scale", [1e-30, 1.0, 1e30])
def test_huge_and_tiny_magnitudes(model, X, x_scale, y_scale):
    y = y_scale * (2.31 * X[:, 0] + 0.77 * X[:, 1] + 1.9)
    model.fit(x_scale * X, y)
    np.testing.assert_allclose(model.predict(x_scale * X), y, rtol=1e-9)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1e150, 1e300])
def test_magnitudes_at_the_limits_of_float64(model, X, scale):
    y = X[:, 0] ** 2
    assert model.fit(scale * X, y).score(scale * X, y) > 0.9
    model.fit(X, scale * y)
    # squares of such targets leave the range of float64, so the score is taken by hand
    assert 1 - np.var(model.predict(X) / scale - y) / np.var(y) > 0.9


def test_unknown_operators(model, X):
    with pytest.raises(ValueError, match=r"unknown operators \['plus'\] in operators; known operators: add, sub"):
        model.set_params(operators=["plus"]).fit(X, X[:, 0])
    with pytest.raises(ValueError, match="'operators' parameter"):
        model.set_params(operators="add").fit(X, X[:, 0])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("beam_size", 0),
        ("n_restarts", 0),
        ("decoding", "greedy"),
        ("constant_optimizer", "adam"),
        ("selection", "bic"),
        ("max_time", 0),
        ("max_complexity", 0),
        ("excluded_operators", "sin"),
        ("required_variables", "mass"),
        ("excluded_variables", 3),
        ("nested_constraints", ["sin"]),
        ("guesses", "C * x1"),
        ("weights", None),
        ("random_state", "zero"),
        ("n_jobs", 0),
    ],
)
def test_parameters_out_of_range_are_named(model, X, name, value):
    with pytest.raises(ValueError, match=f"'{name}' parameter of NeuralSymbolicRegressor"):
        model.set_params(**{name: value}).fit(X, X[:, 0])


def test_unknown_weights(X):
    # also where an affine equation is exact and the network would not be asked
    with pytest.raises(ValueError, match="no weights 'nope'.*known names are"):
        NeuralSymbolicRegressor("nope").fit(X, X[:, 0])


@pytest.mark.parametrize("as_path", [str, Path])
def test_weights_that_are_no_safetensors(X, tmp_path, as_path):
    (tmp_path / "mine.safetensors").write_bytes(b"something else")
    with pytest.raises(ValueError, match=r"mine.safetensors is damaged or not a safetensors file"):
        NeuralSymbolicRegressor(as_path(tmp_path / "mine.safetensors")).fit(X, X[:, 0])


def test_weights_by_path(random_weights, X):
    y = np.random.default_rng(0).standard_normal(len(X))  # nothing that is found before the network is needed
    model = NeuralSymbolicRegressor(Path(random_weights), random_state=0)
    assert clone(model).get_params() == model.get_params()
    assert model.fit(X, y).weights == Path(random_weights)


@pytest.mark.parametrize("device", ["foo", "", "meta", "cuda:x", "cpu:0", "cuda:99"])
def test_unknown_devices(X, device):
    # also where an affine equation is exact and the network would not be asked
    with pytest.raises(ValueError, match=f"device.* '{device}'"):
        NeuralSymbolicRegressor(device=device).fit(X, X[:, 0])


def test_devices_that_are_always_there_are_not_asked_about():
    code = (
        "import sys; from nesymres_sk import NeuralSymbolicRegressor; X = [[1.0], [2.0], [3.0]]\n"
        "for device in ('auto', 'cpu'): NeuralSymbolicRegressor(device=device).fit(X, [2.0, 4.0, 6.0])\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_corrupt_shard_is_refused(random_weights, X, tmp_path, monkeypatch):
    for file in Path(random_weights).iterdir():
        shutil.copy(file, tmp_path)
    (tmp_path / "registry.json").write_text(
        json.dumps({"mine": {"shards": [{"file": file.name, "sha256": "0" * 64} for file in tmp_path.iterdir()]}})
    )
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    with pytest.raises(ValueError, match="is not the one on record.*damaged"):
        NeuralSymbolicRegressor("mine").fit(X, X[:, 0])


def test_half_a_shard_is_refused(random_weights, X, tmp_path):
    source = next(Path(random_weights).iterdir())
    (tmp_path / source.name).write_bytes(source.read_bytes()[: source.stat().st_size // 2])
    y = np.random.default_rng(0).standard_normal(len(X))  # nothing that is found before the network is needed
    with pytest.raises(ValueError, match=source.name):
        NeuralSymbolicRegressor(str(tmp_path)).fit(X, y)


def test_predict_before_fit(X):
    with pytest.raises(ValueError, match="not fitted"):
        NeuralSymbolicRegressor().predict(X)


def test_predict_where_an_equation_is_undefined(model, X):
    model.fit(X, 2.5 * np.log(X[:, 0]) + 1)
    for index, text in enumerate(model.equations_["equation"]):
        assert np.isfinite(model.predict(X, index=index)).all(), text
