"""``nesymres predict`` and ``nesymres show``: what saved models give."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from fitted_models import fitted_model

from nesymres_sk.export.saved_model import save_model
from nesymres_sk.expressions.parser import parse


def test_predict_reads_columns_by_name(run, table, model, tmp_path):
    table[["energy", "top speed", "mass"]].to_csv("data.csv", index=False)
    status, out, _ = run("predict", "model.json", "data.csv")
    assert status == 0
    np.testing.assert_allclose(pd.read_csv(io.StringIO(out))["prediction"], table["energy"])
    status, out, _ = run("predict", "model.json", "data.csv", "--index", 1, "--json")
    np.testing.assert_allclose(json.loads(out)["prediction"], table["mass"])
    status, out, _ = run("predict", "model.json", "data.csv", "--out", "p.csv")
    assert "40 rows written to p.csv" in out
    assert len(pd.read_csv(tmp_path / "p.csv")) == 40
    table.drop(columns="mass").to_csv("data.csv", index=False)
    status, _, err = run("predict", "model.json", "data.csv")
    assert status == 1
    assert "data.csv lacks 'mass'" in err
    status, _, err = run("predict", "model.json", "data.csv", "--index", 3)
    assert status == 2
    assert "0 to 2" in err


def test_predict_of_a_model_without_names(run, tmp_path):
    save_model(fitted_model([parse("x1 / x2")], n_features=2), tmp_path / "model.json")
    (tmp_path / "data.csv").write_text("p,q\n1,0\n1,2\n")
    status, out, _ = run("predict", "model.json", "data.csv", "--json")
    assert status == 0
    assert json.loads(out) == {"n_rows": 2, "prediction": [None, 0.5]}
    (tmp_path / "data.csv").write_text("p\n1\n")
    assert "has 2 columns without names" in run("predict", "model.json", "data.csv")[2]


def test_show(run, model):
    status, out, _ = run("show", "model.json")
    assert status == 0
    assert len(out.splitlines()) == 6
    assert out.splitlines()[3].startswith("2  *")
    assert out.splitlines()[-1] == model.equation_
    assert run("show", "model.json", "--as", "equation", "--index", 1)[1] == "mass\n"
    assert run("show", "model.json", "--as", "latex")[1].strip() == model.latex()
    assert run("show", "model.json", "--digits", 0)[::2] == (2, "error: --digits must be at least 1, got 0\n")
    assert run("show", "model.json", "--as", "latex-table")[1].startswith(r"\begin{tabular}")
    assert run("show", "model.json", "--as", "sympy")[1].strip() == str(model.sympy())
    assert "def equation(X):" in run("show", "model.json", "--as", "python")[1]
    data = json.loads(run("show", "model.json", "--json")[1])
    assert data["equation"] == model.equation_
    assert [row["loss"] for row in data["equations"]] == model.equations_["loss"].tolist()  # all digits
    assert data["equations"][0]["log_prob"] is None  # NaN is not JSON


@pytest.mark.parametrize("picture", ["front", "predictions", "slices", "progress"])
def test_pictures(run, model, table, tmp_path, picture):
    pytest.importorskip("matplotlib")
    more = ["--data", "data.csv", "--target", "energy"] if picture in ("predictions", "slices") else []
    status, _out, err = run("show", "model.json", "--plot", "picture.png", "--picture", picture, *more)
    assert status == 0, err
    assert (tmp_path / "picture.png").read_bytes().startswith(b"\x89PNG")


def test_pictures_that_cannot_be_drawn(run, model, tmp_path):
    pytest.importorskip("matplotlib")
    status, _, err = run("show", "model.json", "--plot", "p.png", "--picture", "slices")
    assert (status, err) == (2, "error: --picture slices needs --data and --target\n")
    assert run("show", "model.json", "--plot", "picture.doc")[0] == 2
    save_model(fitted_model([parse("x1")]), tmp_path / "other.json")
    status, _, err = run("show", "other.json", "--plot", "p.png", "--picture", "progress")
    assert status == 1
    assert "no history" in err


def test_models_that_cannot_be_read(run, tmp_path):
    (tmp_path / "bad.json").write_text('{"format": ')
    for name, message in (("bad.json", "not a saved model"), ("none.json", "none.json: No such file")):
        status, _, err = run("show", name)
        assert status == 1
        assert message in err


def test_places_that_cannot_be_written(run, model, table):
    pytest.importorskip("matplotlib")
    for arguments in (
        ["predict", "model.json", "data.csv", "--out", "no/x.csv"],
        ["show", "model.json", "--plot", "no/x.png"],
    ):
        status, out, err = run(*arguments)
        assert (status, out) == (1, "")
        assert "no" in err and "Traceback" not in err


def test_the_progress_of_a_fit_is_drawn_from_its_file(run, tmp_path):
    pytest.importorskip("matplotlib")
    noisy = "a,y\n" + "".join(f"{i},{(i * 7919) % 101}\n" for i in range(1, 30))  # nothing is exact for it
    (tmp_path / "data.csv").write_text(noisy)
    assert run("fit", "data.csv", "--target", "y", "--time", "0.5", "--out", "m.json")[0] == 0
    assert run("show", "m.json", "--plot", "p.svg", "--picture", "progress")[0] == 0
    assert (tmp_path / "p.svg").read_text(encoding="utf-8").startswith("<?xml")


def test_names_that_the_terminal_has_no_letters_for(model, tmp_path):
    save_model(fitted_model([parse("x1")], n_features=1, names=["größe"]), tmp_path / "m.json")
    command = [sys.executable, "-m", "nesymres_sk", "show", "m.json", "--as", "equation"]
    for more, wanted in ([], "gr\\xf6\\xdfe\n"), (["--json"], None):
        done = subprocess.run(
            [*command, *more], cwd=tmp_path, capture_output=True, text=True, encoding="ascii",
            env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stdout == wanted or json.loads(done.stdout)["equation"] == "größe"
