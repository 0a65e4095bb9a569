from __future__ import annotations

import json

from nesymres_sk.benchmarks.metrics import Score
from nesymres_sk.benchmarks.report import details, summary, to_json
from nesymres_sk.benchmarks.runner import Row

ROWS = [
    Row("ours", "A", Score(True, True, True, 1.0, 5), 1.0, "x1 * x2"),
    Row("ours", "B", Score(False, True, False, 0.995, 9), 3.0, "x1 + 0.1 * x2"),
    Row("peer", "A", None, 2.0, "ValueError: no"),
    Row("peer", "B", Score(False, False, False, float("-inf"), 7), 4.0, "|x1|" + "+ x1" * 50),
]


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()]


def test_summary_has_a_line_per_estimator_and_counts_failures_as_unsolved():
    _, _, ours, peer = cells(summary(ROWS))
    assert ours == ["ours", "1 of 2", "100%", "50%", "100%", "7", "2.00", "2.00"]
    assert peer == ["peer", "0 of 2", "0%", "0%", "0%", "7", "3.00", "3.00"]


def test_summary_of_failures_only():
    assert cells(summary(ROWS[2:3]))[2][5] == "–"


def test_details_have_a_line_per_fit_and_stay_in_their_cells():
    lines = details(ROWS, equation_width=20).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert len({len(line) for line in lines}) == 1
    assert "ValueError: no" in lines[4]
    assert r"\|x1\|" in lines[5]
    assert "…" in lines[5]


def test_json_holds_every_row():
    data = json.loads(to_json({"nguyen": ROWS}, {"time": 10}))
    assert data["arguments"] == {"time": 10}
    assert data["results"]["nguyen"][0]["score"]["solved"] is True
    assert data["results"]["nguyen"][2]["score"] is None
