"""Many problems of a recipe with everything that its report says of them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.operators import OPERATORS
from nesymres_sk.model.inputs import Batch, masked_scales
from nesymres_sk.prior.deck import Card
from nesymres_sk.prior.problems import Draw, ProblemMaker
from nesymres_sk.prior.recipes import PriorConfig
from nesymres_sk.prior.supports import shape_of
from nesymres_sk.prior.values import KEPT

#: Operators whose domain, or range, a support could give away.
LEAK_OPERATORS = ("sqrt", "log", "exp", "sin", "asin", "acos", "tan", "div", "inv", "pow", "tanh", "abs")
ANY_SHAPE = "(any)"


@dataclass(frozen=True)
class Sample:
    """Problems, and the attempts that they came from.

    Attributes
    ----------
    config : PriorConfig
    draws : list of Draw
    batch : Batch
        Some further problems as the network sees them.
    record : list of (Card, int)
        Every attempt with its outcome.
    outcomes : Counter
        Attempts by outcome.
    given_up : int
        Problems whose support was drawn anew.
    """

    config: PriorConfig
    draws: list[Draw]
    batch: Batch
    record: list[tuple[Card, int]]
    outcomes: Counter[int]
    given_up: int

    @property
    def cards(self) -> list[Card]:
        """The equations of all problems."""
        return [card for draw in self.draws for card in draw.cards]


def draw_sample(config: PriorConfig, n: int, seed: int) -> Sample:
    """About ``n`` problems of a recipe."""
    maker = ProblemMaker(config, np.random.default_rng(seed))
    batch = maker.batch(min(2048, n))
    maker.outcomes.clear()
    maker.record = []
    draws: list[Draw] = []
    while sum(len(draw.cards) for draw in draws) < n:
        draws.append(maker.draw(min(1024, n)))
    return Sample(config, draws, batch, maker.record, maker.outcomes, maker.given_up)


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


def operators_given_shape(draws: list[Draw]) -> tuple[dict[str, Counter[str]], Counter[str]]:
    """For every shape of a column: problems with such a column by operator, and in all."""
    with_operator: dict[str, Counter[str]] = {}
    in_all: Counter[str] = Counter()
    for draw in draws:
        for b, card in enumerate(draw.cards):
            rows = int(draw.n_points[b])
            shapes = {shape_of(draw.values[b, :rows, j]) for j in range(int(draw.n_columns[b]))} | {ANY_SHAPE}
            names = {v.TOKENS[token] for token in card.skeleton.tokens if token >= v.FIRST_OPERATOR}
            for shape in shapes:
                in_all[shape] += 1
                with_operator.setdefault(shape, Counter()).update(names)
    return with_operator, in_all


def lengths(cards: list[Card]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Tokens of the natural and of the closed label."""
    natural = np.array([len(card.skeleton.tokens) for card in cards])
    closed = np.array([len(card.closed.tokens) for card in cards])
    return natural, closed


def column_magnitudes(draws: list[Draw]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Decimal logarithms of the root mean squares of all columns that exist, and of all targets."""
    columns, targets = [], []
    for draw in draws:
        scales = np.log10(masked_scales(draw.values, draw.n_points))
        there = np.arange(scales.shape[1] - 1) < draw.n_columns[:, None]
        columns.append(scales[:, :-1][there])
        targets.append(scales[:, -1])
    return np.concatenate(columns), np.concatenate(targets)


def told_scales(batch: Batch) -> NDArray[np.float64]:
    """Decimal logarithms of the scales that the network is told, of columns and targets."""
    return np.asarray(batch.log_scales[batch.present] / np.log(10.0), dtype=np.float64)
