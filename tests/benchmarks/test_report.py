from __future__ import annotations

from dataclasses import replace

from nesymres_sk.benchmarks.metrics import Score
from nesymres_sk.benchmarks.report import details, summary, tables
from nesymres_sk.benchmarks.results import Case, Row

CASE = Case("nguyen", "A", "ours", 10.0, 0.0, 128, 0)
PEER = replace(CASE, estimator="peer")
ROWS = [
    Row(CASE, Score(True, True, True, True, 1.0, 5), 1.0, 0.5, "x1 * x2"),
    Row(replace(CASE, problem="B"), Score(False, True, True, False, 0.995, 9), 3.0, 2.5, "x1 + 0.1 * x2"),
    Row(PEER, None, 2.0, 2.0, "ValueError: no"),
    Row(
        replace(PEER, problem="B"), Score(False, False, False, False, float("-inf"), 7), 4.0, 4.0, "|x1|" + "+ x1" * 50
    ),
]


def cells(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in text.splitlines()]


def test_summary_has_a_line_per_estimator_and_counts_failures_as_unsolved():
    header, _, ours, peer = cells(summary(ROWS))
    assert "recovered" not in header
    assert ours == ["ours", "10 s", "1 of 2", "100%", "50%", "100%", "50%", "7", "2.00", "3.0"]
    assert peer == ["peer", "10 s", "0 of 2", "0%", "0%", "0%", "0%", "7", "3.00", "6.0"]


def test_summary_has_a_line_per_time_limit_in_order():
    longer = replace(ROWS[1], case=replace(ROWS[1].case, time=100.0), score=ROWS[0].score)
    shorter = replace(ROWS[0], case=replace(CASE, time=0.5))
    lines = cells(summary([longer, *ROWS[:2], shorter]))[2:]
    assert [line[:3] for line in lines] == [
        ["ours", "0.5 s", "1 of 1"],
        ["ours", "10 s", "1 of 2"],
        ["ours", "100 s", "1 of 1"],
    ]


def test_recovered_structures_are_shown_where_there_is_noise():
    noisy = [replace(row, case=replace(row.case, noise=0.01)) for row in ROWS]
    header, _, ours, peer = cells(summary(noisy))
    assert header[2:4] == ["solved", "recovered"]
    assert ours[2:4] == ["1 of 2", "2 of 2"]
    assert peer[2:4] == ["0 of 2", "0 of 2"]
    both = tables([*ROWS, *noisy])
    assert "### nguyen: 2 problems, 128 points, noise 0\n" in both
    assert "### nguyen: 2 problems, 128 points, noise 0.01\n" in both


def test_summary_of_failures_only():
    assert cells(summary(ROWS[2:3]))[2][7] == "–"


def test_details_have_a_line_per_fit_and_stay_in_their_cells():
    lines = details(ROWS, equation_width=20).splitlines()
    assert len(lines) == 2 + len(ROWS)
    assert len({len(line) for line in lines}) == 1
    assert "ValueError: no" in lines[4]
    assert r"\|x1\|" in lines[5]
    assert "…" in lines[5]
