"""The problems of a validation are the same, whoever makes them."""

from dataclasses import replace

import numpy as np
import pytest

from nesymres_sk.prior import held_out
from nesymres_sk.prior.held_out import held_out_batches
from nesymres_sk.prior.problems import held_out_batch
from nesymres_sk.prior.recipes import RECIPES

CONFIG = replace(RECIPES["base"], flatten=0.0, column_weights=(1.0,))


@pytest.mark.parametrize("n_processes", [1, 2])
def test_all_problems_in_batches_with_seeds_of_their_own(n_processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held_out, "_CHUNK", 8)
    batches = held_out_batches(CONFIG, 20, 7, n_processes)
    for i, (batch, size) in enumerate(zip(batches, (8, 8, 4), strict=True)):
        for mine, other in zip(batch, held_out_batch(CONFIG, size, 7 + i), strict=True):
            np.testing.assert_array_equal(mine, other)


def test_few_problems_are_one_batch() -> None:
    (batch,) = held_out_batches(CONFIG, 20, 7, 4)
    np.testing.assert_array_equal(batch.points, held_out_batch(CONFIG, 20, 7).points)
