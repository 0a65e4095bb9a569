"""Fitted estimators in other processes: pickled, dumped, cross-validated by loky and by Dask."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import GridSearchCV, cross_val_score

import nesymres_sk
from nesymres_sk import EquateConfig, NeuralSymbolicRegressor

ROOT = Path(nesymres_sk.__file__).parent.parent
#: What the pickle of a fitted estimator may weigh, in bytes.
LIMIT = 200_000


@pytest.fixture(scope="module")
def frame():
    rng = np.random.default_rng(0)
    return pd.DataFrame(rng.uniform(0.5, 3, (60, 2)), columns=["mass", "speed"])


@pytest.fixture(scope="module")
def noisy(frame):
    """A target that nothing is exact for: each fit gets as far as the network."""
    return frame["mass"] * np.sin(3 * frame["speed"]) + 0.3 * np.random.default_rng(1).normal(size=60)


@pytest.fixture(scope="module")
def models(random_weights, frame, noisy):
    ways = {
        "plain": {},
        "fine-tuned": {"finetune": EquateConfig(n_bags=4, bag_size=20, epochs=1, n_starts=2, n_steps=2)},
        "with a time limit": {"max_time": 1},
    }
    return {
        way: NeuralSymbolicRegressor(random_weights, beam_size=4, random_state=0, **parameters).fit(frame, noisy)
        for way, parameters in ways.items()
    }


def values_of(model, frame):
    return [model.predict(frame, index=row) for row in range(len(model.equations_))]


@pytest.mark.parametrize("way", ["plain", "fine-tuned", "with a time limit"])
def test_the_pickle_is_small_and_has_no_network(models, way):
    assert models[way].history_
    assert len(pickle.dumps(models[way])) < LIMIT
    assert b"torch" not in pickle.dumps(models[way])


def test_another_process_predicts_the_same(models, frame, tmp_path):
    (tmp_path / "models.pickle").write_bytes(pickle.dumps(models))
    joblib.dump(models, tmp_path / "models.joblib")
    assert (tmp_path / "models.joblib").stat().st_size < LIMIT
    (tmp_path / "frame.pickle").write_bytes(pickle.dumps(frame))
    code = (
        "import sys, pickle, joblib\n"
        "frame = pickle.load(open('frame.pickle', 'rb'))\n"
        "found = []\n"
        "for models in (pickle.load(open('models.pickle', 'rb')), joblib.load('models.joblib')):\n"
        "    for way, model in models.items():\n"
        "        values = [model.predict(frame, index=row) for row in range(len(model.equations_))]\n"
        "        found.append((way, model.equation_, values))\n"
        "assert 'torch' not in sys.modules\n"
        "pickle.dump(found, open('found.pickle', 'wb'))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False,
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = pickle.loads((tmp_path / "found.pickle").read_bytes())
    assert len(found) == 2 * len(models)
    for way, equation, values in found:
        assert equation == models[way].equation_
        np.testing.assert_array_equal(values, values_of(models[way], frame))


def test_an_estimator_of_a_wide_table_is_small(random_weights):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.normal(size=(300, 200))).add_prefix("a column with a rather long name ")
    model = NeuralSymbolicRegressor(random_weights, beam_size=2, random_state=0).fit(wide, wide.iloc[:, 7] ** 2)
    assert len(pickle.dumps(model)) < LIMIT


def test_folds_in_two_processes_give_what_one_gives(random_weights, frame, noisy):
    model = NeuralSymbolicRegressor(random_weights, beam_size=4, random_state=0)
    with joblib.parallel_config("loky"):
        there = cross_val_score(model, frame, noisy, cv=2, n_jobs=2, error_score="raise")
    here = cross_val_score(model, frame, noisy, cv=2, error_score="raise")
    np.testing.assert_allclose(there, here, rtol=1e-9)


def test_each_process_loads_the_network_once(random_weights, frame, noisy):
    model = NeuralSymbolicRegressor(random_weights, beam_size=4, random_state=0)

    def fits():  # travels by value: other processes cannot import this file
        from nesymres_sk.model import checkpoint

        loads, load = [], checkpoint.load_network
        checkpoint.load_network = lambda *args, **options: loads.append(args) or load(*args, **options)
        try:
            for _ in range(2):
                model.fit(frame, noisy)
        finally:
            checkpoint.load_network = load
        return len(loads)

    with joblib.parallel_config("loky"):
        assert max(joblib.Parallel(n_jobs=2)(joblib.delayed(fits)() for _ in range(2))) <= 1


def test_a_search_on_a_dask_cluster(random_weights, frame):
    distributed = pytest.importorskip("distributed")
    y = 2 * frame["mass"] * frame["speed"]
    model = NeuralSymbolicRegressor(random_weights, random_state=0)
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
        joblib.parallel_config("dask"),
    ):
        search = GridSearchCV(model, {"beam_size": [2, 4]}, cv=2, error_score="raise").fit(frame, y)
        scores = cross_val_score(model, frame, y, cv=2, error_score="raise")
        assert all(client.run(lambda: "nesymres_sk.regressor" in __import__("sys").modules).values())
    assert search.best_estimator_.equation_ == "2 * mass * speed"
    np.testing.assert_allclose(scores, 1)
