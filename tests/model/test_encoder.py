from dataclasses import replace

import pytest
import torch

from nesymres_sk.model.config import PRESETS, ModelConfig
from nesymres_sk.model.network import Network

SET_TRANSFORMER = replace(PRESETS["paper"], width=32, n_heads=4, n_latents=4, n_latent_layers=1, n_inducing=6)
CONFIGS = pytest.mark.parametrize("config", [PRESETS["tiny"], SET_TRANSFORMER], ids=["perceiver", "set_transformer"])


def problem(n: int = 12, columns: int = 2, seed: int = 0) -> list[torch.Tensor]:
    """Two problems of n points in the first columns and y."""
    generator = torch.Generator().manual_seed(seed)
    present = torch.zeros(2, 11, dtype=torch.bool)
    present[:, :columns] = present[:, 10] = True
    points = torch.randn(2, n, 11, generator=generator) * present[:, None]
    log_scales = torch.randn(2, 11, generator=generator) * present
    return [points, torch.full((2,), n, dtype=torch.int32), present, log_scales]


def network_of(config: ModelConfig) -> Network:
    torch.manual_seed(0)
    return Network(config).eval()


@CONFIGS
@torch.no_grad()
def test_rows_past_n_points_are_not_read(config: ModelConfig) -> None:
    network = network_of(config)
    points, n_points, present, log_scales = problem()
    expected = network.encode(points, n_points, present, log_scales)
    padded = torch.cat([points, torch.full((2, 5, 11), 7.0)], dim=1)
    torch.testing.assert_close(network.encode(padded, n_points, present, log_scales), expected, rtol=1e-4, atol=1e-5)
    assert (network.encode(padded, n_points + 5, present, log_scales) - expected).abs().max() > 1e-3


@CONFIGS
@torch.no_grad()
def test_order_of_points_does_not_matter_but_points_do(config: ModelConfig) -> None:
    network = network_of(config)
    points, *rest = problem()
    expected = network.encode(points, *rest)
    torch.testing.assert_close(network.encode(points[:, torch.randperm(12)], *rest), expected, rtol=1e-4, atol=1e-5)
    changed = points.clone()
    changed[0, 3, 10] *= -1.0
    difference = (network.encode(changed, *rest) - expected).abs().amax((1, 2))
    assert difference[0] > 1e-4
    assert difference[1] == 0.0


@CONFIGS
@torch.no_grad()
def test_every_problem_is_read_on_its_own(config: ModelConfig) -> None:
    network = network_of(config)
    inputs = problem()
    inputs[1] = torch.tensor([12, 4], dtype=torch.int32)
    both = network.encode(*inputs)
    for row in range(2):
        alone = network.encode(*(x[row : row + 1] for x in inputs))
        torch.testing.assert_close(alone[0], both[row], rtol=1e-4, atol=1e-5)


@CONFIGS
@torch.no_grad()
def test_the_scales_are_read(config: ModelConfig) -> None:
    network = network_of(config)
    points, n_points, present, log_scales = problem()
    other = log_scales.clone()
    other[:, 10] += 2.0
    expected = network.encode(points, n_points, present, log_scales)
    assert (network.encode(points, n_points, present, other) - expected).abs().max() > 1e-3


@torch.no_grad()
def test_the_set_transformer_reads_the_raw_numbers() -> None:
    network = network_of(SET_TRANSFORMER)
    points, n_points, present, _ = problem()
    scales = torch.where(present, 4.0, 1.0)
    expected = network.encode(points, n_points, present, torch.zeros(2, 11))
    scaled = network.encode(points / scales[:, None], n_points, present, torch.log(scales))
    # one rounding of exp(log(4)) may change the last bit of a mantissa, never more
    assert (scaled - expected).abs().mean() < 0.02 * expected.abs().mean()


@torch.no_grad()
def test_products_in_half_the_digits_keep_those_of_a_mantissa() -> None:
    embedding = network_of(replace(PRESETS["tiny"], number_encoding="scientific")).encoder.embedding
    points, _, present, log_scales = problem(columns=1)
    points[:, :, 0] = torch.linspace(1.0, 1.001, 12)  # bfloat16 has steps of 0.008
    read: list[torch.Tensor] = []
    handle = embedding.numbers.register_forward_hook(lambda module, inputs, output: read.append(output))
    embedding(points, present, log_scales)
    with torch.autocast("cpu", torch.bfloat16):
        assert embedding(points, present, log_scales).isfinite().all()
    handle.remove()
    torch.testing.assert_close(read[1], read[0], rtol=0.0, atol=0.0)


@torch.no_grad()
def test_a_column_of_zeros_is_not_an_absent_column() -> None:
    network = network_of(PRESETS["tiny"])
    points, n_points, present, log_scales = problem(columns=1)
    with_zeros = present.clone()
    with_zeros[:, 1] = True
    difference = network.encode(points, n_points, with_zeros, log_scales) - network.encode(
        points, n_points, present, log_scales
    )
    assert difference.abs().max() > 1e-3


@torch.no_grad()
def test_columns_beyond_max_variables_are_ignored() -> None:
    network = network_of(replace(PRESETS["tiny"], max_variables=3))
    points, n_points, present, log_scales = problem(columns=5)
    expected = network.encode(points, n_points, present, log_scales)
    points[:, :, 3:5] = 9.0
    torch.testing.assert_close(network.encode(points, n_points, present, log_scales), expected)
    points[:, :, 10] = 9.0
    assert (network.encode(points, n_points, present, log_scales) - expected).abs().max() > 1e-3


@pytest.mark.parametrize(("n_cross", "spans"), [(1, [(0, 3)]), (2, [(0, 1), (1, 3)]), (3, [(0, 1), (1, 2), (2, 3)])])
def test_latent_layers_are_spread_between_the_looks_at_the_points(n_cross: int, spans: list) -> None:
    network = Network(replace(PRESETS["tiny"], n_cross=n_cross, n_latent_layers=3))
    assert network.encoder.spans == spans


@torch.no_grad()
def test_condition_is_added_and_nothing_means_zero() -> None:
    network = network_of(PRESETS["tiny"])
    inputs = problem()
    plain = network.encode(*inputs)
    condition = torch.randn_like(plain)
    torch.testing.assert_close(network.encode(*inputs, condition=torch.zeros_like(plain)), plain)
    torch.testing.assert_close(network.encode(*inputs, condition=condition), plain + condition)
