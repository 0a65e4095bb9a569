"""Muon's updates are orthogonal, AdamW equals torch's, and a bad gradient changes nothing."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from nesymres_sk.training.optimiser import Optimiser, orthogonalise


def make(network: nn.Sequential, **settings: float) -> Optimiser:
    matrices = [network[2].weight]
    rest = [parameter for parameter in network.parameters() if parameter is not matrices[0]]
    return Optimiser(matrices, rest, **{"muon_rate": 1e-2, "adam_rate": 1e-2, **settings})


@pytest.fixture
def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))


@pytest.mark.parametrize("shape", [(3, 16, 16), (2, 48, 16), (2, 16, 48)])
def test_orthogonalise(shape: tuple[int, ...]) -> None:
    generator = torch.Generator().manual_seed(1)
    matrices = torch.randn(shape, generator=generator) * torch.tensor([1e-4, 1.0, 1e3])[: shape[0], None, None]
    result = orthogonalise(matrices)
    assert result.shape == matrices.shape
    values = torch.linalg.svdvals(result)
    assert values.min() > 0.3
    assert values.max() < 1.3
    u, _, vt = torch.linalg.svd(matrices, full_matrices=False)
    # the same singular vectors: U^T result V is diagonal and positive
    core = u.mT @ result @ vt.mT
    diagonal = core.diagonal(dim1=-2, dim2=-1)
    assert diagonal.min() > 0.0
    assert (core - torch.diag_embed(diagonal)).abs().max() < 1e-3


def test_muon_step_has_the_size_of_adam(network: nn.Sequential) -> None:
    optimiser = make(network, weight_decay=0.0)
    before = network[2].weight.detach().clone()
    network[2].weight.grad = torch.randn(32, 32)
    optimiser.step(0.5)
    moved = (network[2].weight - before).square().mean().sqrt().item()
    assert moved == pytest.approx(0.2 * 0.5e-2, rel=0.3)


def test_adam_part_equals_torch(network: nn.Sequential) -> None:
    reference = copy.deepcopy(network)
    ours = Optimiser([], list(network.parameters()), muon_rate=1.0, adam_rate=1e-2, clip=0.1)
    weights = [parameter for parameter in reference.parameters() if parameter.ndim == 2]
    biases = [parameter for parameter in reference.parameters() if parameter.ndim == 1]
    groups = [{"params": weights, "weight_decay": 0.01}, {"params": biases, "weight_decay": 0.0}]
    theirs = torch.optim.AdamW(groups, lr=1e-2, betas=(0.9, 0.95))
    for seed in range(5):
        x = torch.randn(16, 3, generator=torch.Generator().manual_seed(seed))
        (network(x) - 3.0).square().mean().backward()
        norm, taken = ours.step(1.0)
        theirs.zero_grad()
        (reference(x) - 3.0).square().mean().backward()
        expected = nn.utils.clip_grad_norm_(reference.parameters(), 0.1)
        theirs.step()
        assert norm.item() == pytest.approx(expected.item(), rel=1e-5)
        assert taken.item() == 1.0
    for mine, other in zip(network.parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=1e-5, atol=1e-6)


def test_loss_falls(network: nn.Sequential) -> None:
    optimiser = make(network, weight_decay=0.0)
    x = torch.randn(256, 3)
    y = torch.sin(2.0 * x[:, :1]) * x[:, 1:2]
    losses = []
    for step in range(150):
        loss = (network(x) - y).square().mean()
        loss.backward()
        optimiser.step(min(1.0, (150 - step) / 50))
        losses.append(loss.item())
    assert losses[-1] < 0.2 * losses[0]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_bad_gradient_changes_nothing(network: nn.Sequential, bad: float) -> None:
    optimiser = make(network)

    def backward() -> None:
        network(torch.ones(4, 3)).square().mean().backward()

    backward()
    optimiser.step(1.0)
    weights = copy.deepcopy(network.state_dict())
    state = copy.deepcopy(optimiser.state())
    backward()
    network[4].weight.grad[0, 0] = bad
    _, taken = optimiser.step(1.0)
    assert taken.item() == 0.0
    torch.testing.assert_close(network.state_dict(), weights, rtol=0.0, atol=0.0)
    torch.testing.assert_close(optimiser.state(), state, rtol=0.0, atol=0.0)
    backward()
    _, taken = optimiser.step(1.0)
    assert taken.item() == 1.0
    assert all(parameter.isfinite().all() for parameter in network.parameters())


def test_state_continues(network: nn.Sequential) -> None:
    other = copy.deepcopy(network)
    first, second = make(network), make(other)
    for step in range(4):
        if step == 2:
            second.load_state(copy.deepcopy(first.state()))
            other.load_state_dict(network.state_dict())
        for model, optimiser in ((network, first), (other, second))[: 2 if step >= 2 else 1]:
            model(torch.ones(4, 3) * step).square().mean().backward()
            optimiser.step(1.0)
    torch.testing.assert_close(other.state_dict(), network.state_dict(), rtol=0.0, atol=0.0)
