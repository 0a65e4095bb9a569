"""The network as a source: what the solver may rely on, whatever the network has learned."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from nesymres_sk.archive import Archive, Entry
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.candidate import identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.network.proposer import NetworkProposer
from nesymres_sk.table import Table


def problem(seed=0, d=2):
    rng = np.random.default_rng(seed)
    X = rng.uniform(1, 3, size=(40, d))
    table = Table.prepare(X, X[:, 0] ** 2)
    return table, Archive(table.floor)


def calls(proposer, sizes):
    return [proposer.propose(n, Deadline()) for n in sizes]


def forms(candidates):
    return [identity(candidate.skeleton) for candidate in candidates]


@pytest.mark.parametrize("decoding", ["beam", "sampling"])
def test_nothing_is_proposed_twice_and_all_of_it_is_allowed(network, decoding):
    table, archive = problem()
    archive.add(Entry(Expression.from_names("add C mul C x1", (-3.2, 4.1)), 0.1))
    grammar = Grammar(20, 2, ["add", "mul", "div", "exp"])
    proposer = NetworkProposer(network, table, archive, grammar, decoding=decoding)
    everything = []
    for n in (16, 200, 8, 300):
        found = proposer.propose(n, Deadline())
        assert 0 < len(found) <= n
        assert [c.log_prob for c in found] == sorted((c.log_prob for c in found), reverse=True)
        assert all(grammar.allows(c.skeleton) for c in found)
        assert all(c.initial is None or len(c.initial) == len(c.skeleton.constants) for c in found)
        proposer.learn(found, [0.5] * len(found))
        everything += forms(found)
    assert len(set(everything)) == len(everything) > 250


def test_known_equations_lend_their_constants(network):
    table, archive = problem()
    archive.add(Entry(Expression.from_names("add C mul C x1", (-3.2, 4.1)), 0.1))
    proposer = NetworkProposer(network, table, archive, Grammar(12, 2))
    found = [c for n in (16, 400) for c in proposer.propose(n, Deadline())]
    lent = [value for c in found if c.initial is not None for value in c.initial]
    assert {-3.2, 4.1} & set(lent)


def test_seeds_decide_the_sampling_and_not_the_beam(network):
    def run(decoding, seed):
        proposer = NetworkProposer(network, *problem(), Grammar(20, 2), decoding=decoding, seed=seed)
        return [forms(found) for found in calls(proposer, [12, 12])]

    assert run("sampling", 1) == run("sampling", 1)
    assert run("sampling", 1)[0] != run("sampling", 2)[0]
    assert run("beam", 1)[0] == run("beam", 2)[0]
    assert run("beam", 1)[1] != run("beam", 2)[1]


def test_views_that_succeed_have_more_turns(network):
    table, archive = problem()
    archive.add(Entry(Expression.from_names("x1"), 0.2))
    archive.add(Entry(Expression.from_names("add C mul C x1", (-3.2, 4.1)), 0.1))

    def holes(reward):
        """Proposals that borrow constants, where they are a success or where everything else is."""
        proposer = NetworkProposer(network, table, archive, Grammar(9, 2))
        n = 0
        for _ in range(30):
            found = proposer.propose(8, Deadline())
            borrowed = [c.initial is not None for c in found]
            proposer.learn(found, [1e-3 if some == reward else 1.0 for some in borrowed])
            n += sum(borrowed)
        return n

    assert holes(True) > 1.5 * holes(False)


def test_the_data_matters(network):
    grammar = Grammar(20, 2)
    first, second = (
        NetworkProposer(network, *problem(seed), grammar).propose(8, Deadline())[0].log_prob for seed in (0, 1)
    )
    assert first != second


def test_threads_share_one_network(network):
    def run(seed):
        proposer = NetworkProposer(network, *problem(seed), Grammar(20, 2), decoding="sampling", seed=seed)
        return [forms(found) for found in calls(proposer, [10, 10])]

    alone = [run(seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(run, range(6))) == alone


def test_a_small_language_runs_dry(network):
    proposer = NetworkProposer(network, *problem(), Grammar(1, 2))
    found = [c for _ in range(4) for c in proposer.propose(50, Deadline())]
    assert len(found) == len(set(forms(found))) == 2  # x1 and x2; constants need no search
    assert proposer.propose(50, Deadline()) == []


@pytest.mark.parametrize("decoding", ["beam", "sampling"])
def test_a_late_network_still_answers(network, decoding):
    proposer = NetworkProposer(network, *problem(), Grammar(30, 2), decoding=decoding)
    assert len(proposer.propose(20, Deadline(0.0))) == 1


def test_wrong_arguments(network):
    with pytest.raises(ValueError, match="at most 40 tokens"):
        NetworkProposer(network, *problem(), Grammar(41, 2))
    with pytest.raises(ValueError, match="'beam' or 'sampling'"):
        NetworkProposer(network, *problem(), Grammar(20, 2), decoding="greedy")
