import json
import math
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fitted_models import fitted_model, special_points
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from strategies import expressions

from nesymres_sk import EquateConfig, NeuralSymbolicRegressor, __version__
from nesymres_sk.export import saved_model
from nesymres_sk.export.saved_model import ModelFileError, from_dict, load_model, save_model, to_dict
from nesymres_sk.expressions.parser import parse


@pytest.fixture
def model():
    fitted = fitted_model(
        [parse("2.5"), parse("x1 * 0.1"), parse("x1 ** 2 / x3 + 1.2345678901234567")],
        names=["mass", "weg ∆", "x_1"],
        best=1,
        max_time=3.5,
        random_state=np.int64(7),
        operators=["add", "mul"],
    )
    fitted.n_fitted_ = 12
    fitted.history_ = [{"elapsed": 0.25, "loss": 1e-3, "complexity": np.int64(3)}]
    return fitted


def test_everything_comes_back(model, tmp_path):
    save_model(model, tmp_path / "model.json")
    again = load_model(str(tmp_path / "model.json"))
    X = pd.DataFrame(special_points(), columns=model.feature_names_in_)
    assert again.expressions_ == model.expressions_
    assert again.equation_ == model.equation_
    assert again.best_index_ == 1
    assert again.history_ == model.history_
    assert again.get_params() == model.get_params()
    pd.testing.assert_frame_equal(again.equations_, model.equations_)
    for index in (None, 0, 1, 2):
        np.testing.assert_array_equal(again.predict(X, index=index), model.predict(X, index=index))
        assert again.sympy(index) == model.sympy(index)
        assert again.latex(index) == model.latex(index)
    assert clone(again).get_params() == model.get_params()
    with pytest.raises(ValueError, match="feature names"):
        again.predict(X.rename(columns={"mass": "m"}))


@settings(max_examples=60)
@given(expressions(free=False), st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=8, max_size=8))
def test_constants_keep_all_their_digits(expression, constants):
    expression = expression.with_constants(
        constants[: len(expression.constants)] + [0.1] * (len(expression.constants) - 8)
    )
    again = from_dict(json.loads(json.dumps(to_dict(fitted_model([expression])), allow_nan=False)))
    assert again.expressions_ == [expression]
    assert [math.copysign(1, c) for c in again.expressions_[0].constants] == [
        math.copysign(1, c) for c in expression.constants
    ]


def test_the_file_can_be_read_by_people_and_says_what_wrote_it(model, tmp_path):
    save_model(model, tmp_path / "model.json")
    text = (tmp_path / "model.json").read_text(encoding="utf-8")
    assert "weg ∆" in text
    data = json.loads(text, parse_constant=pytest.fail)  # no NaN or Infinity, which are not JSON
    assert data["format"] == "nesymres_sk equations"
    assert data["format_version"] == 1
    assert data["package_version"] == __version__
    assert data["best_index"] == 1
    assert data["equations"][1]["equation"] == "mass * 0.1"
    assert data["equations"][0]["log_prob"] == "nan"


def test_without_names_and_with_a_generator(tmp_path):
    model = fitted_model([parse("x1 + x2")], n_features=12, columns=[3, 11], random_state=np.random.RandomState(0))
    model.equations_["loss"] = [np.inf]
    save_model(model, tmp_path / "model.json")
    again = load_model(tmp_path / "model.json")
    assert again.random_state is None
    assert not hasattr(again, "feature_names_in_")
    assert not hasattr(again, "history_")
    assert again.equation_ == "x4 + x12"
    assert again.equations_["loss"][0] == np.inf
    X = special_points(d=12)
    np.testing.assert_array_equal(again.predict(X), X[:, 3] + X[:, 11])


def test_loads_in_a_process_without_torch(model, tmp_path):
    save_model(model, tmp_path / "model.json")
    code = (
        "import sys; from nesymres_sk.export.saved_model import load_model\n"
        "print(load_model('model.json').equation_)\n"
        "assert 'torch' not in sys.modules"
    )
    root = os.path.dirname(os.path.dirname(saved_model.__file__.replace("/export/", "/")))
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])},
    )  # fmt: skip
    assert done.stdout.strip() == "mass * 0.1"


