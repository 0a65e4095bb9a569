"""The command ``nesymres``: in this process where that is enough, in real ones where it matters."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import subprocess
import sys
import tomllib
import warnings
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fitted_models import fitted_model

import nesymres_sk
from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.cli.main import main
from nesymres_sk.export.saved_model import load_model, save_model
from nesymres_sk.expressions.parser import parse

ROOT = Path(nesymres_sk.__file__).parent.parent


def nesymres(*arguments, cwd, **options):
    """Run the command in a process of its own."""
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", "nesymres_sk", *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": path}, **options
    )


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


def test_from_a_table_to_a_model_in_real_processes(table, tmp_path):
    done = nesymres("fit", "data.csv", "--target", "energy", "--time", 30, "--out", "m.json", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["r2"] > 1 - 1e-9
    assert found["equation"] == found["equations"][found["best_index"]]["equation"]
    assert "top speed" in found["equation"]
    values = load_model(tmp_path / "m.json").predict(table[["mass", "top speed"]])
    np.testing.assert_allclose(values, table["energy"], rtol=1e-6)
    done = nesymres("predict", "m.json", "-", cwd=tmp_path, input="mass\n1\n")
    assert done.returncode == 1
    assert done.stderr == "error: - lacks 'top speed', which the model was fitted on; it has 'mass'\n"


def test_help_loads_nothing_heavy(tmp_path):
    code = (
        "import sys; from nesymres_sk.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'numpy', 'pandas', 'sklearn', 'torch', 'numba', 'sympy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=tmp_path,
                          env={**os.environ, "PYTHONPATH": str(ROOT)})  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "nesymres fit data.csv --target y" in done.stdout
    assert "exit status" in done.stdout


@pytest.mark.skipif(not (ROOT / "pyproject.toml").exists(), reason="needs the source tree")
def test_the_script_of_the_project_is_this_one():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, function = project["scripts"]["nesymres"].split(":")
    assert getattr(import_module(module), function) is main


def test_fit_prints_the_table_and_saves(run, table, fits, tmp_path):
    status, out, err = run("fit", "data.csv", "--target", "energy", "--out", "m.json")
    assert status == 0
    assert "energy = mass" in out
    assert "saved as m.json" in out
    assert out.splitlines()[1].startswith("0  *")
    assert "40 rows, 2 columns: mass, top speed" in err
    assert load_model(tmp_path / "m.json").equation_ == "mass"
    parameters, X, y, weight = fits[0]
    assert list(X.columns) == ["mass", "top speed"]
    np.testing.assert_array_equal(y, table["energy"])
    assert weight is None
    assert parameters["max_time"] == 10
    assert parameters["random_state"] == 0


def test_fit_hands_its_options_on(run, table, fits):
    table["w"] = 2.0
    table.to_csv("data.csv", index=False)
    status, out, _ = run(
        "fit", "data.csv", "--target", "energy", "--columns", "top speed", "--sample-weight", "w", "--time", "3.5",
        "--operators", "add", "mul", "--max-complexity", 9, "--selection", "best", "--beam-size", 8, "--jobs", 2,
        "--excluded-operators", "tan", "--require", "top speed", "--guess", "C * mass",
        "--seed", 5, "--device", "cpu", "--weights", "base", "--json",
    )  # fmt: skip
    assert status == 0
    assert json.loads(out)["equation"] == "top speed"
    parameters, X, _, weight = fits[0]
    assert list(X.columns) == ["top speed"]
    np.testing.assert_array_equal(weight, 2.0)
    wanted = {"max_time": 3.5, "operators": ["add", "mul"], "max_complexity": 9, "selection": "best", "beam_size": 8}
    wanted |= {"excluded_operators": ["tan"], "required_variables": ["top speed"], "guesses": ["C * mass"]}
    wanted |= {"n_jobs": 2, "random_state": 5, "device": "cpu"}
    assert wanted.items() <= parameters.items()
    run("fit", "data.csv", "--target", "energy", "--drop", "w", "mass")
    assert list(fits[1][1].columns) == ["top speed"]


def test_an_interrupted_fit_keeps_what_it_has(run, table, fits, monkeypatch, tmp_path):
    whole = NeuralSymbolicRegressor.fit

    def interrupted(self, *data, **more):
        warnings.warn("fit was interrupted", UserWarning, stacklevel=2)  # what the estimator does after Ctrl-C
        return whole(self, *data, **more)

    monkeypatch.setattr(NeuralSymbolicRegressor, "fit", interrupted)
    status, out, err = run("fit", "data.csv", "--target", "energy", "--out", "m.json")
    assert status == 0
    assert "energy = mass" in out
    assert "warning: fit was interrupted" in err
    assert (tmp_path / "m.json").exists()

    def too_early(self, *data, **more):
        raise KeyboardInterrupt

    monkeypatch.setattr(NeuralSymbolicRegressor, "fit", too_early)
    status, out, err = run("fit", "data.csv", "--target", "energy")
    assert (status, out) == (130, "")
    assert err.endswith("error: interrupted\n")


def test_the_estimators_own_errors_are_told(run, table):
    status, out, err = run("fit", "data.csv", "--target", "energy", "--operators", "add", "plus", "--time", "1")
    assert status == 1
    assert out == ""
    assert "plus" in err
    status, out, _ = run("fit", "data.csv", "--target", "energy", "--weights", "huge", "--time", "1", "--json")
    assert status == 1
    assert "known names" in json.loads(out)["error"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--target", "enrgy"], "no column 'enrgy' for --target; did you mean 'energy'?"),
        (["--target", "?"], "no column '?' for --target; the columns are 'mass', 'top speed', 'energy'"),
        (["--target", "energy", "--drop", "foo"], "no column 'foo' for --drop"),
        (["--target", "energy", "--columns", "mass", "foo"], "no column 'foo' for --columns"),
        (["--target", "energy", "--columns", "energy"], "is the target and one of --columns"),
        (["--target", "energy", "--drop", "mass", "top speed"], "no columns are left"),
        (["--target", "energy", "--sep", "|"], "single column 'mass,top speed,energy'"),
        (["--target", "energy", "--out", "nowhere/m.json"], "no such directory"),
    ],
)
def test_what_is_not_there_is_the_command_lines_fault(run, table, fits, arguments, message):
    status, out, err = run("fit", "data.csv", *arguments)
    assert (status, out) == (2, "")
    assert message in err
    assert not fits


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,y\n1,2\nx,4\n3,6\n", r"column 'a' is not numeric: row 2 has 'x'; if .*--na 'x' --missing drop"),
        ("a,y\nx,2\nz,4\n3,6\n", r"row 1 has 'x'; leave the column out with --drop 'a'"),
        ("a;y\n1,5;2\n2,5;4\n", r"row 1 has '1,5'; if this is a decimal comma, add --decimal ,"),
        ("a,y\n1,2\n,4\n3,\n", r"missing or infinite values in 'a' \(1\), 'y' \(1\), first in row 2; .*--missing drop"),
        ("a,y\n1,2\ninf,4\n", r"infinite values in 'a' \(1\)"),
        ("1,2\n3,4\n", r"first row .* numbers instead of names; add --no-header"),
        ("1,1\n3,4\n", "--no-header"),
        ("", "is empty"),
        ("a,y\n", "a head and no rows"),
        ("a,y\n1,2\n1,2,3,4\n", "is not a table: .*line 3.*check --sep"),
    ],
)
def test_tables_that_cannot_be_used(run, tmp_path, fits, content, message):
    (tmp_path / "data.csv").write_text(content)
    status, out, err = run("fit", "data.csv", "--target", "y")
    assert (status, out) == (1, "")
    assert re.search(message, err), err


def test_files_that_cannot_be_read(run, tmp_path):
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "latin.csv").write_bytes("größe,y\n1,2\n".encode("latin-1"))
    for name, message in (("none.csv", "is not there"), ("folder.csv", "a directory"), ("latin.csv", "UTF-8")):
        status, _, err = run("fit", name, "--target", "y")
        assert status == 1
        assert message in err


@pytest.mark.parametrize(
    ("content", "options"),
    [
        ("a;y\n1,5;2\n2;4\n", ["--decimal", ","]),
        ("a\ty\n1.5\t2\n2\t4\n", []),
        ("\ufeffa, y\n1.5, 2\n2, 4\n", []),
        ("a y\n1.5   2\n2 4\n", ["--sep", " "]),
        ('"a","y"\n"1.5","2"\n"2","4"\n', []),
        ("a,y\n1.5,2\n?,3\n2,4\n", ["--na", "?", "--missing", "drop"]),
        ("text,a,y\nred,1.5,2\nblue,2,4\n", ["--drop", "text"]),
    ],
)
def test_tables_of_many_kinds(run, tmp_path, fits, content, options):
    (tmp_path / "data.csv").write_text(content, encoding="utf-8")
    status, _, err = run("fit", "data.csv", "--target", "y", *options)
    assert status == 0, err
    _, X, y, _ = fits[0]
    assert X.to_dict(orient="list") == {"a": [1.5, 2.0]}
    assert y.tolist() == [2.0, 4.0]


def test_tables_without_a_head_and_compressed(run, tmp_path, fits):
    with gzip.open(tmp_path / "data.csv.gz", "wt") as file:
        file.write("1.5,2\n2,4\n")
    assert run("fit", "data.csv.gz", "--target", "x2", "--no-header")[0] == 0
    assert fits[0][1].to_dict(orient="list") == {"x1": [1.5, 2.0]}


def test_parquet(run, tmp_path, fits, table, monkeypatch):
    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr(pd, "read_parquet", lambda path: table.set_index("mass", drop=False))
    assert run("fit", "data.parquet", "--target", "energy")[0] == 0
    assert list(fits[0][1].columns) == ["mass", "top speed"]

    def without_engine(path):
        raise ImportError("Missing optional dependency")

    monkeypatch.setattr(pd, "read_parquet", without_engine)
    status, _, err = run("fit", "data.parquet", "--target", "energy")
    assert status == 1
    assert "pip install 'nesymres-sk[parquet]'" in err


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


def test_weights(run):
    status, out, _ = run("weights", "list", "--json")
    assert status == 0
    listed = json.loads(out)["weights"]
    base = next(entry for entry in listed if entry["name"] == "base")
    assert base["parameters"] > 1e6
    assert base["bytes"] > 1e6
    assert "base" in run("weights", "list")[1]
    status, out, _ = run("weights", "verify")
    assert (status, out.splitlines()) == (0, [f"{entry['name']}: correct" for entry in listed])


def test_damaged_weights_are_a_failure(run, tmp_path, monkeypatch):
    from nesymres_sk.model import registry

    (tmp_path / "w.safetensors").write_bytes(b"no")
    index = {"bad": {"shards": [{"file": "w.safetensors", "sha256": "0" * 64}], "parameters": 1, "trained": ""}}
    (tmp_path / "registry.json").write_text(json.dumps(index))
    monkeypatch.setattr(registry, "weights_directory", lambda: tmp_path)
    status, out, _ = run("weights", "verify", "--json")
    assert status == 1
    assert "damaged" in json.loads(out)["faults"]["bad"]
