from __future__ import annotations

from dataclasses import replace

import pytest

from nesymres_sk.benchmarks.curves import main, save_curves, shares
from nesymres_sk.benchmarks.metrics import Score
from nesymres_sk.benchmarks.results import Case, Results, Row

GOOD, FAIR = Score(True, True, True, True, 1.0, 5), Score(False, False, True, False, 0.995, 9)


def rows() -> list[Row]:
    return [
        Row(Case(suite, name, estimator, limit, noise, points, 0), score, limit, limit, "x1")
        for suite, points in [("nguyen", 128), ("nguyen", 20), ("strogatz", 300)]
        for noise in (0.0, 0.01)
        for estimator in ("ours", "operon")
        for name, limit, score in [("A", 10.0, GOOD), ("B", 1.0, FAIR), ("A", 1.0, GOOD), ("B", 10.0, None)]
    ]


def test_shares_of_the_problems_by_time():
    some = [row for row in rows() if row.case.suite == "strogatz" and row.case.noise == 0.0]
    assert shares(some, lambda s: s.solved) == {"ours": [(1.0, 0.5), (10.0, 0.5)], "operon": [(1.0, 0.5), (10.0, 0.5)]}
    assert shares(some, lambda s: s.r2 > 0.99)["ours"] == [(1.0, 1.0), (10.0, 0.5)]


def test_one_picture_for_each_suite_and_the_tables(tmp_path, capsys):
    pytest.importorskip("matplotlib")
    parts = [Results(tmp_path / "one.json"), Results(tmp_path / "two.json")]
    for index, row in enumerate(rows()):
        parts[index % 2].add(row)
    parts[0].add(replace(rows()[1], seconds=9.9))  # in both files
    for part in parts:
        part.write()
    out = tmp_path / "images"
    assert main([str(tmp_path / "one.json"), str(tmp_path / "two.json"), "--out", str(out)]) == 0
    names = ["benchmark-nguyen-20-points.png", "benchmark-nguyen.png", "benchmark-strogatz.png"]
    assert sorted(path.name for path in out.iterdir()) == names
    assert all(5_000 < path.stat().st_size < 60_000 for path in out.iterdir())
    printed = capsys.readouterr().out
    assert printed.count("###") == 6
    assert "### strogatz: 2 problems, 300 points, noise 0.01" in printed
    assert "1 of 2" in printed and "1 of 3" not in printed


@pytest.mark.parametrize("estimator", ["random", "backbone", "network+equate"])
def test_every_estimator_has_a_curve(estimator, tmp_path):
    pytest.importorskip("matplotlib")
    some = [replace(row, case=replace(row.case, estimator=estimator)) for row in rows()[:4]]
    (path,) = save_curves(some, tmp_path)
    assert path.stat().st_size > 5_000


def test_files_without_results_are_refused(tmp_path, capsys):
    (tmp_path / "other.json").write_text("{}", encoding="utf-8")
    with pytest.raises(SystemExit):
        main([str(tmp_path / "other.json"), "--out", str(tmp_path)])
    assert "other.json has no benchmark results" in capsys.readouterr().err
