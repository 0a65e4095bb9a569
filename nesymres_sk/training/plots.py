"""Held-out loss and recovery against problems seen, from the logs of runs.

``python -m nesymres_sk.training.plots runs/small/log.jsonl --out scaling.png``

Needs the extra ``plot``. Prints the power laws that are drawn, and what they predict.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from nesymres_sk.drawing import BLUE, GREEN, GREY, ORANGE, finish, load_matplotlib, picture

#: Evaluations before this share of the last one are left out of the fit: the first steps follow no power law.
_FIRST = 0.08
_COLOURS = (BLUE, ORANGE, GREEN, GREY)


class Point(NamedTuple):
    """One evaluation; ``plateau`` says that the learning rate was not decaying."""

    problems: float
    loss: float
    recovery: float
    plateau: bool


class PowerLaw(NamedTuple):
    """``factor * problems ** exponent``."""

    factor: float
    exponent: float

    def at(self, problems: float) -> float:
        """Its value."""
        return float(self.factor * problems**self.exponent)


def read_curves(logs: Iterable[Path]) -> dict[str, list[Point]]:
    """Evaluations of each recipe in order of the problems seen; lines that several logs share count once.

    Raises
    ------
    ValueError
        If a log has no evaluation.
    """
    curves: dict[str, dict[float, Point]] = {}
    for log in logs:
        recipe, factor = log.parent.name, 1.0
        n_before = sum(map(len, curves.values()))
        seen = 0
        for line in log.read_text(encoding="utf-8").splitlines():
            record: dict[str, Any] = json.loads(line)
            if record["kind"] == "start":
                recipe = record["recipe"]
            elif record["kind"] == "train":
                factor = record["lr_factor"]
            elif record["kind"] == "evaluation":
                seen += 1
                point = Point(record["problems"], record["loss"], record["recovery"], factor == 1.0)
                curves.setdefault(recipe, {})[point.problems] = point
        if seen == 0 and n_before == sum(map(len, curves.values())):
            raise ValueError(f"{log} has no evaluation")
    return {name: [points[key] for key in sorted(points)] for name, points in curves.items()}


def fit_power_law(problems: Sequence[float], values: Sequence[float]) -> PowerLaw:
    """Least squares in logarithms, over at least two positive values."""
    slope, intercept = np.polyfit(np.log(problems), np.log(values), 1)
    return PowerLaw(float(np.exp(intercept)), float(slope))


def fitted(points: Sequence[Point], attribute: str) -> PowerLaw | None:
    """Power law of the plateau, where the learning rate hides nothing; None with fewer than three evaluations on it."""
    last = max(point.problems for point in points)
    used = [point for point in points if point.plateau and point.problems > _FIRST * last and getattr(point, attribute)]
    if len(used) < 3:
        return None
    return fit_power_law([point.problems for point in used], [getattr(point, attribute) for point in used])


def draw(curves: dict[str, list[Point]], out: Path) -> None:
    """Write the plot as PNG: plateau filled, decay of the learning rate hollow, power laws dashed to twice the data."""
    with picture(out, (6.5, 2.8)) as figure:
        _draw(figure, curves)


def _draw(figure: Any, curves: dict[str, list[Point]]) -> None:
    ticker = load_matplotlib().ticker
    panels = figure.subplots(1, 2)
    titles = {"loss": "Held-out cross-entropy, nats a token", "recovery": "Recovery by greedy decoding"}
    for axes, (attribute, title) in zip(panels, titles.items(), strict=True):
        for (name, points), colour in zip(curves.items(), _COLOURS, strict=False):
            for plateau in (True, False):
                some = [point for point in points if point.plateau == plateau]
                axes.plot(
                    [point.problems for point in some],
                    [getattr(point, attribute) for point in some],
                    "o",
                    ms=3.5,
                    color=colour,
                    mfc=colour if plateau else "none",
                    label=name if plateau else f"{name}, rate decaying",
                )
            law = fitted(points, attribute)
            if law is not None:
                last = max(point.problems for point in points)
                x = np.geomspace(_FIRST * last, 2.0 * last)
                axes.plot(x, [law.at(n) for n in x], "--", lw=1.0, color=colour, label=f"$N^{{{law.exponent:.3f}}}$")
        axes.set(xscale="log", yscale="log", title=title, xlabel="problems seen")
        low, high = axes.get_ylim()
        if high < 3.0 * low:  # less than a decade has too few powers of ten for its ticks
            axes.yaxis.set_major_locator(ticker.MaxNLocator(6))
            axes.yaxis.set_minor_locator(ticker.NullLocator())
        for formatter in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
            formatter(ticker.FormatStrFormatter("%.3g"))
        axes.tick_params(axis="y", which="both", labelsize=7)
        axes.legend(fontsize=7)
        finish(axes)


def summary(curves: dict[str, list[Point]]) -> str:
    """The fitted laws, and their predictions for two and ten times the problems."""
    lines = []
    for name, points in curves.items():
        last = points[-1]
        lines.append(f"{name}: loss {last.loss:.4f}, recovery {last.recovery:.4f} after {last.problems:,.0f} problems")
        for attribute in ("loss", "recovery"):
            law = fitted(points, attribute)
            if law is not None:
                ahead = ", ".join(f"{law.at(times * last.problems):.4f} at {times}x" for times in (1, 2, 10))
                lines.append(f"  {attribute} = {law.factor:.4g} * N^{law.exponent:.4f}: {ahead}")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Draw and print."""
    parser = argparse.ArgumentParser(prog="python -m nesymres_sk.training.plots", description=__doc__)
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG", help="log.jsonl of a run")
    parser.add_argument("--out", type=Path, required=True, help="PNG file")
    options = parser.parse_args(arguments)
    try:
        curves = read_curves(options.logs)
        draw(curves, options.out)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    print(summary(curves))


if __name__ == "__main__":
    main()
