"""The report as pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nesymres_sk.drawing import BLUE, GREY, ORANGE, finish, picture
from nesymres_sk.prior.sample import (
    ANY_SHAPE,
    LEAK_OPERATORS,
    Sample,
    column_magnitudes,
    lengths,
    operator_survival,
    operators_given_shape,
    told_scales,
)
from nesymres_sk.prior.skeletons import SkeletonSampler
from nesymres_sk.prior.values import KEPT


def save_plots(sample: Sample, directory: Path) -> list[Path]:
    """Draw the report as PNG files named after what they show, each below 60 kB; the directory is made if needed.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    pictures: dict[str, tuple[Callable[[Any, Sample], None], tuple[float, float]]] = {
        "lengths": (_lengths, (6.5, 2.6)),
        "operators": (_operators, (6.5, 4.2)),
        "counts": (_counts, (6.5, 2.4)),
        "magnitudes": (_magnitudes, (6.5, 2.6)),
        "duplicates": (_duplicates, (6.5, 2.8)),
        "leaks": (_leaks, (6.5, 3.2)),
    }
    paths = []
    for name, (draw, size) in pictures.items():
        paths.append(directory / f"prior-{name}.png")
        with picture(paths[-1], size) as figure:
            draw(figure, sample)
    return paths


def _lengths(figure: Any, sample: Sample) -> None:
    axes = figure.subplots()
    edges = np.arange(0.5, sample.config.max_length + 1.5)
    for values, colour, name in zip(lengths(sample.cards), (BLUE, ORANGE), ("natural", "closed"), strict=True):
        label = f"{name}, {values.mean():.1f} on average"
        axes.stairs(np.histogram(values, edges)[0] / len(values), edges, color=colour, lw=1.5, label=label)
    axes.set(title="Length of the label", xlabel="tokens", ylabel="share of problems", xlim=(0.5, edges[-1]))
    axes.legend()
    finish(axes, "y")


def _operators(figure: Any, sample: Sample) -> None:
    share, survival = figure.subplots(1, 2, sharey=True)
    n_tried = len(sample.record)
    n_kept = sum(outcome == KEPT for _, outcome in sample.record)
    counts = {name: pair for name, pair in operator_survival(sample.record).items() if pair[0]}
    names = sorted(counts, key=lambda name: counts[name][1])
    proposed = [100.0 * counts[name][0] / n_tried for name in names]
    kept = [100.0 * counts[name][1] / n_kept for name in names]
    share.hlines(names, proposed, kept, color=GREY, lw=1)
    share.plot(proposed, names, "o", ms=4, color=GREY, label="proposed")
    share.plot(kept, names, "o", ms=4, color=BLUE, label="kept")
    share.set(title="Equations with the operator", xlabel="%", xlim=(0, None))
    share.legend(loc="lower right")
    finish(share, "x")
    survival.barh(names, [100.0 * counts[name][1] / counts[name][0] for name in names], 0.6, color=BLUE)
    survival.axvline(100.0 * n_kept / n_tried, color=ORANGE, lw=1.5, label="all equations")
    survival.set(title="Attempts that become problems", xlabel="%", xlim=(0, 100))
    survival.legend(loc="lower right")
    finish(survival, "x")


def _counts(figure: Any, sample: Sample) -> None:
    cards = sample.cards
    panels = (
        ("Variables of the equation", [len(card.skeleton.variables) for card in cards]),
        ("Constants of the natural label", [len(card.skeleton.constants) for card in cards]),
        ("Constants of the closed label", [len(card.closed.constants) for card in cards]),
    )
    for axes, (title, values) in zip(figure.subplots(1, 3, sharey=True), panels, strict=True):
        counts = np.bincount(values)
        axes.bar(np.arange(len(counts)), counts / len(cards), 0.7, color=BLUE)
        axes.set_title(title, fontsize=9)
        axes.set_xlim(-0.6, 10.6)
        axes.set_xticks(range(0, 11, 2))
        finish(axes, "y")
    figure.axes[0].set_ylabel("share of problems")


