import math
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.model.config import PRESETS, ModelConfig
from nesymres_sk.model.network import Network


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def on_meta(config: ModelConfig) -> Network:
    with torch.device("meta"):
        return Network(config)


def problems(n: int, columns: int = 2) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    present = torch.zeros(n, 11, dtype=torch.bool)
    present[:, :columns] = present[:, 10] = True
    points = torch.randn(n, 16, 11, generator=generator) * present[:, None]
    log_scales = torch.randn(n, 11, generator=generator) * present
    tokens = torch.randint(v.CONSTANT, v.SIZE, (n, 8), generator=generator).to(torch.int16)
    tokens[:, 0] = v.START
    return [points, torch.full((n,), 16, dtype=torch.int32), present, log_scales, tokens]


def test_paper_has_the_published_size() -> None:
    network = on_meta(PRESETS["paper"])
    assert count(network.encoder) == 11_024_384
    assert count(network.decoder.layers) == 13_148_160
    assert network.decoder.embedding.weight.shape == network.decoder.positions.weight.shape == (60, 512)


def test_sizes_of_the_presets() -> None:
    assert 10.5e6 < count(on_meta(PRESETS["base"])) < 10.9e6
    assert count(on_meta(PRESETS["small"])) < 2.5e6
    assert count(on_meta(PRESETS["tiny"])) * 2 < 4 * 2**20


@pytest.mark.parametrize("name", ["tiny", "paper"])
def test_logits_of_the_whole_vocabulary_and_gradients_everywhere(name: str) -> None:
    config = PRESETS[name]
    if name == "paper":
        config = replace(config, width=32, n_heads=4, n_inducing=5)
    network = Network(config)
    *inputs, tokens = problems(3)
    logits = network(*inputs, tokens)
    assert logits.shape == (3, 7, v.SIZE)
    functional.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten().long()).backward()
    without = [key for key, parameter in network.named_parameters() if parameter.grad is None]
    assert without == []


def test_first_loss_is_that_of_guessing() -> None:
    torch.manual_seed(0)
    network = Network(PRESETS["small"])
    *inputs, tokens = problems(16)
    loss = functional.cross_entropy(network(*inputs, tokens).flatten(0, 1), tokens[:, 1:].flatten().long())
    assert abs(loss.item() - math.log(v.SIZE)) < 0.5


def test_the_network_can_learn() -> None:
    torch.manual_seed(0)
    network = Network(PRESETS["tiny"])
    *inputs, tokens = problems(8)
    optimiser = torch.optim.AdamW(network.parameters(), lr=3e-3)
    for _ in range(60):
        loss = functional.cross_entropy(network(*inputs, tokens).flatten(0, 1), tokens[:, 1:].flatten().long())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    # eight labels that share nothing but the start: only the points tell which one it is
    assert loss.item() < 0.1


def test_parameter_groups_are_a_partition() -> None:
    network = on_meta(PRESETS["base"])
    matrices, others = network.parameter_groups()
    assert {id(p) for p in [*matrices, *others]} == {id(p) for p in network.parameters()}
    assert len(matrices) + len(others) == len(list(network.parameters()))
    assert all(min(p.shape) >= 256 and p.ndim == 2 for p in matrices)
    ends = [network.decoder.embedding, network.decoder.output, network.encoder.embedding.numbers]
    assert all(any(end.weight is p for p in others) for end in ends)
    assert sum(p.numel() for p in matrices) > 0.95 * count(network)