def test_writing_is_all_or_nothing(model, tmp_path, monkeypatch):
    path = tmp_path / "model.json"
    save_model(model, path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~saved_model._umask()
    path.chmod(0o600)
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(saved_model.os, "fsync", fail)
        with pytest.raises(OSError, match="disk full"):
            save_model(fitted_model([parse("x1")]), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["model.json"]
    save_model(fitted_model([parse("x1")]), path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_model(path).equation_ == "x1"


def test_parameters_of_all_kinds():
    values = [None, True, "a", 3, 2.5, [1, "b"], {"sin": {"cos": 1}}]
    assert [saved_model._parameter(value) for value in values] == values
    assert saved_model._parameter(np.float64(0.5)) == 0.5
    assert saved_model._parameter(np.random.default_rng(0)) is None


def test_nothing_to_save(tmp_path):
    with pytest.raises(NotFittedError):
        save_model(NeuralSymbolicRegressor(), tmp_path / "model.json")
    assert os.listdir(tmp_path) == []


def test_a_newer_format_asks_for_an_upgrade(model, tmp_path):
    data = to_dict(model) | {"format_version": 2, "package_version": "9.0"}
    (tmp_path / "model.json").write_text(json.dumps(data))
    with pytest.raises(ModelFileError, match=r"model\.json: written by nesymres_sk 9\.0 in format 2.*upgrade"):
        load_model(tmp_path / "model.json")


def test_parameters_of_other_versions_are_left_out_aloud(model):
    data = to_dict(model)
    data["parameters"] |= {"of_the_future": 3}
    with pytest.warns(UserWarning, match="left out: 'of_the_future'"):
        assert from_dict(data).get_params() == model.get_params()


def test_settings_and_counts_come_back(model, tmp_path):
    model.set_params(finetune=EquateConfig(epochs=2, start="records"), verbose=np.True_, weights=Path("a") / "b")
    model.set_params(operators=np.array(["add", "mul"]), excluded_variables=np.array([1]))
    model.n_fitted_ = np.int64(321)
    save_model(model, tmp_path / "model.json")
    again = load_model(tmp_path / "model.json")
    assert again.finetune == model.finetune
    assert again.verbose is True
    assert again.weights == str(model.weights)
    assert again.operators == ["add", "mul"]
    assert again.excluded_variables == [1]
    assert again.n_fitted_ == 321
    for finetune in ({"epochs": 0}, {"unknown": 1}):
        data = to_dict(model)
        data["parameters"]["finetune"] = finetune
        with pytest.raises(ModelFileError, match="finetune"):
            from_dict(data)


def test_places_that_cannot_be_written_are_named_as_they_were_given(model, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere.model\.json'$"):
        save_model(model, tmp_path / "nowhere" / "model.json")


@pytest.mark.parametrize("content", [b"", b"{", b"\x80\x04pickle", b"[]", b'{"format": "other"}', b"[" * 100_000])
def test_other_files_are_refused(content, tmp_path):
    (tmp_path / "model.json").write_bytes(content)
    with pytest.raises(ModelFileError, match=r"model\.json.*not a saved model"):
        load_model(tmp_path / "model.json")


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_model(tmp_path / "model.json")


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (["format_version"], "1"), (["format_version"], 0), (["n_features_in"], 0), (["n_features_in"], True),
        (["feature_names_in"], ["a"]), (["feature_names_in"], ["a", "b", 3]), (["columns"], [0, 3]),
        (["columns"], [-1]), (["columns"], None), (["best_index"], 3), (["best_index"], 1.0),
        (["equations"], []), (["equations"], {}),
        (["parameters"], []), (["history"], [1]), (["equations", 0], None), (["equations", 1, "tokens"], "add x1"),
        (["equations", 1, "tokens"], "import os"), (["equations", 1, "tokens"], 3), (["equations", 1, "constants"], []),
        (["equations", 1, "constants"], ["0.1"]), (["equations", 1, "constants"], ["nan"]),
        (["equations", 1, "constants"], [10**400]), (["equations", 1, "constants"], [math.inf]),
        (["equations", 1, "tokens"], "neg " * 1000 + "C"), (["equations", 1, "constants"], [None]),
        (["equations", 2, "loss"], None), (["equations", 2, "r2"], "high"),
        (["equations", 1, "tokens"], "mul x9 C"), (["n_fitted"], -1), (["n_fitted"], "many"),
    ],
)  # fmt: skip
def test_damage_is_found_and_named(model, where, value):
    data = json.loads(json.dumps(to_dict(model)))
    place = data
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    with pytest.raises(ModelFileError, match="damaged: .*save the model again"):
        from_dict(data)


_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**400), 10**400)
    | st.floats()
    | st.sampled_from(["", "inf", "add x1 C"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["tokens", "loss"]), inner, max_size=2),
    max_leaves=3,
)


@pytest.mark.filterwarnings("ignore:parameters that this version")
@settings(max_examples=200)
@given(st.data())
def test_any_change_of_a_file_is_read_or_refused(data):
    whole = to_dict(fitted_model([parse("2.5"), parse("x1 * 0.1")], names=["a", "b", "c"]))
    place = whole = json.loads(json.dumps(whole))
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], (dict, list)) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(_JSON)
    try:
        model = from_dict(whole)
    except ModelFileError:
        return
    X = pd.DataFrame(np.ones((2, 3)), columns=getattr(model, "feature_names_in_", None))
    assert not np.isnan(model.predict(X if hasattr(model, "feature_names_in_") else X.to_numpy())).any()


@pytest.mark.parametrize(
    "key", ["n_features_in", "feature_names_in", "columns", "best_index", "parameters", "equations"]
)
def test_missing_parts_are_named(model, key):
    data = to_dict(model)
    del data[key]
    with pytest.raises(ModelFileError, match=key):
        from_dict(data)
