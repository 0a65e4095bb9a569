"""Tables of benchmark results in Markdown, which also reads well in a terminal."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from nesymres_sk.benchmarks.results import Row

SUMMARY_HEADER = (
    "estimator",
    "limit",
    "solved",
    "recovered",
    "A1 inside",
    "A1 outside",
    "R² > 0.99",
    "R² > 0.999",
    "nodes (median)",
    "seconds (mean)",
    "processor seconds",
)
DETAIL_HEADER = ("estimator", "problem", "limit", "solved", "A1 in", "A1 out", "R²", "nodes", "seconds", "equation")


def grouped(rows: Iterable[Row]) -> dict[tuple[str, float, int], list[Row]]:
    """Rows that belong in one table: by suite, noise and points."""
    groups: dict[tuple[str, float, int], list[Row]] = {}
    for row in rows:
        groups.setdefault((row.case.suite, row.case.noise, row.case.points), []).append(row)
    return groups


def tables(rows: Iterable[Row]) -> str:
    """All rows as one table for each suite, noise and number of points, under headings."""
    parts = []
    for (suite, noise, points), group in grouped(rows).items():
        n_problems = len({row.case.problem for row in group})
        parts.append(f"### {suite}: {n_problems} problems, {points} points, noise {noise:g}\n\n{summary(group)}")
    return "\n\n".join(parts)


def summary(rows: Sequence[Row]) -> str:
    """Table with one line per estimator and time limit; ``recovered`` is shown where there is noise."""
    lines = []
    for estimator in dict.fromkeys(row.case.estimator for row in rows):
        for limit in sorted({row.case.time for row in rows if row.case.estimator == estimator}):
            own = [row for row in rows if (row.case.estimator, row.case.time) == (estimator, limit)]
            scores = [row.score for row in own if row.score is not None]
            n = len(own)
            lines.append(
                (
                    estimator,
                    f"{limit:g} s",
                    f"{sum(s.solved for s in scores)} of {n}",
                    f"{sum(s.recovered for s in scores)} of {n}",
                    f"{sum(s.a1_inside for s in scores) / n:.0%}",
                    f"{sum(s.a1_outside for s in scores) / n:.0%}",
                    f"{sum(s.r2 > 0.99 for s in scores) / n:.0%}",
                    f"{sum(s.r2 > 0.999 for s in scores) / n:.0%}",
                    f"{statistics.median(s.complexity for s in scores):g}" if scores else "–",
                    f"{statistics.fmean(row.seconds for row in own):.2f}",
                    f"{sum(row.processor_seconds for row in own):.1f}",
                )
            )
    if all(row.case.noise == 0.0 for row in rows):
        hidden = SUMMARY_HEADER.index("recovered")
        cut = [line[:hidden] + line[hidden + 1 :] for line in (SUMMARY_HEADER, *lines)]
        return table(cut[0], cut[1:])
    return table(SUMMARY_HEADER, lines)


def details(rows: Iterable[Row], equation_width: int = 100) -> str:
    """Table with one line per fit."""
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
        place = (row.case.estimator, row.case.problem, f"{row.case.time:g} s")
        lines.append((*place, *measured, f"{row.seconds:.2f}", equation))
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
