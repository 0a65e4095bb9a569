"""What the prior really produces: throughput, survival of operators, leaks of the support, lengths, duplicates."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.operators import OPERATORS
from nesymres_sk.prior.problems import Card, Draw, ProblemMaker
from nesymres_sk.prior.recipes import PriorConfig
from nesymres_sk.prior.skeletons import SkeletonSampler
from nesymres_sk.prior.supports import shape_of
from nesymres_sk.prior.values import KEPT, OUTCOMES

_LEAK_OPERATORS = ("sqrt", "log", "exp", "sin", "asin", "acos", "tan", "div", "inv", "pow", "tanh", "abs")


def report(config: PriorConfig, n: int = 5000, seed: int = 0) -> str:
    """Tables about ``n`` problems of a recipe.

    Parameters
    ----------
    config : PriorConfig
        The recipe.
    n : int
        Problems to draw.
    seed : int
        Seed of everything but the timings.

    Returns
    -------
    str
        Plain text.
    """
    maker = ProblemMaker(config, np.random.default_rng(seed))
    maker.batch(64)  # compiles the kernels and calibrates
    maker.outcomes.clear()
    maker.record = []
    draws: list[Draw] = []
    while sum(len(draw.cards) for draw in draws) < n:
        draws.append(maker.draw(min(1024, n)))
    record = maker.record
    cards = [card for draw in draws for card in draw.cards]
    parts = [
        f"recipe {config.name}: {len(cards)} problems, {len(record)} attempts, {maker.given_up} supports given up",
        _throughput(config, seed),
        _outcomes(maker.outcomes),
        _survival(record),
        _leak(draws),
        _sizes(cards),
        _duplicates(cards),
        _examples(cards),
    ]
    return "\n\n".join(parts)


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


def _throughput(config: PriorConfig, seed: int) -> str:
    sampler = SkeletonSampler(config, seed)
    n = 2000
    start = time.perf_counter()
    skeletons = sampler.sample(n)
    sampled = time.perf_counter() - start
    start = time.perf_counter()
    for skeleton in skeletons:
        close(skeleton)
    closed = time.perf_counter() - start
    maker = ProblemMaker(config, np.random.default_rng(seed))
    maker.batch(1024)
    start, n_problems = time.perf_counter(), 0
    while time.perf_counter() - start < 3.0:
        maker.batch(1024)
        n_problems += 1024
    whole = time.perf_counter() - start
    rows = [
        ("distinctness-weighted canonical skeletons", f"{n / sampled:,.0f}"),
        ("closures", f"{n / closed:,.0f}"),
        ("problems, ready batches of 1024", f"{n_problems / whole:,.0f}"),
    ]
    return table("throughput of one core, per second", ("stage", "rate"), rows)


def _outcomes(outcomes: Counter[int]) -> str:
    total = sum(count for outcome, count in outcomes.items() if outcome)
    rows = [(OUTCOMES[i], outcomes[i] / total) for i in range(1, len(OUTCOMES))]
    return table("what becomes of an attempt", ("outcome", "share"), rows)


def operator_survival(record: list[tuple[Card, int]]) -> dict[str, tuple[int, int]]:
    """Attempts and kept problems of the equations that contain each operator."""
    tried: Counter[int] = Counter()
    kept: Counter[int] = Counter()
    for card, outcome in record:
        present = {token for token in card.skeleton.tokens if token >= v.FIRST_OPERATOR}
        tried.update(present)
        if outcome == KEPT:
            kept.update(present)
    return {row.name: (tried[v.operator_token(row.name)], kept[v.operator_token(row.name)]) for row in OPERATORS}


def _survival(record: list[tuple[Card, int]]) -> str:
    n_tried = len(record)
    n_kept = sum(outcome == KEPT for _, outcome in record)
    rows = [
        (name, tried / n_tried, kept / n_kept, kept / tried if tried else 0.0)
        for name, (tried, kept) in operator_survival(record).items()
    ]
    rows.append(("all", 1.0, 1.0, n_kept / n_tried))
    return table("operators: share of equations with it", ("operator", "proposed", "kept", "survival"), rows)


def operators_given_shape(draws: list[Draw]) -> tuple[dict[str, Counter[str]], Counter[str]]:
    """For every shape of a column: problems with such a column by operator, and in all."""
    with_operator: dict[str, Counter[str]] = {}
    in_all: Counter[str] = Counter()
    for draw in draws:
        for b, card in enumerate(draw.cards):
            rows = int(draw.n_points[b])
            shapes = {shape_of(draw.values[b, :rows, j]) for j in range(int(draw.n_columns[b]))} | {"(any)"}
            names = {v.TOKENS[token] for token in card.skeleton.tokens if token >= v.FIRST_OPERATOR}
            for shape in shapes:
                in_all[shape] += 1
                with_operator.setdefault(shape, Counter()).update(names)
    return with_operator, in_all


def _leak(draws: list[Draw]) -> str:
    with_operator, in_all = operators_given_shape(draws)
    shapes = ["(any)", *sorted(shape for shape in in_all if shape != "(any)")]
    rows = [
        (shape, in_all[shape], *(with_operator[shape][name] / in_all[shape] for name in _LEAK_OPERATORS))
        for shape in shapes
    ]
    return table(
        "P(operator | a column has this shape) against P(operator) in the first row",
        ("shape of x", "problems", *_LEAK_OPERATORS),
        rows,
    )


def _sizes(cards: list[Card]) -> str:
    natural = np.array([len(card.skeleton.tokens) for card in cards])
    closed = np.array([len(card.closed.tokens) for card in cards])
    variables = np.array([len(card.skeleton.variables) for card in cards])
    constants = np.array([len(card.skeleton.constants) for card in cards])
    edges = [1, 4, 7, 10, 13, 16, 20, 25, 30, 41]
    rows = [
        (f"{low} to {high - 1}", _share(natural, low, high), _share(closed, low, high)) for low, high in pairwise(edges)
    ]
    lengths = table("tokens of the label", ("tokens", "natural", "closed"), rows)
    counts = table(
        "variables and constants of the equation",
        ("number", "variables", "constants"),
        [(i, _share(variables, i, i + 1), _share(constants, i, i + 1)) for i in range(11)],
    )
    return f"{lengths}\nmean        {natural.mean():.2f}    {closed.mean():.2f}\n\n{counts}"


def _share(values: np.ndarray, low: int, high: int) -> float:
    return float(np.mean((values >= low) & (values < high)))


def _duplicates(cards: list[Card]) -> str:
    counts = Counter(card.skeleton.tokens for card in cards)
    top = counts.most_common(12)
    rows = [(" ".join(v.TOKENS[token] for token in tokens), count / len(cards)) for tokens, count in top]
    rows.append((f"distinct skeletons: {len(counts)} of {len(cards)}", len(counts) / len(cards)))
    return table("most frequent skeletons", ("skeleton", "share"), rows)


def _examples(cards: list[Card]) -> str:
    lines = [" ".join(card.skeleton.names()) for card in cards[:: max(1, len(cards) // 20)][:20]]
    return "\n".join(["examples", *lines])
