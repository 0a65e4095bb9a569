"""The weights of the registry are as good on fresh problems as on record: neither tokens nor inputs have changed."""

from __future__ import annotations

import json

import pytest
import torch

from nesymres_sk.model.checkpoint import read_header
from nesymres_sk.model.registry import get_network, read_index, resolve
from nesymres_sk.prior.problems import held_out_batch
from nesymres_sk.prior.recipes import RECIPES
from nesymres_sk.training.batches import to_step
from nesymres_sk.training.evaluation import evaluate


@pytest.mark.parametrize("name", sorted(read_index()))
def test_registered_weights_keep_their_quality(name: str) -> None:
    on_record = json.loads(read_header(resolve(name)[0])["held_out"])
    if on_record is None:
        pytest.skip("training was stopped before an evaluation")
    steps = [to_step(held_out_batch(RECIPES["base"], 256, 7), 4)]
    found = evaluate(get_network(name), steps, torch.device("cpu"))
    assert found.loss == pytest.approx(on_record["loss"], abs=0.12)
    assert found.accuracy == pytest.approx(on_record["accuracy"], abs=0.05)


def test_the_weights_for_tests_are_small() -> None:
    assert sum(path.stat().st_size for path in resolve("tiny")) < 4 * 2**20
