"""The command in this process, a table and a model for it, and a fit that takes no time."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fitted_models import fitted_model

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.cli.main import main
from nesymres_sk.export.saved_model import save_model
from nesymres_sk.expressions.parser import parse


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run the command here: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return call


@pytest.fixture
def table(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.uniform(1, 3, (40, 2)).round(3), columns=["mass", "top speed"])
    frame["energy"] = 0.5 * frame["mass"] * frame["top speed"] ** 2
    frame.to_csv(tmp_path / "data.csv", index=False)
    return frame


@pytest.fixture
def model(tmp_path):
    texts = ["2.5", "x1", "0.5 * x1 * x2 ** 2"]
    fitted = fitted_model([parse(text) for text in texts], n_features=2, names=["mass", "top speed"], best=2)
    fitted.history_ = [{"elapsed": 0.1, "loss": 1.0, "complexity": 1}, {"elapsed": 0.5, "loss": 0.0, "complexity": 6}]
    save_model(fitted, tmp_path / "model.json")
    return fitted


@pytest.fixture
def fits(monkeypatch):
    """What ``fit`` was called with; it finds that the target is the first column."""
    calls = []

    def fit(self, X, y, sample_weight=None):
        calls.append((self.get_params(), X, y, sample_weight))
        stand_in = fitted_model([parse("x1")], n_features=X.shape[1], names=list(X.columns))
        vars(self).update(
            {key: value for key, value in vars(stand_in).items() if key.endswith("_") and not key.startswith("_")}
        )
        return self

    monkeypatch.setattr(NeuralSymbolicRegressor, "fit", fit)
    return calls
