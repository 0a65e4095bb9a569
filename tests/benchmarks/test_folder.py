"""Tables in files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from nesymres_sk.benchmarks import folder, measured
from nesymres_sk.benchmarks.__main__ import main


@pytest.fixture
def frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(40, 2)), columns=["a", "b"])
    return frame.assign(kind="x", c=2.0 * frame["a"] - frame["b"])


def test_files_are_found_in_folders_of_folders(tmp_path: Path, frame: pd.DataFrame):
    (tmp_path / "inner").mkdir()
    frame.to_csv(tmp_path / "one.csv", index=False)
    frame.to_csv(tmp_path / "inner" / "two.tsv.gz", sep="\t", index=False)
    (tmp_path / "notes.txt").write_text("no table")
    found = folder.files(tmp_path)
    assert [folder.name(path) for path in found] == ["two", "one"]
    for path in found:
        X, y = measured.load(path)
        np.testing.assert_array_equal(X, frame[["a", "b"]])
        np.testing.assert_array_equal(y, frame["c"])


def test_the_target_may_have_its_name(tmp_path: Path, frame: pd.DataFrame):
    path = tmp_path / "pmlb.tsv"
    frame.rename(columns={"a": "target"}).to_csv(path, sep="\t", index=False)
    X, y = folder.read(path)
    np.testing.assert_array_equal(y, frame["a"])
    np.testing.assert_array_equal(X, frame[["b", "c"]])


def test_rows_with_gaps_are_left_out(tmp_path: Path, frame: pd.DataFrame):
    frame.loc[3, "b"] = np.nan
    frame.to_csv(tmp_path / "gaps.csv", index=False)
    X, y = folder.read(tmp_path / "gaps.csv")
    assert len(X) == len(y) == 39


def test_what_is_no_table_is_an_error(tmp_path: Path, frame: pd.DataFrame, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit):
        main(["--suite", "tables"])
    assert "--folder" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["--suite", "tables", "--folder", str(tmp_path)])
    assert "no tables" in capsys.readouterr().err
    frame.head(3).to_csv(tmp_path / "short.csv", index=False)
    frame[["kind"]].to_csv(tmp_path / "words.csv", index=False)
    for name in ("short", "words"):
        with pytest.raises(SystemExit):
            main(["--suite", "tables", "--folder", str(tmp_path), "--problems", name])
        assert "rows of" in capsys.readouterr().err


def test_report(tmp_path: Path, frame: pd.DataFrame, capsys: pytest.CaptureFixture[str]):
    frame.to_csv(tmp_path / "line.csv", index=False)
    arguments = ["--suite", "tables", "--folder", str(tmp_path), "--estimator", "default", "--time", "1", "--verbose"]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "### tables: 1 tables" in printed
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in printed.splitlines() if row.startswith("|")]
    assert rows[-1][0] == "line"
    assert rows[-1][3] == "1.000"


def test_wide_tables(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    rng = np.random.default_rng(0)
    wide = pd.DataFrame(rng.uniform(1.0, 2.0, size=(60, 14)), columns=[f"c{i}" for i in range(14)])
    wide.assign(y=wide["c11"] * wide["c13"]).to_csv(tmp_path / "wide.csv", index=False)
    assert main(["--suite", "tables", "--folder", str(tmp_path), "--estimator", "default", "--verbose"]) == 0
    printed = capsys.readouterr().out
    assert "failed" not in printed
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in printed.splitlines() if row.startswith("|")]
    assert rows[4][:4] == ["default", "10 s", "1.000", "1.000"]
    assert rows[4][5] == "3"
