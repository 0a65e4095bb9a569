from __future__ import annotations

import json
from dataclasses import replace

import pytest

from nesymres_sk.benchmarks import results as module
from nesymres_sk.benchmarks.metrics import Score
from nesymres_sk.benchmarks.results import Case, Results, Row, read_rows

CASE = Case("nguyen", "Nguyen-1", "ours", 10.0, 0.0, 128, 0)
ROWS = [
    Row(CASE, Score(True, True, True, True, 1.0, 7), 0.5, 0.4, "x1", 120),
    Row(replace(CASE, problem="Nguyen-2"), Score(False, False, False, False, float("-inf"), 30), 10.0, 9.9, "|x1|"),
    Row(replace(CASE, estimator="operon"), None, 10.1, 10.0, "ValueError: “no”"),
]


def test_file_gives_back_every_row_and_new_rows_join_those_it_has(tmp_path):
    file = tmp_path / "rows.json"
    first = Results(file)
    for row in ROWS[:2]:
        first.add(row)
    first.write()
    second = Results(file)
    assert list(second) == ROWS[:2]
    second.add(ROWS[2])
    better = replace(ROWS[0], seconds=0.1)
    second.add(better)
    second.write()
    assert read_rows(file) == [better, *ROWS[1:]]
    assert second.get(CASE) == better
    assert second.get(replace(CASE, noise=0.1)) is None
    assert [path.name for path in tmp_path.iterdir()] == ["rows.json"]


def test_rows_are_written_while_a_run_goes_on_and_a_failed_write_leaves_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_SECONDS_BETWEEN_WRITES", 0.0)
    file = tmp_path / "rows.json"
    kept = Results(file)
    kept.add(ROWS[0])
    assert read_rows(file) == ROWS[:1]

    def fail(source, target):
        raise OSError("disk full")

    monkeypatch.setattr(module.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        kept.add(ROWS[1])
    assert read_rows(file) == ROWS[:1]


def test_without_a_file_nothing_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    kept = Results()
    kept.add(ROWS[0])
    kept.write()
    assert list(kept) == ROWS[:1]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("text", ["", "[]", '{"results": {}}', '{"rows": [{"case": {}}]}', '{"rows": [1]}'])
def test_other_files_are_refused(text: str, tmp_path):
    file = tmp_path / "other.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"other\.json has no benchmark results"):
        Results(file)


def test_fits_that_end_by_themselves_are_told_from_those_that_the_limit_ends():
    assert ROWS[0].ended_early
    assert not ROWS[1].ended_early
    assert not replace(ROWS[2], seconds=0.1).ended_early  # a failure says nothing about longer limits


def test_file_is_json_with_one_row_a_line(tmp_path):
    file = tmp_path / "rows.json"
    kept = Results(file)
    for row in ROWS:
        kept.add(row)
    kept.write()
    text = file.read_text(encoding="utf-8")
    assert len(text.splitlines()) == 2 + len(ROWS)
    assert json.loads(text)["rows"][0]["score"]["solved"] is True
