"""Tables as they come: the command on files with awkward content, through real fits that end at once."""

from __future__ import annotations

import io
import json

import pandas as pd
import pytest

from nesymres_sk.cli.main import main

#: The target is twice the first column.
ROWS = "1,2\n2,4\n3,6\n5,10\n"


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Write ``data.csv`` and run the command here: exit status, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def call(content, *arguments):
        if content is not None:
            (tmp_path / "data.csv").write_text(content, encoding="utf-8", newline="")
        capsys.readouterr()
        status = main([str(argument) for argument in arguments])
        return status, *capsys.readouterr()

    return call


def fit(*arguments, target="y"):
    return ["fit", "data.csv", "--target", target, "--time", "10", "--out", "m.json", *arguments]


@pytest.mark.parametrize(
    ("content", "target", "options", "equation"),
    [
        ("a,y\n" + ROWS, "y", [], "2 * a"),
        ("\ufeffa,y\r\n" + ROWS.replace("\n", "\r\n"), "y", [], "2 * a"),
        ("\r\n\r\na;y\r\n" + ROWS.replace(",", ";"), "y", [], "2 * a"),
        ("a,y\n\n" + ROWS.replace("\n", "\n\n"), "y", [], "2 * a"),
        ("a,y\r" + ROWS.replace("\n", "\r"), "y", [], "2 * a"),
        ('"a, b","y (m/s²)"\n' + ROWS, "y (m/s²)", [], "2 * a, b"),
        ('"a\nb",y\n' + ROWS, "y", [], "2 * a\nb"),
        ("größe $_{1}$,y\n" + ROWS, "y", [], "2 * größe $_{1}$"),
        ("pi,y\n" + ROWS, "y", [], "2 * pi"),
        (" a , y \n 1 , 2\u00a0\n2\u00a0,4\n 3, 6\n", "y", [], "2 * a"),
        ("a,y\n1e3,2e3\n2E3,4e+3\n.5e4,1e4\n", "y", [], "2 * a"),
        ("a,y\n" + ROWS.replace("\n", ",\n"), "y", [], "2 * a"),  # a separator at the end of each row
        ("a,y,\n" + ROWS.replace("\n", ",\n"), "y", [], "2 * a"),
        (',a,y\n0,"1","2"\n1,2,4\n2,3,6\n', "y", [], "2 * a"),  # with the row numbers that pandas writes
        ("# made by hand\n# in units\na,y\n" + ROWS, "y", ["--comment", "#"], "2 * a"),
        ('a;y\n"1,000.5";"2,001"\n"2,000";"4,000"\n"7";"14"\n', "y", ["--thousands", ","], "2 * a"),
        ("a;y\n1.000,5;2.001\n2.000;4.000\n7;14\n", "y", ["--thousands", ".", "--decimal", ","], "2 * a"),
        ("on,y\nTrue,5\nFalse,3\nTrue,5\nFalse,3\n", "y", [], "2 * on + 3"),
    ],
)
def test_tables_that_people_have(run, content, target, options, equation):
    status, out, err = run(content, *fit(*options, "--json", target=target))
    assert status == 0, err
    assert json.loads(out)["equation"] == equation
    for form in ("table", "equation", "latex", "latex-table", "sympy", "python"):
        assert run(None, "show", "m.json", "--as", form)[0] == 0
    reading = [option for option in options if option != "--json"]
    status, out, err = run(None, "predict", "m.json", "data.csv", *reading)
    assert status == 0, err
    assert (
        pd.read_csv(io.StringIO(out))["prediction"].iloc[0]
        == json.loads(run(None, "predict", "m.json", "data.csv", *reading, "--json")[1])["prediction"][0]
    )


@pytest.mark.parametrize("row", ["0,2,9", "1,2,9", "x,2,9"])
def test_rows_longer_than_the_head_are_never_shifted(run, row):
    status, _, err = run(f"a,y\n{row}\n1,4,7\n2,6,5\n", *fit())
    assert status == 1
    assert "rows have more cells than the first one has names; check --sep" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# by hand\na,y\n1,2\n", "add --comment '#'"),
        ("# by hand; in units\na;y\n1;2\n", "add --comment '#'"),
        ('a,y\n"1,234",2\n"2,345",4\n', "add --thousands ,; if it is a decimal comma, add --decimal ,"),
        ('a,y\n"1,234.5",2\n"2,345",4\n', "between thousands, add --thousands ,\n"),
        ("a,y\n1%,2\n2%,4\n", "row 1 has '1%'; leave the column out with --drop 'a', or replace"),
        ("day,y\n2020-01-01,2\n2020-01-02,4\n", "row 1 has '2020-01-01'"),
        ("a,b,y\n1,,2\n2,,4\n", "missing or infinite values in 'b' (2)"),
        ("a,y\n1,2\n2\n", "missing or infinite values in 'y' (1), first in row 2"),
        ('a,y\n"1,2\n2,4\n', "not a table"),
        ("a,y\n1,2\n", "minimum of 2"),
    ],
)
def test_what_is_wrong_is_said_with_what_helps(run, content, message):
    status, out, err = run(content, *fit())
    assert status in (1, 2)
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_nameless_columns_are_left_out_aloud(run):
    content = ",a,y\n0,1,2\n1,2,4\n2,3,6\n"
    status, _, err = run(content, *fit())
    assert status == 0
    assert "columns without a name are left out: 'Unnamed: 0'; --columns can take them" in err
    status, out, err = run(content, *fit("--columns", "Unnamed: 0", "--json"))
    assert (status, err) == (0, "")
    assert "Unnamed: 0" in json.loads(out)["equation"]


def test_predictions_for_rows_with_missing_values_are_missed_aloud(run):
    assert run("a,y\n" + ROWS, *fit())[0] == 0
    assert run("a\n1\n\n?\n4\n", "predict", "m.json", "data.csv", "--na", "?")[0] == 1
    status, out, err = run(None, "predict", "m.json", "data.csv", "--na", "?", "--missing", "drop")
    assert (status, out) == (0, "prediction\n2.0\n8.0\n")
    assert "1 of 3 rows have missing values and are left out" in err


def test_places_that_cannot_be_written(run):
    pytest.importorskip("matplotlib")
    assert run("a,y\n" + ROWS, *fit())[0] == 0
    for arguments in (["predict", "m.json", "data.csv", "--out", "no/x.csv"], ["show", "m.json", "--plot", "no/x.png"]):
        status, out, err = run(None, *arguments)
        assert (status, out) == (1, "")
        assert "no" in err and "Traceback" not in err


def test_the_progress_of_a_fit_is_drawn_from_its_file(run, tmp_path):
    pytest.importorskip("matplotlib")
    noisy = "a,y\n" + "".join(f"{i},{(i * 7919) % 101}\n" for i in range(1, 30))  # nothing is exact for it
    assert run(noisy, "fit", "data.csv", "--target", "y", "--time", "0.5", "--out", "m.json")[0] == 0
    assert run(None, "show", "m.json", "--plot", "p.svg", "--picture", "progress")[0] == 0
    assert (tmp_path / "p.svg").read_text(encoding="utf-8").startswith("<?xml")
