"""Proposers: what the solver may rely on, whatever the source of the skeletons."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.operators import BY_NAME
from nesymres_sk.model.config import PRESETS
from nesymres_sk.model.inputs import table_to_batch
from nesymres_sk.model.network import Network
from nesymres_sk.search.candidate import identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.proposers import NetworkProposer, PriorProposer


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return Network(PRESETS["tiny"]).eval()


def problem(seed=0, d=2):
    rng = np.random.default_rng(seed)
    X = rng.uniform(1, 3, size=(40, d))
    return table_to_batch(X, X[:, 0] ** 2, max_points=64, rng=rng)


def calls(proposer, sizes):
    return [proposer.propose(n, Deadline()) for n in sizes]


def check(rounds, sizes, grammar):
    for found, n in zip(rounds, sizes, strict=True):
        assert 0 < len(found) <= n
        assert [c.log_prob for c in found] == sorted((c.log_prob for c in found), reverse=True)
        assert all(grammar.allows(c.skeleton) for c in found)
    everything = [identity(c.skeleton) for found in rounds for c in found]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("decoding", ["beam", "sampling"])
def test_the_network_never_proposes_anything_twice(network, decoding):
    grammar = Grammar(20, 2, ["add", "mul", "div", "exp"])
    sizes = [16, 24, 8, 30]
    check(calls(NetworkProposer(network, problem(), grammar, decoding), sizes), sizes, grammar)


def test_seeds_decide_the_sampling_and_not_the_beam(network):
    grammar = Grammar(20, 2)

    def run(decoding, seed):
        return calls(NetworkProposer(network, problem(), grammar, decoding, seed=seed), [12, 12])

    assert run("sampling", 1) == run("sampling", 1)
    assert run("sampling", 1)[0] != run("sampling", 2)[0]
    assert run("beam", 1)[0] == run("beam", 2)[0]
    assert run("beam", 1)[1] != run("beam", 2)[1]


def test_the_data_matters_to_the_network(network):
    grammar = Grammar(20, 2)
    first, second = (
        NetworkProposer(network, problem(seed), grammar).propose(8, Deadline())[0].log_prob for seed in (0, 1)
    )
    assert first != second


def test_threads_share_one_network(network):
    grammar = Grammar(20, 2)

    def run(seed):
        return calls(NetworkProposer(network, problem(seed), grammar, "sampling", seed=seed), [10, 10])

    alone = [run(seed) for seed in range(6)]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(run, range(6)))
    for a, b in zip(alone, together, strict=True):
        assert [[identity(c.skeleton) for c in found] for found in a] == [
            [identity(c.skeleton) for c in found] for found in b
        ]


def test_a_small_language_runs_dry(network):
    grammar = Grammar(1, 2)
    proposer = NetworkProposer(network, problem(), grammar)
    found = [c for _ in range(4) for c in proposer.propose(50, Deadline())]
    assert len(found) == len({identity(c.skeleton) for c in found}) == 2  # x1 and x2; constants need no search
    assert proposer.propose(50, Deadline()) == []


def test_a_late_network_still_answers(network):
    for decoding in ("beam", "sampling"):
        found = NetworkProposer(network, problem(), Grammar(30, 2), decoding).propose(20, Deadline(0.0))
        assert len(found) == 1


def test_wrong_arguments_of_the_network_proposer(network):
    batch = problem()
    with pytest.raises(ValueError, match="at most 40 tokens"):
        NetworkProposer(network, batch, Grammar(41, 2))
    with pytest.raises(ValueError, match="'beam' or 'sampling'"):
        NetworkProposer(network, batch, Grammar(20, 2), "greedy")
    two = type(batch)(*(np.concatenate([field, field]) for field in batch))
    with pytest.raises(ValueError, match="one problem, got a batch of 2"):
        NetworkProposer(network, two, Grammar(20, 2))


def test_the_prior_gives_distinct_canonical_skeletons_short_ones_first():
    grammar, sizes = Grammar(40, 3), [50, 500, 1500]
    rounds = calls(PriorProposer(3, rng=np.random.default_rng(0)), sizes)
    check(rounds, sizes, grammar)
    assert [len(found) for found in rounds] == sizes
    for candidate in rounds[2][::20]:
        assert identity(canonical(candidate.skeleton)) == identity(candidate.skeleton)
    lengths = [np.mean([c.skeleton.complexity for c in found]) for found in rounds]
    assert lengths[0] < lengths[1] < lengths[2]


def test_the_prior_is_deterministic_and_seeded():
    def run(seed):
        return [
            identity(c.skeleton) for c in PriorProposer(2, rng=np.random.default_rng(seed)).propose(3000, Deadline())
        ]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_short_laws_are_reached_soon():
    laws = ("mul x1 mul x2 x3", "div mul x1 x2 square x3", "exp neg square x1", "mul x1 sin x2", "add x1 mul x2 x3")
    wanted = {identity(close(canonical(Expression.from_names(law)))) for law in laws}
    found = PriorProposer(3, rng=np.random.default_rng(0)).propose(6000, Deadline())
    assert len(wanted & {identity(close(c.skeleton)) for c in found}) >= len(laws) - 1


def test_the_prior_keeps_to_the_operators():
    for operators in (
        ["add", "mul"],
        ["sin", "exp"],
        ["div"],
        [],
        ["acos", "pow"],
        ["add", "sub", "mul", "div", "log"],
    ):
        found = PriorProposer(2, operators, np.random.default_rng(0)).propose(300, Deadline())
        assert found
        drawn = {name for c in found for name in c.skeleton.names() if name in BY_NAME}
        # factors and shifts by a constant are arithmetic that every equation may have
        assert drawn <= set(Grammar(40, 2, [*operators, "add", "sub", "mul", "div"]).operators)


def test_a_law_may_have_a_shift():
    skeletons = {identity(c.skeleton) for c in PriorProposer(2, rng=np.random.default_rng(0)).propose(4000, Deadline())}
    assert identity(Expression.from_names("mul C sin x1")) in skeletons
    shifted = [tokens for tokens, _ in skeletons if tokens[0] == v.operator_token("add") and v.CONSTANT in tokens[1:]]
    assert 0.05 < len(shifted) / len(skeletons) < 0.5


def test_the_prior_heeds_the_deadline_and_unknown_operators():
    assert PriorProposer(2).propose(100, Deadline(0.0)) == []
    with pytest.raises(ValueError, match="unknown operators"):
        PriorProposer(2, ["plus"])
    with pytest.raises(ValueError, match="n_variables"):
        PriorProposer(11)
