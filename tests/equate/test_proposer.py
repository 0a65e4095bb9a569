import copy
import threading

import numpy as np
import pytest
import torch

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.equate import loop
from nesymres_sk.equate.config import EquateConfig
from nesymres_sk.equate.proposer import EquateProposer
from nesymres_sk.judge import FitOptions
from nesymres_sk.search.candidate import identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.solver import Source, solve
from nesymres_sk.table import Table

CONFIG = EquateConfig(n_bags=10, bag_size=30, epochs=2, n_starts=3, n_steps=4, max_candidates=10)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.uniform(0.5, 3.0, (50, 2))
    return Table.prepare(X, np.exp(np.sin(3 * X[:, 0])) * np.sqrt(X[:, 1]) + 0.1 * rng.standard_normal(50))


def candidates(network, table, config=CONFIG, seed=0, deadline=None):
    proposer = EquateProposer(network, table, Archive(table.floor), Grammar(20, 2), config, seed)
    found = []
    while some := proposer.propose(8, deadline or Deadline()):
        found += some
    return found, proposer


@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        EquateConfig(n_bags=10, bag_size=30, tuning="none", max_candidates=6),
        EquateConfig(n_bags=10, bag_size=30, epochs=1, embedding_search=True, max_candidates=6),
        EquateConfig.paper(n_bags=10, bag_size=30, epochs=1, max_candidates=6),
        EquateConfig.paper(n_bags=10, bag_size=30, epochs=1, equation_encoder=False, max_candidates=6),
        EquateConfig.paper(n_bags=10, bag_size=30, epochs=1, embedding_search=False, max_candidates=6),
        EquateConfig(n_bags=10, bag_size=30, epochs=1, tuning="lora", max_candidates=6),
        EquateConfig(n_bags=10, bag_size=30, epochs=1, tuning="full", max_candidates=6),
    ],
)
def test_candidates_are_new_and_few(network, table, config):
    found, proposer = candidates(network, table, config)
    names = [identity(candidate.skeleton) for candidate in found]
    assert len(set(names)) == len(names)
    assert config.n_bags // 2 < len(names) <= config.n_bags + config.max_candidates
    assert bool(proposer.losses) == (config.tuning != "none")


def test_the_shared_network_is_never_modified_and_threads_do_not_meet(network, table):
    before = copy.deepcopy(network.state_dict())
    alone = [identity(candidate.skeleton) for candidate in candidates(network, table, seed=3)[0]]
    together = {}

    def work(name):
        together[name] = [identity(candidate.skeleton) for candidate in candidates(network, table, seed=3)[0]]

    threads = [threading.Thread(target=work, args=(name,)) for name in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together[0] == together[1] == alone
    for name, value in network.state_dict().items():
        assert torch.equal(value, before[name]), name
    assert not any(parameter.grad is not None for parameter in network.parameters())


def test_a_diverging_fine_tuning_falls_back_with_a_warning(network, table, monkeypatch):
    monkeypatch.setattr(loop.Tuner, "run", lambda self, deadline: False)
    with pytest.warns(UserWarning, match="diverged"):
        found, _ = candidates(network, table)
    assert len(found) <= CONFIG.n_bags


def test_the_search_ends_with_a_good_equation(network):
    X = np.linspace(1, 2, 60)[:, None]
    table = Table.prepare(X, X[:, 0] ** 3)
    archive = Archive(table.floor)
    proposer = EquateProposer(network, table, archive, Grammar(20, 1), CONFIG, 0)
    solve(
        table,
        [Source(lambda: proposer, 8)],
        FitOptions(),
        Deadline(),
        np.random.default_rng(0),
        archive=archive,
    )
    assert archive.best_error < 1e-3


def test_a_passed_deadline_ends_the_proposals(network, table):
    assert len(candidates(network, table, deadline=Deadline(0.0))[0]) <= CONFIG.n_bags
