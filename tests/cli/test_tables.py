"""Tables as they come: files of many kinds, with awkward content, and with errors."""

from __future__ import annotations

import gzip
import io
import json
import re

import numpy as np
import pandas as pd
import pytest

#: The target is twice the first column.
ROWS = "1,2\n2,4\n3,6\n5,10\n"


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


@pytest.mark.parametrize("ending", ["gz", "bz2", "xz", "zip"])
def test_damaged_compressed_tables_are_named(run, tmp_path, ending):
    path = tmp_path / f"data.csv.{ending}"
    pd.DataFrame({"a": range(500), "y": range(500)}).to_csv(path)
    for content in (path.read_bytes()[:-60], b"no such thing"):
        path.write_bytes(content)
        status, _, err = run("fit", path.name, "--target", "y")
        assert status == 1
        assert f"{path.name} cannot be read, and may be damaged" in err


def test_names_that_differ_in_spaces_only_are_an_error(run, tmp_path):
    (tmp_path / "data.csv").write_text('a,"a ",y\n1,2,3\n2,3,4\n')
    status, _, err = run("fit", "data.csv", "--target", "y")
    assert status == 1
    assert "several columns called 'a'" in err


def test_parquet(run, tmp_path, fits, table):
    pytest.importorskip("pyarrow")
    table["count"] = pd.array([1, *range(39)], dtype="Int32")
    table["on"] = table["mass"] > 2
    table.set_index("mass", drop=False).to_parquet(tmp_path / "data.parquet", compression="zstd")
    status, _, err = run("fit", "data.parquet", "--target", "energy")
    assert status == 0, err
    _, X, y, _ = fits[0]
    pd.testing.assert_frame_equal(X, table.drop(columns="energy").astype(float), check_column_type=False)
    np.testing.assert_array_equal(y, table["energy"])


def test_parquet_that_cannot_be_used(run, tmp_path, fits, table):
    pytest.importorskip("pyarrow")
    table["count"] = pd.array([None, *range(39)], dtype="Int32")
    table["day"] = pd.Timestamp("2020-01-01")
    table.to_parquet(tmp_path / "data.parquet")
    (tmp_path / "text.pq").write_text("a,energy\n1,2\n")
    for arguments, message in (
        (["data.parquet", "--drop", "day"], "missing or infinite values in 'count' (1), first in row 1"),
        (["data.parquet", "--columns", "mass", "day"], "column 'day' is not numeric (datetime64"),
        (["text.pq"], "text.pq is not a Parquet file"),
    ):
        status, out, err = run("fit", *arguments, "--target", "energy")
        assert (status, out) == (1, "")
        assert message in err


def test_parquet_without_pyarrow_says_what_to_install(run, tmp_path, monkeypatch):
    def without_engine(path):
        raise ImportError("Missing optional dependency")

    (tmp_path / "data.parquet").write_bytes(b"PAR1")
    monkeypatch.setattr(pd, "read_parquet", without_engine)
    status, _, err = run("fit", "data.parquet", "--target", "energy")
    assert status == 1
    assert "pip install 'nesymres-sk[parquet]'" in err


@pytest.fixture
def run_on(run, tmp_path):
    """Write ``data.csv`` and run the command, through real fits that end at once."""

    def call(content, *arguments):
        (tmp_path / "data.csv").write_text(content, encoding="utf-8", newline="")
        return run(*arguments)

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
        ("a,y\nkg,J\n" + ROWS, "y", ["--skip-lines", "2"], "2 * a"),
        ("Made by hand\na;y\nkg;J\n" + ROWS.replace(",", ";"), "y", ["--skip-lines", "1", "3"], "2 * a"),
        ("on,y\nTrue,5\nFalse,3\nTrue,5\nFalse,3\n", "y", [], "2 * on + 3"),
    ],
)
def test_tables_that_people_have(run, run_on, content, target, options, equation):
    status, out, err = run_on(content, *fit(*options, "--json", target=target))
    assert status == 0, err
    assert json.loads(out)["equation"] == equation
    for form in ("table", "equation", "latex", "latex-table", "sympy", "python"):
        assert run("show", "m.json", "--as", form)[0] == 0
    reading = [option for option in options if option != "--json"]
    status, out, err = run("predict", "m.json", "data.csv", *reading)
    assert status == 0, err
    assert (
        pd.read_csv(io.StringIO(out))["prediction"].iloc[0]
        == json.loads(run("predict", "m.json", "data.csv", *reading, "--json")[1])["prediction"][0]
    )


