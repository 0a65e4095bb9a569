import numpy as np
import pytest

from nesymres_sk import NeuralSymbolicRegressor


def test_a_callback_sees_the_best_and_stops(random_weights, frame):
    y = np.sin(frame["mass"] * 5) * frame["speed"] + 0.1 * np.random.default_rng(0).standard_normal(90)
    seen = []

    def callback(found):
        seen.append(found)
        return len(seen) == 2

    model = NeuralSymbolicRegressor(random_weights, beam_size=4, max_time=30, random_state=0)
    model.fit(frame, y, callback=callback)
    assert len(seen) == 2
    assert seen[-1].elapsed < 20
    # what was waiting for simple constants still gets them at the end, so that the choice may be a little simpler
    row = model.equations_.loc[model.best_index_]
    assert row["complexity"] <= seen[-1].complexity
    assert row["loss"] == pytest.approx(seen[-1].loss, rel=0.2)
    assert row["r2"] == pytest.approx(seen[-1].r2, abs=0.01)
    assert seen[0].n_fitted < seen[-1].n_fitted
    assert "mass" in seen[-1].equation or "speed" in seen[-1].equation
    with pytest.raises(TypeError, match="callable"):
        model.fit(frame, y, callback=3)


def test_an_exception_of_a_callback_leaves_a_fitted_estimator(random_weights, frame):
    def callback(found):
        raise RuntimeError("mine")

    model = NeuralSymbolicRegressor(random_weights, beam_size=4, random_state=0)
    with pytest.raises(RuntimeError, match="mine"):
        model.fit(frame, np.exp(frame["mass"]), callback=callback)
    assert np.isfinite(model.predict(frame)).all()


def test_silence_by_default_and_a_bar_if_wanted(random_weights, frame, capsys):
    y = np.exp(frame["mass"])
    NeuralSymbolicRegressor(random_weights, random_state=0).fit(frame, y)
    assert capsys.readouterr() == ("", "")
    NeuralSymbolicRegressor(random_weights, verbose=1, random_state=0).fit(frame, y)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert "1 rounds" in shown.err
    assert "complexity" in shown.err
    model = NeuralSymbolicRegressor(random_weights, verbose=2, max_time=0.3, random_state=0).fit(frame, y)
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines
    assert all(" s  complexity " in line and "  loss " in line for line in lines)
    assert model.equation_ in shown.out
    assert "/0.3 s" in shown.err


def test_the_bar_shortens_long_equations(random_weights, frame, capsys):
    y = np.sin(frame["mass"] * 5) * frame["speed"]
    long = frame.rename(columns={"mass": "m" * 90, "speed": "s" * 90})
    NeuralSymbolicRegressor(random_weights, verbose=1, random_state=0).fit(long, y)
    assert "…" in capsys.readouterr().err


def test_stages_are_counted_together(random_weights):
    X = np.random.default_rng(0).uniform(-1, 1, (300, 30))
    seen = []
    model = NeuralSymbolicRegressor(random_weights, beam_size=8, random_state=0)
    model.fit(X, 30 * np.sin(3 * X[:, 3]) + X[:, 0] * X[:, 1], callback=seen.append)
    assert [found.n_fitted for found in seen] == sorted(found.n_fitted for found in seen)
    assert seen[-1].equation == model.equation_


def test_a_bar_without_a_console_is_silence(random_weights, frame, monkeypatch):
    monkeypatch.setattr("sys.stderr", None)
    model = NeuralSymbolicRegressor(random_weights, verbose=2, random_state=0)
    assert model.fit(frame, np.exp(frame["mass"])).verbose == 2
