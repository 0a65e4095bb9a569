"""Problems that a tiny network learns in seconds: which of three columns, or which product of two, is the target."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.model.inputs import Batch
from nesymres_sk.training.recipe import Recipe

LABELS = [(v.variable(i),) for i in range(3)] + [
    (v.operator_token("mul"), v.variable(i), v.variable(j)) for i, j in itertools.combinations(range(3), 2)
]

RECIPE = Recipe(
    name="toy",
    model={"preset": "tiny", "width": 32},
    prior="base",
    batch_size=32,
    muon_rate=1e-2,
    adam_rate=1e-2,
    warmup_steps=10,
    ema_decay=0.95,
)


def batch(size: int, seed: int) -> Batch:
    rng = np.random.default_rng(seed)
    kinds = rng.integers(len(LABELS), size=size)
    points = np.zeros((size, 16, 11), np.float32)
    points[..., :3] = rng.normal(size=(size, 16, 3))
    tokens = np.zeros((size, 42), np.int16)
    for row, kind in enumerate(kinds):
        label = LABELS[kind]
        points[row, :, 10] = np.prod(
            [points[row, :, token - v.FIRST_VARIABLE] for token in label[-2:] if token < v.FIRST_INTEGER], axis=0
        )
        tokens[row, : len(label) + 2] = (v.START, *label, v.END)
    present = np.zeros((size, 11), bool)
    present[:, [0, 1, 2, 10]] = True
    return Batch(points, np.full(size, 16, np.int32), present, np.zeros((size, 11), np.float32), tokens)


def batches(size: int, seed: int) -> Iterator[Batch]:
    for step in itertools.count():
        yield batch(size, seed * 1_000_000 + step)
