"""Tables of benchmark results, as text, Markdown and JSON."""

from __future__ import annotations

import json
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict

from nesymres_sk.benchmarks.runner import Row

SUMMARY_HEADER = (
    "estimator",
    "solved",
    "A1 inside",
    "A1 outside",
    "R² > 0.99",
    "nodes (median)",
    "seconds (median)",
    "seconds (mean)",
)
DETAIL_HEADER = ("estimator", "problem", "solved", "A1 in", "A1 out", "R²", "nodes", "seconds", "equation")


def summary(rows: Sequence[Row]) -> str:
    """Table with one line per estimator, in Markdown, which also reads well in a terminal."""
    lines = []
    for estimator in dict.fromkeys(row.estimator for row in rows):
        own = [row for row in rows if row.estimator == estimator]
        scores = [row.score for row in own if row.score is not None]
        n = len(own)
        lines.append(
            (
                estimator,
                f"{sum(s.solved for s in scores)} of {n}",
                f"{sum(s.a1_inside for s in scores) / n:.0%}",
                f"{sum(s.a1_outside for s in scores) / n:.0%}",
                f"{sum(s.r2 > 0.99 for s in scores) / n:.0%}",
                f"{statistics.median(s.complexity for s in scores):g}" if scores else "–",
                f"{statistics.median(row.seconds for row in own):.2f}",
                f"{statistics.fmean(row.seconds for row in own):.2f}",
            )
        )
    return table(SUMMARY_HEADER, lines)


def details(rows: Iterable[Row], equation_width: int = 100) -> str:
    """Table with one line per estimator and problem."""
    lines = []
    for row in rows:
        equation = row.equation if len(row.equation) <= equation_width else row.equation[: equation_width - 1] + "…"
        equation = equation.replace("|", "\\|").replace("\n", " ")
        s = row.score
        if s is None:
            measured = ["failed", "–", "–", "–", "–"]
        else:
            marks = ("yes" if hit else "no" for hit in (s.solved, s.a1_inside, s.a1_outside))
            measured = [*marks, f"{s.r2:.4f}", str(s.complexity)]
        lines.append((row.estimator, row.problem, *measured, f"{row.seconds:.2f}", equation))
    return table(DETAIL_HEADER, lines)


def table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Markdown table with aligned columns.

    >>> print(table(("name", "value"), [("a", "1"), ("long name", "22")]))
    | name      | value |
    | --------- | ----- |
    | a         | 1     |
    | long name | 22    |
    """
    widths = [max(len(cell) for cell in column) for column in zip(header, *lines, strict=True)]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |"
        for line in (header, ["-" * width for width in widths], *lines)
    )


def to_json(suites: Mapping[str, Sequence[Row]], arguments: dict[str, object]) -> str:
    """All rows with the arguments that made them."""
    results = {suite: [asdict(row) for row in rows] for suite, rows in suites.items()}
    return json.dumps({"arguments": arguments, "results": results}, indent=1, ensure_ascii=False, allow_nan=True)
