import numpy as np
import pytest
import torch

from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.network import EquateNetwork
from nesymres_sk.expressions import vocabulary as v


@pytest.mark.parametrize("tuning", ["last_layer", "full", "lora"])
def test_before_training_the_model_is_the_backbone(network, tuning, generator):
    model = EquateNetwork(network, EquateConfig(tuning=tuning), generator)
    data = torch.randn(3, 8, 64, generator=generator)
    tokens = torch.from_numpy(np.array([[v.START, v.variable(0), v.END, v.PAD]] * 3))
    torch.testing.assert_close(model.embed(data, tokens), data)
    torch.testing.assert_close(model.backbone.decode(data, tokens), network.decode(data, tokens))


def test_what_is_trained(network, generator):
    def shares(tuning):
        pretrained, heads = EquateNetwork(network, EquateConfig(tuning=tuning), generator).trained()
        assert heads
        return sum(p.numel() for p in pretrained)

    total = sum(p.numel() for p in network.parameters())
    last = sum(p.numel() for p in network.decoder.layers[-1].parameters()) + 64
    assert shares("full") == total
    assert shares("last_layer") == last
    assert 0 < shares("lora") < last


def test_padding_does_not_change_an_embedding(network, generator):
    model = EquateNetwork(network, EquateConfig(), generator)
    torch.nn.init.normal_(model.fusion.attention.out.weight)
    data = torch.randn(1, 8, 64, generator=generator)
    tokens = torch.tensor([[v.START, v.variable(0), v.END]])
    padded = torch.tensor([[v.START, v.variable(0), v.END, v.PAD, v.PAD]])
    torch.testing.assert_close(model.embed(data, tokens), model.embed(data, padded))


def test_making_a_model_leaves_the_global_generator_alone(network, generator):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    EquateNetwork(network, EquateConfig(), generator)
    assert torch.equal(before, torch.get_rng_state())
