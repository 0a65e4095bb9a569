"""What the log says of the steps: their work is counted, and counting never ends a training."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import toy

from nesymres_sk.model.network import Network
from nesymres_sk.training.batches import Part, to_step
from nesymres_sk.training.evaluation import predict, token_loss
from nesymres_sk.training.flops import step_flops
from nesymres_sk.training.meter import Meter

CPU = torch.device("cpu")


def test_flops_of_linear_layers() -> None:
    network = Network(toy.RECIPE.model_config())
    step = to_step(toy.batch(8, seed=1), 0)
    counted = step_flops(network, step.parts)
    # every position of points, latents and tokens goes through parts of the network; 6 operations per weight and use
    n_parameters = sum(parameter.numel() for parameter in network.parameters())
    assert 6 * n_parameters * 8 < counted < 6 * n_parameters * 8 * (16 + 8 + 41)
    assert all(parameter.grad is None for parameter in network.parameters())


def test_meter_adds_up_the_work_of_every_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nesymres_sk.training.meter.peak_flops", lambda device: 1e9)
    network = Network(toy.RECIPE.model_config())
    meter = Meter(CPU)
    one = torch.ones(())
    steps = [
        to_step(toy.batch(8, seed=1), 0),
        to_step(toy.batch(8, seed=2)._replace(points=np.zeros((8, 4, 11), "f4")), 0),
    ]
    for step in (steps[0], steps[1], steps[0]):
        meter.measure(network, step)
        meter.count(step, one, one, one, 1.0)
    work = [step_flops(network, step.parts) for step in steps]
    assert work[0] > work[1]
    assert meter.flops == 2 * work[0] + work[1]
    meter.began -= 1000.0
    values = meter.read(1)
    assert values is not None
    assert values["utilisation"] == pytest.approx((2 * work[0] + work[1]) / 1000.0 / 1e9, rel=0.02)
    assert values["problems_per_second"] == pytest.approx(24 / 1000.0, rel=0.02)
    assert meter.flops == 0


def test_a_meter_that_fails_is_told_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("nesymres_sk.training.meter.peak_flops", lambda device: 1e9)
    network = Network(toy.RECIPE.model_config())
    step = to_step(toy.batch(8, seed=1), 0)

    def out_of_memory(network: Network, parts: list[Part]) -> int:
        token_loss(predict(network, parts[0]), parts[0].tokens).backward()
        raise torch.cuda.OutOfMemoryError("out of memory")

    monkeypatch.setattr("nesymres_sk.training.meter.step_flops", out_of_memory)
    meter, one = Meter(CPU), torch.ones(())
    for _ in range(2):
        meter.measure(network, step)
        meter.count(step, one, one, one, 1.0)
    assert capsys.readouterr().err.count("no more utilisation in the log: OutOfMemoryError: out of memory") == 1
    values = meter.read(1)
    assert values is not None
    assert "utilisation" not in values
    assert all(parameter.grad is None for parameter in network.parameters())
