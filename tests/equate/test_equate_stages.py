import copy
import math

import numpy as np
import pytest
import torch

from nesymres_sk.deadline import Deadline
from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.decoding import decode_each
from nesymres_sk.equate.embedding_search import ascend
from nesymres_sk.equate.instances import Instances, bag_inputs, draw_bags, encode_batch, labels, score, split
from nesymres_sk.equate.loop import Tuner
from nesymres_sk.equate.network import EquateNetwork, Evaluator
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.model.config import PRESETS
from nesymres_sk.model.network import Network
from nesymres_sk.search.candidate import identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.table import Table

CONFIG = EquateConfig(n_bags=12, bag_size=40, epochs=2)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Network(PRESETS["tiny"]).eval()


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3.0, (60, 2))
    return Table.prepare(X, X[:, 0] * np.sin(X[:, 1]))


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def instances(network, table, seed=0, config=CONFIG):
    return Instances(network, table, Grammar(20, 2), config, np.random.default_rng(seed), generator(seed))


@pytest.fixture(scope="module")
def records(network, table):
    made = instances(network, table)
    made.candidates(Deadline())
    return made.records(Deadline())


def gold_of(network, table):
    with torch.no_grad():
        return encode_batch(network, bag_inputs(table, [np.arange(table.n_rows)], [table.y]))


# instances


def test_held_out_rows_are_in_no_bag():
    train, held_out = split(100, np.random.default_rng(0))
    assert len(train) == 80
    assert sorted([*train, *held_out]) == list(range(100))
    bags = draw_bags(train, 5, 200, np.random.default_rng(0))
    assert all(len(bag) == 64 and set(bag) <= set(train) for bag in bags)
    assert len({tuple(bag) for bag in bags}) == 5


def test_short_tables_are_not_split():
    train, held_out = split(12, np.random.default_rng(0))
    assert sorted(train) == sorted(held_out) == list(range(12))


def test_the_score_trades_accuracy_for_length():
    assert score(0.9, 5, 40, 0.1) > score(0.9, 20, 40, 0.1) > score(0.8, 20, 40, 0.1)
    assert score(-50.0, 5, 40, 0.0) == -1.0


def test_candidates_are_distinct_and_partly_random(network, table):
    made = instances(network, table)
    candidates = made.candidates(Deadline())
    names = [identity(candidate.skeleton) for candidate in candidates]
    assert len(set(names)) == len(names)
    assert 1 <= len(names) <= CONFIG.n_bags
    assert all(Grammar(20, 2).allows(candidate.skeleton) for candidate in candidates)


def test_records_hold_the_equations_own_outputs(records, table):
    assert records
    for record in records:
        assert record.outputs.shape == record.rows.shape == (38,)
        assert np.isfinite(record.outputs).all()
        variance = np.var(table.y[record.rows])
        r2 = 1.0 - np.mean((record.outputs - table.y[record.rows]) ** 2) / variance
        expected = score(r2, record.skeleton.complexity, 40, CONFIG.simplicity)
        assert record.score == pytest.approx(expected, abs=1e-6)


def test_records_are_reproducible(network, table, records):
    made = instances(network, table)
    made.candidates(Deadline())
    again = made.records(Deadline())
    assert [identity(r.skeleton) for r in again] == [identity(r.skeleton) for r in records]
    np.testing.assert_array_equal(again[0].outputs, records[0].outputs)


def test_labels_are_framed_and_padded(records):
    tokens = labels(records, 40)
    assert (tokens[:, 0] == v.START).all()
    for row, record in zip(tokens, records, strict=True):
        end = 1 + len(record.skeleton.tokens)
        assert tuple(row[1:end]) == record.skeleton.tokens
        assert row[end] == v.END
        assert (row[end + 1 :] == v.PAD).all()


# decoding


def test_every_embedding_gives_a_valid_expression(network):
    memory = torch.randn(9, 8, 64, generator=generator())
    grammar = Grammar(12, 2, ["add", "mul", "sin"])
    for temperature in (0.0, 1.0):
        found = decode_each(network, memory, grammar, temperature, Deadline(), generator())
        assert len(found) == 9
        for tokens, log_prob in found:
            assert grammar.allows(Expression.skeleton_of(tokens))
            assert log_prob < 0.0


def test_decoding_agrees_with_teacher_forcing(network):
    memory = torch.randn(3, 8, 64, generator=generator())
    for row, (tokens, log_prob) in enumerate(
        decode_each(network, memory, Grammar(10, 2), 1.0, Deadline(), generator(1))
    ):
        sequence = torch.tensor([[v.START, *tokens]])
        with torch.no_grad():
            logits = network.decode(memory[row : row + 1], sequence[:, :-1]).double().log_softmax(dim=-1)
        expected = logits[0].gather(1, sequence[0, 1:, None]).sum().item()
        assert log_prob == pytest.approx(expected, abs=1e-3)


def test_a_passed_deadline_ends_the_decoding(network):
    assert decode_each(network, torch.randn(2, 8, 64), Grammar(10, 2), 0.0, Deadline(0.0), generator()) == []