@pytest.mark.parametrize("row", ["0,2,9", "1,2,9", "x,2,9"])
def test_rows_longer_than_the_head_are_never_shifted(run_on, row):
    status, _, err = run_on(f"a,y\n{row}\n1,4,7\n2,6,5\n", *fit())
    assert status == 1
    assert "rows have more cells than the first one has names; check --sep" in err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("# by hand\na,y\n1,2\n", "add --comment '#'"),
        ("# by hand; in units\na;y\n1;2\n", "add --comment '#'"),
        ('a,y\n"1,234",2\n"2,345",4\n', "add --thousands ,; if it is a decimal comma, add --decimal ,"),
        ('a,y\n"1,234.5",2\n"2,345",4\n', "between thousands, add --thousands ,\n"),
        ("a,y\n1%,2\n2%,4\n", "row 1 has '1%'; remove the percent signs, or leave the column out with --drop 'a'"),
        ("a,y\n3.5%,2\n2,4\n3,6\n", "row 1 has '3.5%'; remove the percent signs"),
        (
            "a,y\nkg,m/s²\n1,2\n2,4\n",
            "no numbers but 'kg', 'm/s²'; if these are units, leave their line out, with --skip",
        ),
        ("a,y\n,J\n1,2\n2,4\n", "no numbers but 'J'; if these are units"),
        ("Made by hand\na,y\n1,2\n2,4\n", "if the first line is a title, add --skip-lines 1"),
        ("Made by hand\na;y\n1;2\n2;4\n", "if this is a title above the names, add --skip-lines 1"),
        ("day,y\n2020-01-01,2\n2020-01-02,4\n", "row 1 has '2020-01-01'"),
        ("a,b,y\n1,,2\n2,,4\n", "missing or infinite values in 'b' (2)"),
        ("a,y\n1,2\n2\n", "missing or infinite values in 'y' (1), first in row 2"),
        ('a,y\n"1,2\n2,4\n', "not a table"),
        ("a,y\n1,2\n", "minimum of 2"),
    ],
)
def test_what_is_wrong_is_said_with_what_helps(run_on, content, message):
    status, out, err = run_on(content, *fit())
    assert status in (1, 2)
    assert out == ""
    assert message in err
    assert "Traceback" not in err


def test_nameless_columns_are_left_out_aloud(run_on):
    content = ",a,y\n0,1,2\n1,2,4\n2,3,6\n"
    status, _, err = run_on(content, *fit())
    assert status == 0
    assert "columns without a name are left out: 'Unnamed: 0'; --columns can take them" in err
    status, out, err = run_on(content, *fit("--columns", "Unnamed: 0", "--json"))
    assert (status, err) == (0, "")
    assert "Unnamed: 0" in json.loads(out)["equation"]


def test_predictions_for_rows_with_missing_values_are_missed_aloud(run, run_on):
    assert run_on("a,y\n" + ROWS, *fit())[0] == 0
    assert run_on("a\n1\n\n?\n4\n", "predict", "m.json", "data.csv", "--na", "?")[0] == 1
    status, out, err = run("predict", "m.json", "data.csv", "--na", "?", "--missing", "drop")
    assert (status, out) == (0, "prediction\n2.0\n8.0\n")
    assert "1 of 3 rows have missing values and are left out" in err


def test_columns_of_equal_names_are_told_apart_aloud(run_on):
    content = "a,a,y\n1,5,2\n2,3,4\n3,9,6\n"
    status, _, err = run_on(content, *fit("--columns", "a"))
    assert status == 0
    assert "warning: 2 columns are called 'a'; the second is 'a.1' here" in err
    assert "columns are called" not in run_on("a,a.1,y\n1,5,2\n2,3,4\n3,9,6\n", *fit("--columns", "a"))[2]


def test_rows_that_a_fit_leaves_out_are_missed_aloud(run_on):
    status, _, err = run_on("a,y\n,7\n" + ROWS, *fit("--missing", "drop"))
    assert status == 0
    assert "warning: 1 of 5 rows have missing values and are left out" in err


def test_one_column_of_truth_values_has_no_units(run_on):
    assert run_on("on,y\nTrue,5\nFalse,3\nTrue,5\nFalse,3\n", *fit())[0] == 0
    assert run_on("on\nTrue\nFalse\n", "predict", "m.json", "data.csv")[0] == 0
