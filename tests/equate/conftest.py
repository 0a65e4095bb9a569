"""A table, and what EQUATE makes of it with the untrained network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from nesymres_sk.deadline import Deadline
from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.instances import Instances
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.table import Table


@pytest.fixture(scope="package")
def config():
    return EquateConfig(n_bags=12, bag_size=40, epochs=2)


@pytest.fixture(scope="package")
def table():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3.0, (60, 2))
    return Table.prepare(X, X[:, 0] * np.sin(X[:, 1]))


@pytest.fixture
def generator():
    return torch.Generator().manual_seed(0)


@pytest.fixture(scope="package")
def make_instances(network, table, config):
    def make(seed=0):
        return Instances(
            network, table, Grammar(20, 2), config, np.random.default_rng(seed), torch.Generator().manual_seed(seed)
        )

    return make


@pytest.fixture(scope="package")
def records(make_instances):
    made = make_instances()
    made.candidates(Deadline())
    return made.records(Deadline())