# network


@pytest.mark.parametrize("tuning", ["last_layer", "full", "lora"])
def test_before_training_the_model_is_the_backbone(network, tuning):
    model = EquateNetwork(network, EquateConfig(tuning=tuning), generator())
    data = torch.randn(3, 8, 64, generator=generator())
    tokens = torch.from_numpy(np.array([[v.START, v.variable(0), v.END, v.PAD]] * 3))
    torch.testing.assert_close(model.embed(data, tokens), data)
    torch.testing.assert_close(model.backbone.decode(data, tokens), network.decode(data, tokens))


def test_what_is_trained(network):
    def shares(tuning):
        pretrained, heads = EquateNetwork(network, EquateConfig(tuning=tuning), generator()).trained()
        assert heads
        return sum(p.numel() for p in pretrained)

    total = sum(p.numel() for p in network.parameters())
    last = sum(p.numel() for p in network.decoder.layers[-1].parameters()) + 64
    assert shares("full") == total
    assert shares("last_layer") == last
    assert 0 < shares("lora") < last


def test_padding_does_not_change_an_embedding(network):
    model = EquateNetwork(network, EquateConfig(), generator())
    torch.nn.init.normal_(model.fusion.attention.out.weight)
    data = torch.randn(1, 8, 64, generator=generator())
    tokens = torch.tensor([[v.START, v.variable(0), v.END]])
    padded = torch.tensor([[v.START, v.variable(0), v.END, v.PAD, v.PAD]])
    torch.testing.assert_close(model.embed(data, tokens), model.embed(data, padded))


def test_making_a_model_leaves_the_global_generator_alone(network):
    torch.manual_seed(5)
    before = torch.get_rng_state()
    EquateNetwork(network, EquateConfig(), generator())
    assert torch.equal(before, torch.get_rng_state())


# loop


@pytest.mark.parametrize("tuning", ["last_layer", "full", "lora"])
def test_fine_tuning_lowers_both_losses_and_spares_the_backbone(network, table, records, tuning):
    before = copy.deepcopy(network.state_dict())
    config = EquateConfig(tuning=tuning, epochs=12, learning_rate=1e-3, head_rate=3e-3, batch_size=6)
    model = EquateNetwork(network, config, generator())
    tuner = Tuner(model, table, records, gold_of(network, table), config, np.random.default_rng(0), generator())
    assert tuner.run(Deadline())
    assert len(tuner.losses) == 12
    assert tuner.losses[-1][0] < 0.9 * tuner.losses[0][0]
    assert tuner.losses[-1][1] < 0.9 * tuner.losses[0][1]
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_gradients_reach_every_new_part(network, table, records):
    config = EquateConfig()
    model = EquateNetwork(network, config, generator())
    for parameter in (model.fusion.attention.out.weight, model.evaluator.out.weight):
        torch.nn.init.normal_(parameter, std=0.1)  # at zero they hide what lies before them
    tuner = Tuner(model, table, records, gold_of(network, table), config, np.random.default_rng(0), generator())
    reconstruction, estimate = tuner.loss(torch.arange(len(records)))
    (reconstruction + estimate).backward()
    pretrained, heads = model.trained()
    for parameter in [*pretrained, *heads]:
        assert parameter.grad is not None
        assert parameter.grad.abs().sum() > 0


def test_divergence_is_noticed(network, table, records):
    config = EquateConfig(learning_rate=1e6, head_rate=1e6, epochs=5)
    model = EquateNetwork(network, config, generator())
    tuner = Tuner(model, table, records, gold_of(network, table), config, np.random.default_rng(0), generator())
    assert not tuner.run(Deadline())


# search


class Towards(Evaluator):
    """The nearer to a target, the better."""

    def __init__(self, target):
        super().__init__(4)
        self.target = target

    def forward(self, embedding, gold):
        return -(embedding - self.target).square().sum(dim=(1, 2))


def test_ascent_rises_within_the_trust_region():
    start = torch.randn(3, 2, 4, generator=generator())
    target = start + 10.0
    config = EquateConfig(radius=0.2, n_steps=20)
    places = list(ascend(Towards(target), start, start[:1], config))
    assert len(places) == 11
    norms = start.flatten(1).norm(dim=1)
    distances = [(place - start).flatten(1).norm(dim=1) / norms for place in places]
    assert torch.equal(places[0], start)
    assert all((distance <= 0.2 + 1e-5).all() for distance in distances)
    assert (distances[-1] > 0.19).all()
    away = [(place - target).norm().item() for place in places]
    assert away[-1] < away[0]


def test_ascents_that_fall_end():
    start = torch.ones(2, 2, 4)
    config = EquateConfig(step_size=0.3, radius=10.0, n_steps=50)
    places = list(ascend(Towards(start + 0.1), start, start[:1], config))
    assert len(places) < 10


@pytest.mark.parametrize("wrong", [{"tuning": "some"}, {"epochs": 0}, {"random_share": 1.5}, {"radius": math.nan}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        EquateConfig(**wrong)
