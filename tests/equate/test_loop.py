import copy
import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from nesymres_sk.deadline import Deadline
from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.instances import bag_inputs, encode_batch
from nesymres_sk.equate.loop import Tuner, record_weights
from nesymres_sk.equate.network import EquateNetwork


def gold_of(network, table):
    with torch.no_grad():
        return encode_batch(network, bag_inputs(table, [np.arange(table.n_rows)], [table.y]))


@pytest.fixture
def make_tuner(network, table, records, generator):
    def make(config):
        model = EquateNetwork(network, config, generator)
        gold = gold_of(network, table)
        return model, Tuner(model, table, records, gold, config, np.random.default_rng(0), generator)

    return make


@pytest.mark.parametrize("tuning", ["last_layer", "full", "lora"])
def test_fine_tuning_lowers_both_losses_and_spares_the_backbone(network, tuning, make_tuner):
    before = copy.deepcopy(network.state_dict())
    config = EquateConfig(tuning=tuning, epochs=12, learning_rate=1e-3, head_rate=3e-3, batch_size=6)
    _model, tuner = make_tuner(config)
    assert tuner.run(Deadline())
    assert len(tuner.losses) == 12
    assert tuner.losses[-1][0] < 0.9 * tuner.losses[0][0]
    assert tuner.losses[-1][1] < 0.9 * tuner.losses[0][1]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_gradients_reach_every_new_part(network, table, records, generator):
    config = EquateConfig()
    model = EquateNetwork(network, config, generator)
    for parameter in (model.fusion.attention.out.weight, model.evaluator.out.weight):
        torch.nn.init.normal_(parameter, std=0.1)  # at zero they hide what lies before them
    tuner = Tuner(model, table, records, gold_of(network, table), config, np.random.default_rng(0), generator)
    reconstruction, estimate = tuner.loss(torch.arange(len(records)))
    (reconstruction + estimate).backward()
    pretrained, heads = model.trained()
    for parameter in [*pretrained, *heads]:
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_divergence_in_the_last_step_is_noticed(make_tuner):
    _model, tuner = make_tuner(EquateConfig(learning_rate=1e30, epochs=1, batch_size=100))
    assert not tuner.run(Deadline())


def test_divergence_is_noticed(make_tuner):
    config = EquateConfig(learning_rate=1e6, head_rate=1e6, epochs=5)
    _model, tuner = make_tuner(config)
    assert not tuner.run(Deadline())


def test_good_records_weigh_more(records):
    plain = [replace(record, multiplicity=1) for record in records]
    scores = [record.score for record in plain]
    weights = record_weights(plain, 5.0)
    assert weights.mean().item() == pytest.approx(1.0)
    assert (weights.max() / weights.min()).item() == pytest.approx(math.exp(5.0), rel=1e-4)
    assert np.argmax(scores) == weights.argmax()
    assert torch.equal(record_weights(plain, 0.0), torch.ones(len(plain)))
    twice = [replace(plain[0], multiplicity=4), *plain[1:]]
    weights = record_weights(twice, 0.0)
    assert (weights[0] / weights[1]).item() == pytest.approx(2.0)


def test_embeddings_take_the_data_that_they_are_given(make_tuner, network, table, records):
    _model, tuner = make_tuner(EquateConfig())
    gold = gold_of(network, table)
    own = tuner.embeddings([0, 1])
    given = tuner.embeddings([0, 1], gold)
    # before training an embedding is the memory of its data
    torch.testing.assert_close(given, gold.expand(2, -1, -1))
    assert own.shape == given.shape
    assert not torch.allclose(own, given)


def test_a_passed_deadline_ends_an_epoch(make_tuner):
    _, tuner = make_tuner(EquateConfig())
    assert tuner.epoch(Deadline(0.0))
    assert tuner.losses == []
