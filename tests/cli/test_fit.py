"""``nesymres fit``: its options, what it prints and saves, and how it fails."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from nesymres_sk import NeuralSymbolicRegressor
from nesymres_sk.export.saved_model import load_model


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
        (
            ["--target", "energy", "--columns", "mass", "top speed", "--sample-weight", "mass"],
            "'mass' is the sample weight and one of --columns",
        ),
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


def test_operators_may_be_separated_by_commas(run, table, fits):
    assert run("fit", "data.csv", "--target", "energy", "--operators", "add,mul", "div,")[0] == 0
    assert fits[0][0]["operators"] == ["add", "mul", "div"]


@pytest.mark.parametrize("time", ["x", "0", "-1", "nan"])
def test_a_time_that_is_none_is_named(run, table, fits, capsys, time):
    with pytest.raises(SystemExit):
        run("fit", "data.csv", "--target", "energy", f"--time={time}")
    assert f"must be a positive number, got '{time}'" in capsys.readouterr().err
