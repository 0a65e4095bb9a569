from dataclasses import replace

import pytest
import torch

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.model.config import PRESETS, ModelConfig
from nesymres_sk.model.network import Network

POST_NORM = replace(PRESETS["paper"], width=32, n_heads=4, n_latents=4, n_latent_layers=1, n_inducing=6)
CONFIGS = pytest.mark.parametrize("config", [PRESETS["tiny"], POST_NORM], ids=["pre_norm", "post_norm"])


def prepare(config: ModelConfig, problems: int = 1, n: int = 5, length: int = 9) -> tuple:
    torch.manual_seed(1)
    network = Network(config).eval()
    memory = torch.randn(problems, config.n_latents, config.width)
    tokens = torch.randint(v.CONSTANT, v.SIZE, (n, length))
    tokens[:, 0] = v.START
    return network, memory, tokens


@CONFIGS
def test_steps_equal_teacher_forcing(config: ModelConfig) -> None:
    network, memory, tokens = prepare(config)
    with torch.no_grad():
        expected = network.decode(memory.expand(5, -1, -1), tokens)
    cache = network.start_cache(memory)
    stepped = torch.stack([network.step(column, cache) for column in tokens.T], dim=1)
    assert stepped.shape == (5, 9, v.SIZE)
    torch.testing.assert_close(stepped, expected, rtol=1e-4, atol=1e-5)


@CONFIGS
def test_reordered_hypotheses_continue_their_own_past(config: ModelConfig) -> None:
    network, memory, tokens = prepare(config, n=6)
    # one hypothesis, then three, six, and two of them, as a search does
    tokens[:, :3] = tokens[:1, :3]
    cache = network.start_cache(memory)
    network.step(tokens[:1, 0], cache)
    cache.reorder(torch.zeros(3, dtype=torch.long))
    network.step(tokens[:3, 1], cache)
    cache.reorder(torch.tensor([2, 0, 1, 1, 0, 2]))
    network.step(tokens[:, 2], cache)
    for position in range(3, 6):
        network.step(tokens[:, position], cache)
    kept = torch.tensor([4, 1])
    cache.reorder(kept)
    result = network.step(tokens[kept, 6], cache)
    with torch.no_grad():
        expected = network.decode(memory.expand(2, -1, -1), tokens[kept, :7])[:, -1]
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)


def test_one_memory_per_hypothesis() -> None:
    network, memory, tokens = prepare(PRESETS["tiny"], problems=3, n=3)
    order = torch.tensor([2, 2, 0])
    cache = network.start_cache(memory)
    network.step(tokens[:, 0], cache)
    cache.reorder(order)
    result = network.step(tokens[:, 1], cache)
    with torch.no_grad():
        expected = network.decode(memory[order], torch.stack([tokens[:, 0], tokens[:, 1]], dim=1))[:, -1]
    torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-5)
    assert (expected[1] - expected[2]).abs().max() > 1e-3, "the memory matters"


def test_the_memory_of_one_problem_is_not_copied() -> None:
    network, memory, tokens = prepare(PRESETS["tiny"], n=6)
    cache = network.start_cache(memory)
    held = [key.data_ptr() for key, _ in cache.cross]
    network.step(tokens[:1, 0], cache)
    cache.reorder(torch.zeros(6, dtype=torch.long))
    network.step(tokens[:, 1], cache)
    assert [key.data_ptr() for key, _ in cache.cross] == held
    assert all(key.shape[0] == 1 for key, _ in cache.cross)


def test_later_tokens_do_not_change_earlier_logits() -> None:
    network, memory, tokens = prepare(PRESETS["tiny"])
    other = tokens.clone()
    other[:, 6:] = v.PAD
    with torch.no_grad():
        first, second = (network.decode(memory.expand(5, -1, -1), t) for t in (tokens, other))
    torch.testing.assert_close(first[:, :6], second[:, :6])
    assert (first[:, 6:] - second[:, 6:]).abs().max() > 1e-3


def test_steps_beyond_the_last_position_are_refused() -> None:
    network, memory, tokens = prepare(replace(PRESETS["tiny"], max_length=2, n_positions=3))
    cache = network.start_cache(memory)
    for position in range(3):
        network.step(tokens[:, position], cache)
    with pytest.raises(ValueError, match="3 positions"):
        network.step(tokens[:, 3], cache)


def test_logits_of_a_step_may_be_changed_in_place_outside_of_inference_mode() -> None:
    network, memory, tokens = prepare(PRESETS["tiny"])
    with torch.inference_mode():
        cache = network.start_cache(memory)
    logits = network.step(tokens[:, 0], cache)
    logits += 1.0
    with torch.inference_mode():
        cache.reorder(torch.arange(5))
    network.step(tokens[:, 1], cache)
