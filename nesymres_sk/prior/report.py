"""What the prior really produces, as tables: throughput, survival of operators, leaks of the support, duplicates."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.prior.deck import Card
from nesymres_sk.prior.problems import Draw
from nesymres_sk.prior.recipes import PriorConfig
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
from nesymres_sk.prior.throughput import stage_rates, stream_rate
from nesymres_sk.prior.values import KEPT, OUTCOMES


def tables(sample: Sample) -> str:
    """Tables about the problems of a sample, as plain text."""
    cards = sample.cards
    parts = [
        f"recipe {sample.config.name}: {len(cards)} problems, {len(sample.record)} attempts, "
        f"{sample.given_up} supports given up",
        _outcomes(sample.outcomes),
        _survival(sample.record),
        _leak(sample.draws),
        _sizes(cards),
        _magnitudes(sample),
        _duplicates(cards),
        _examples(cards),
    ]
    return "\n\n".join(parts)


def throughput(config: PriorConfig, seed: int, n_workers: int = 0, seconds: float = 3.0) -> str:
    """Timings: every stage on one core, and a stream of ``n_workers`` processes unless that is 0."""
    rows = [(name, f"{rate:,.0f}") for name, rate in stage_rates(config, seed, seconds)]
    text = table("throughput of one core, per second of processor time", ("stage", "rate"), rows)
    if n_workers == 0:
        return text
    rate = stream_rate(config, seed, n_workers, 3.0 * seconds)
    rows = [
        ("problems", f"{rate.problems:,.0f}"),
        ("problems for each worker", f"{rate.problems / n_workers:,.0f}"),
        ("megabytes", f"{rate.bytes / 1e6:,.0f}"),
    ]
    if rate.problems_per_processor is not None:
        rows.append(("problems per second of the workers' processor time", f"{rate.problems_per_processor:,.0f}"))
    return f"{text}\n\n" + table(f"a stream with {n_workers} workers, per second", ("what", "rate"), rows)


def table(title: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Plain text table; the first column is left-aligned, the others right-aligned."""
    text = [[f"{cell:.3f}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(len(line[i]) for line in [list(header), *text]) for i in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        ).rstrip()

    return "\n".join([title, line(list(header)), *(line(row) for row in text)])


def _outcomes(outcomes: Counter[int]) -> str:
    total = sum(count for outcome, count in outcomes.items() if outcome)
    rows = [(OUTCOMES[i], outcomes[i] / total) for i in range(1, len(OUTCOMES))]
    return table("what becomes of an attempt", ("outcome", "share"), rows)


def _survival(record: list[tuple[Card, int]]) -> str:
    n_tried = len(record)
    n_kept = sum(outcome == KEPT for _, outcome in record)
    rows = [
        (name, tried / n_tried, kept / n_kept, kept / tried if tried else 0.0)
        for name, (tried, kept) in operator_survival(record).items()
    ]
    rows.append(("all", 1.0, 1.0, n_kept / n_tried))
    return table("operators: share of equations with it", ("operator", "proposed", "kept", "survival"), rows)


def _leak(draws: list[Draw]) -> str:
    with_operator, in_all = operators_given_shape(draws)
    shapes = [ANY_SHAPE, *sorted(shape for shape in in_all if shape != ANY_SHAPE)]
    rows = [
        (shape, in_all[shape], *(with_operator[shape][name] / in_all[shape] for name in LEAK_OPERATORS))
        for shape in shapes
    ]
    return table(
        "P(operator | a column has this shape) against P(operator) in the first row",
        ("shape of x", "problems", *LEAK_OPERATORS),
        rows,
    )


def _sizes(cards: list[Card]) -> str:
    natural, closed = lengths(cards)
    variables = np.array([len(card.skeleton.variables) for card in cards])
    constants = np.array([len(card.skeleton.constants) for card in cards])
    edges = [1, 4, 7, 10, 13, 16, 20, 25, 30, 41]
    rows = [
        (f"{low} to {high - 1}", _share(natural, low, high), _share(closed, low, high)) for low, high in pairwise(edges)
    ]
    by_length = table("tokens of the label", ("tokens", "natural", "closed"), rows)
    counts = table(
        "variables and constants of the equation",
        ("number", "variables", "constants"),
        [(i, _share(variables, i, i + 1), _share(constants, i, i + 1)) for i in range(11)],
    )
    return f"{by_length}\nmean        {natural.mean():.2f}    {closed.mean():.2f}\n\n{counts}"


def _share(values: np.ndarray, low: int, high: int) -> float:
    return float(np.mean((values >= low) & (values < high)))


def _magnitudes(sample: Sample) -> str:
    columns, targets = column_magnitudes(sample.draws)
    rows = [
        (name, *np.quantile(values, (0.01, 0.25, 0.5, 0.75, 0.99)).tolist())
        for name, values in (("columns", columns), ("target", targets), ("told scales", told_scales(sample.batch)))
    ]
    return table("decimal logarithm of root mean squares", ("quantile", "1 %", "25 %", "50 %", "75 %", "99 %"), rows)


def _duplicates(cards: list[Card]) -> str:
    counts = Counter(card.skeleton.tokens for card in cards)
    top = counts.most_common(12)
    rows = [(" ".join(v.TOKENS[token] for token in tokens), count / len(cards)) for tokens, count in top]
    rows.append((f"distinct skeletons: {len(counts)} of {len(cards)}", len(counts) / len(cards)))
    return table("most frequent skeletons", ("skeleton", "share"), rows)


def _examples(cards: list[Card]) -> str:
    lines = [" ".join(card.skeleton.names()) for card in cards[:: max(1, len(cards) // 20)][:20]]
    return "\n".join(["examples", *lines])
