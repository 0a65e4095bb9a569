"""Accuracy against seconds: ``python -m nesymres_sk.benchmarks.curves FILE.json --out docs/images``.

The files are those of ``--json``. Their tables are printed, and one picture is drawn for each suite: a line of panels
for each noise, a curve for each estimator. matplotlib comes with the extra ``plot``.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nesymres_sk.benchmarks.metrics import Score
from nesymres_sk.benchmarks.report import grouped, tables
from nesymres_sk.benchmarks.results import Row, read_rows
from nesymres_sk.drawing import BLUE, GREY, ORANGE, finish, picture

#: Of the common estimators; others take matplotlib's in turn.
_COLOURS = {
    "ours": BLUE,
    "network": "#7fb2d6",
    "default": "#1b9e77",
    "prior": ORANGE,
    "without": "#8c6d31",
    "random": "#f2c48d",
    "operon": GREY,
    "gplearn": "#b8a1c9",
}
_PANEL_WIDTH, _PANEL_HEIGHT = 2.2, 2.4


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables of result files and draw their curves."""
    parser = argparse.ArgumentParser("python -m nesymres_sk.benchmarks.curves", description=__doc__)
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="results written with --json")
    parser.add_argument("--out", type=Path, required=True, metavar="DIRECTORY", help="where the pictures go")
    args = parser.parse_args(arguments)
    try:
        rows = list({row.case: row for file in args.files for row in read_rows(file)}.values())
        print(tables(rows), end="\n\n")
        print(*save_curves(rows, args.out), sep="\n")
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    return 0


def shares(rows: Sequence[Row], criterion: Callable[[Score], bool]) -> dict[str, list[tuple[float, float]]]:
    """Share of the problems that meet a criterion, for each estimator as points ``(seconds, share)``."""
    hits: dict[str, dict[float, list[bool]]] = {}
    for row in rows:
        limits = hits.setdefault(row.case.estimator, {})
        limits.setdefault(row.case.time, []).append(row.score is not None and criterion(row.score))
    return {
        estimator: [(limit, sum(limits[limit]) / len(limits[limit])) for limit in sorted(limits)]
        for estimator, limits in hits.items()
    }


def save_curves(rows: Sequence[Row], directory: Path) -> list[Path]:
    """Draw one PNG for each suite and number of points; the directory is made if needed.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    pictures: dict[tuple[str, int], dict[float, list[Row]]] = {}
    for (suite, noise, points), group in grouped(rows).items():
        pictures.setdefault((suite, points), {})[noise] = group
    most_points = {suite: max(points for other, points in pictures if other == suite) for suite, _ in pictures}
    paths = []
    for (suite, points), by_noise in pictures.items():
        few = "" if points == most_points[suite] else f"-{points}-points"
        paths.append(directory / f"benchmark-{suite}{few}.png")
        size = (3 * _PANEL_WIDTH, len(by_noise) * _PANEL_HEIGHT + 0.4)
        with picture(paths[-1], size) as figure:
            _draw(figure, dict(sorted(by_noise.items())))
    return paths


def _draw(figure: Any, by_noise: dict[float, list[Row]]) -> None:
    panels = figure.subplots(len(by_noise), 3, sharex=True, sharey=True, squeeze=False)
    for line, (noise, rows) in zip(panels, by_noise.items(), strict=True):
        criteria: tuple[tuple[str, Callable[[Score], bool]], ...] = (
            ("solved", lambda s: s.solved) if noise == 0.0 else ("recovered", lambda s: s.recovered),
            ("R² > 0.99", lambda s: s.r2 > 0.99),
            ("R² > 0.999", lambda s: s.r2 > 0.999),
        )
        for axes, (title, criterion) in zip(line, criteria, strict=True):
            for estimator, points in shares(rows, criterion).items():
                seconds, share = zip(*points, strict=True)
                percent = [100.0 * value for value in share]
                axes.plot(seconds, percent, "o-", ms=3, lw=1.5, color=_COLOURS.get(estimator), label=estimator)
            axes.set(title=title, xscale="log", ylim=(0, 103))
            limits = sorted({row.case.time for row in rows})
            axes.set_xticks(limits, [f"{limit:g}" for limit in limits])
            axes.minorticks_off()
            finish(axes)
        line[0].set_ylabel("% of problems" if len(by_noise) == 1 else f"noise {noise:g}: % of problems")
    for axes in panels[-1]:
        axes.set_xlabel("seconds")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, fontsize=8, loc="outside lower center", ncols=len(labels))


if __name__ == "__main__":
    sys.exit(main())
