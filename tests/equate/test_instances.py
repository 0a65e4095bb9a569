from dataclasses import replace

import numpy as np
import pytest
import torch

from nesymres_sk.deadline import Deadline
from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.instances import Instances, draw_bags, labels, score, split
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.candidate import identity
from nesymres_sk.search.grammar import Grammar


def test_held_out_rows_are_in_no_bag():
    train, held_out = split(100, np.random.default_rng(0))
    assert len(train) == 80
    assert sorted([*train, *held_out]) == list(range(100))
    bags = draw_bags(train, 5, 200, np.random.default_rng(0))
    assert all(len(bag) == 64 and set(bag) <= set(train) for bag in bags)
    assert len({tuple(bag) for bag in bags}) == 5


def test_rows_of_more_weight_are_in_more_bags():
    weight = np.array([0.0, 1.0, 3.0, 0.0])
    drawn = np.concatenate(draw_bags(np.arange(4), 2000, 4, np.random.default_rng(0), weight))
    counts = np.bincount(drawn, minlength=4)
    assert counts[0] == counts[3] == 0
    assert counts[2] / counts[1] == pytest.approx(3.0, rel=0.1)


def test_short_tables_are_not_split():
    train, held_out = split(12, np.random.default_rng(0))
    assert sorted(train) == sorted(held_out) == list(range(12))


def test_the_score_trades_accuracy_for_length():
    assert score(0.9, 5, 40, 0.1) > score(0.9, 20, 40, 0.1) > score(0.8, 20, 40, 0.1)
    assert score(-50.0, 5, 40, 0.0) == -1.0


def test_candidates_are_distinct_and_partly_random(config, make_instances):
    made = make_instances()
    candidates = made.candidates(Deadline())
    names = [identity(candidate.skeleton) for candidate in candidates]
    assert len(set(names)) == len(names)
    assert 1 <= len(names) <= config.n_bags
    assert all(Grammar(20, 2).allows(candidate.skeleton) for candidate in candidates)


def test_all_of_them_may_be_random(network, table):
    config = EquateConfig(n_bags=5, bag_size=10, random_share=1.0)
    made = Instances(network, table, Grammar(20, 2), config, np.random.default_rng(0), torch.Generator())
    assert len(made.candidates(Deadline())) == 5


def test_records_hold_the_equations_own_outputs(records, table, config):
    assert records
    for record in records:
        assert record.outputs.shape == record.rows.shape == (38,)
        assert np.isfinite(record.outputs).all()
        variance = np.var(table.y[record.rows])
        r2 = 1.0 - np.mean((record.outputs - table.y[record.rows]) ** 2) / variance
        expected = score(r2, record.skeleton.complexity, 40, config.simplicity)
        assert record.score == pytest.approx(expected, abs=1e-6)


def test_records_are_reproducible(records, make_instances):
    made = make_instances()
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


def test_what_is_too_long_for_the_network_is_no_record(make_instances, network):
    made = make_instances()
    made.candidates(Deadline())
    words = "sin " * network.config.max_length + "x1"
    rows, candidate, count = made._bags[0]
    made._bags = [(rows, replace(candidate, skeleton=Expression.from_names(words)), count)]
    assert made.records(Deadline()) == []
