"""EQUATE through the estimator, from the setting to the equation."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
import torch

from nesymres_sk import EquateConfig, NeuralSymbolicRegressor
from nesymres_sk.equate import loop
from nesymres_sk.model.registry import get_network

CONFIG = EquateConfig(n_bags=12, bag_size=40, epochs=2, n_starts=3, max_candidates=12)


@pytest.fixture(scope="module")
def data():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3.0, (60, 2))
    return X, np.sin(3.0 * X[:, 0]) * X[:, 1] + 0.3 * rng.standard_normal(60)


def regressor(weights, **parameters):
    settings = {"finetune": CONFIG, "random_state": 0, "beam_size": 4, "device": "cpu", **parameters}
    return NeuralSymbolicRegressor(weights, **settings)


def test_fine_tuning_adds_candidates_and_spares_the_shared_network(random_weights, data):
    network = get_network(random_weights, "cpu")
    before = copy.deepcopy(network.state_dict())
    plain = regressor(random_weights, finetune=None).fit(*data)
    tuned = regressor(random_weights).fit(*data)
    assert get_network(random_weights, "cpu") is network
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert tuned.n_fitted_ > plain.n_fitted_
    assert tuned.equations_["loss"].min() <= plain.equations_["loss"].min()
    assert np.isfinite(tuned.predict(data[0])).all()


def test_fits_in_two_threads_give_what_each_gives_alone(random_weights, data):
    alone = {seed: regressor(random_weights, random_state=seed).fit(*data).equations_ for seed in (0, 1)}
    together = {}

    def work(seed):
        together[seed] = regressor(random_weights, random_state=seed).fit(*data).equations_

    threads = [threading.Thread(target=work, args=(seed,)) for seed in alone]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for seed, equations in alone.items():
        assert together[seed]["equation"].tolist() == equations["equation"].tolist()


def test_the_time_limit_ends_a_training_that_would_take_hours(random_weights, data, capsys):
    endless = EquateConfig(n_bags=12, bag_size=40, epochs=1_000_000)
    model = regressor(random_weights, finetune=endless, max_time=3, verbose=1).fit(*data)
    assert len(model.equations_)
    assert "loss" in capsys.readouterr().err


def test_a_diverging_training_leaves_the_answer_of_the_backbone(random_weights, data, monkeypatch):
    monkeypatch.setattr(loop.Tuner, "run", lambda self, deadline: False)
    with pytest.warns(UserWarning, match="diverged"):
        model = regressor(random_weights).fit(*data)
    assert len(model.equations_)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_fine_tuning_on_a_gpu(random_weights, data):
    model = regressor(random_weights, device="cuda").fit(*data)
    assert np.isfinite(model.predict(data[0])).all()


def test_the_short_form_stands_for_the_default_settings(random_weights, data, monkeypatch):
    seen = []

    def record(self, deadline):
        seen.append(self._config)
        return False

    monkeypatch.setattr(loop.Tuner, "run", record)
    with pytest.warns(UserWarning, match="diverged"):
        regressor(random_weights, finetune="equate").fit(*data)
    assert seen == [EquateConfig()]