def _magnitudes(figure: Any, sample: Sample) -> None:
    own, told = figure.subplots(1, 2)
    columns, targets = column_magnitudes(sample.draws)
    edges = np.linspace(-6.0, 8.0, 57)
    for values, colour, name in ((columns, GREY, "columns"), (targets, BLUE, "target")):
        share = np.histogram(values.clip(edges[0], edges[-1]), edges)[0] / len(values)
        own.stairs(share, edges, color=colour, lw=1.5, label=name)
    own.set(title="Root mean square, natural units", xlabel="decimal logarithm", ylabel="share")
    own.legend()
    scales = told_scales(sample.batch)
    edges = np.linspace(-28.0, 28.0, 57)
    share = np.histogram(scales.clip(edges[0], edges[-1]), edges)[0] / len(scales)
    told.stairs(share, edges, color=ORANGE, lw=1.5)
    told.set(title="Scales that the network is told", xlabel="decimal logarithm", yscale="log")
    own.set_xticks(range(-6, 9, 2))
    for axes in (own, told):
        finish(axes, "y")


def _duplicates(figure: Any, sample: Sample) -> None:
    rank, distinct = figure.subplots(1, 2)
    n = len(sample.cards)
    series = [
        ("random trees", GREY, SkeletonSampler(replace(sample.config, flatten=0.0), 0).sample(n)),
        ("skeletons", ORANGE, SkeletonSampler(sample.config, 0).sample(n)),
        ("problems", BLUE, [card.skeleton for card in sample.cards]),
    ]
    for name, colour, skeletons in series:
        keys = [skeleton.tokens for skeleton in skeletons]
        counts = np.sort(list(Counter(keys).values()))[::-1]
        top = counts[: max(1, len(counts) // 100)].sum() / n
        label = f"{name}: {100 * top:.0f} % on the first 1 %"
        rank.plot(np.arange(1, len(counts) + 1) / len(counts), np.cumsum(counts) / n, color=colour, lw=1.5, label=label)
        seen: set[tuple[int, ...]] = set()
        growth = [seen.add(key) or len(seen) for key in keys]  # type: ignore[func-returns-value]
        step = max(1, n // 200)
        label = f"{name}: {100 * growth[-1] / n:.0f} %"
        distinct.plot(np.arange(1, n + 1)[::step], growth[::step], color=colour, lw=1.5, label=label)
    rank.set(title="Frequent skeletons", xlabel="share of the distinct ones, by rank", xscale="log", ylim=(0, 1))
    rank.set_ylabel("share of all")
    distinct.plot((0, n), (0, n), ":", color=GREY, lw=1)
    distinct.set(title="Distinct skeletons", xlabel="drawn", ylabel="distinct", xlim=(0, n), ylim=(0, n))
    for axes in (rank, distinct):
        axes.legend(fontsize=8, loc="upper left")
        finish(axes, "both")


def _leaks(figure: Any, sample: Sample) -> None:
    axes = figure.subplots()
    with_operator, in_all = operators_given_shape(sample.draws)
    shapes = sorted(shape for shape in in_all if shape != ANY_SHAPE)
    names = [name for name in LEAK_OPERATORS if with_operator[ANY_SHAPE][name]]
    base = np.array([with_operator[ANY_SHAPE][name] / in_all[ANY_SHAPE] for name in names])
    given = np.array([[with_operator[shape][name] / in_all[shape] for name in names] for shape in shapes])
    ratio = np.log2(np.maximum(given, 1e-3) / base)
    image = axes.imshow(ratio, cmap="PuOr_r", vmin=-2.0, vmax=2.0, aspect="auto")
    rows = [*given, base]
    for i, row in enumerate(rows):
        for j, value in enumerate(row):
            strong = i < len(shapes) and abs(ratio[i, j]) > 1.4
            text = f"{100 * value:.{0 if value > 0.0995 else 1}f}"
            axes.text(j, i, text, ha="center", va="center", fontsize=8, color="white" if strong else "black")
    axes.set_ylim(len(shapes) + 0.5, -0.5)
    axes.set_xticks(range(len(names)), names)
    axes.set_yticks(range(len(rows)), [*shapes, "any"])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("P(operator | a column of this shape), %")
    bar = figure.colorbar(image, ax=axes, ticks=(-2, -1, 0, 1, 2), shrink=0.9)
    bar.ax.set_yticklabels(("1/4", "1/2", "1", "2", "4"))
    bar.set_label("ratio to P(operator)")
    bar.outline.set_visible(False)
