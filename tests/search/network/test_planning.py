"""Tree search over the decoder."""

import itertools

import numpy as np
import pytest
import torch

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.candidate import identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.network.decoding import Frontier, complete
from nesymres_sk.search.network.planning import PlanningProposer
from nesymres_sk.table import Table


def table(seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(1, 3, size=(40, 2))
    return Table.prepare(X, X[:, 0] ** 2)


def memory(network):
    return torch.randn(1, network.config.n_latents, network.config.width, generator=torch.Generator().manual_seed(0))


def log_prob(network, encoded, sequence):
    logits = network.decode(encoded, torch.tensor([[v.START, *sequence[:-1]]]))[0].double().log_softmax(dim=1)
    return float(logits[torch.arange(len(sequence)), list(sequence)].sum())


def test_completions_of_many_prefixes_are_those_of_each(network):
    encoded, grammar = memory(network), Grammar(12, 2)
    texts = ("", "add", "add x1", "mul sin x1", "mul sin x1", "add x1 square", "exp", "div C add x2 x1")
    prefixes = [tuple(v.ID[name] for name in text.split()) for text in texts]
    with torch.no_grad():
        found, continuations = complete(
            network, encoded, prefixes[:-1], grammar, Deadline(), torch.Generator().manual_seed(1), 6
        )
        for prefix, completion in zip(prefixes, found, strict=False):
            sequence, value = completion
            assert sequence[: len(prefix)] == prefix
            assert grammar.allows(Expression.skeleton_of(sequence))  # complete, or it would be no expression
            assert value == pytest.approx(log_prob(network, encoded, sequence), abs=1e-4)
    for prefix in prefixes[:-1]:
        assert prefix in continuations
    tokens, chances = continuations[()]
    frontier = Frontier(network, encoded, grammar)
    logits, allowed = frontier.expand()
    expected = logits[0].masked_fill(~allowed[0], -np.inf).softmax(dim=0)
    assert chances == sorted(chances, reverse=True)
    assert chances == pytest.approx(expected[tokens].tolist())
    assert chances[-1] >= expected[[t for t in range(v.SIZE) if t not in tokens]].max()


def test_completions_follow_the_network(network):
    encoded, grammar, n = memory(network), Grammar(1, 2), 4000
    found, continuations = complete(
        network, encoded, [()] * n, grammar, Deadline(), torch.Generator().manual_seed(0), 8
    )
    tokens, chances = continuations[()]
    drawn = [completion[0][0] for completion in found]
    for token, chance in zip(tokens, chances, strict=True):
        assert drawn.count(token) / n == pytest.approx(chance, abs=4 * np.sqrt(chance * (1 - chance) / n))


def test_a_passed_deadline_completes_nothing(network):
    found, _ = complete(network, memory(network), [()] * 3, Grammar(9, 2), Deadline(0.0), torch.Generator(), 4)
    assert found == [None] * 3


def test_nothing_is_proposed_twice_and_all_of_it_is_allowed(network):
    rules = Constraints(["add", "mul", "sin", "exp"], nested_constraints={"sin": {"sin": 0}})
    grammar = Grammar(15, 2, rules)
    proposer = PlanningProposer(network, table(), grammar)
    everything = []
    for n in (10, 40, 150):
        found = proposer.propose(n, Deadline())
        assert 0 < len(found) <= n
        assert [c.log_prob for c in found] == sorted((c.log_prob for c in found), reverse=True)
        assert all(grammar.allows(c.skeleton) for c in found)
        everything += [identity(c.skeleton) for c in found]
        proposer.learn(found, [0.3] * len(found))
    assert len(set(everything)) == len(everything) > 150


def test_the_search_goes_where_the_reward_is(network):
    """A reward for one function makes it frequent, one for everything else makes it rare."""
    cosine = v.operator_token("cos")

    def share(rewarded):
        proposer = PlanningProposer(network, table(), Grammar(9, 2), seed=1)
        found = []
        for _ in range(5):
            found = proposer.propose(100, Deadline())
            good = [(cosine in c.skeleton.tokens) == rewarded for c in found]
            proposer.learn(found, [1e-6 if some else 2.0 for some in good])
        return np.mean([cosine in c.skeleton.tokens for c in found])

    assert share(True) > 1.5 * share(False) + 0.1


def test_a_small_language_runs_dry(network):
    proposer = PlanningProposer(network, table(), Grammar(2, 1, ["sin", "exp"]))
    found = []
    for _ in itertools.count():
        new = proposer.propose(10, Deadline())
        if not new:
            break
        found += [c.skeleton.names() for c in new]
        proposer.learn(new, [np.inf] * len(new))
    assert sorted(found) == [("exp", "x1"), ("sin", "x1"), ("x1",)]


def test_seeds_decide(network):
    def run(seed):
        proposer = PlanningProposer(network, table(), Grammar(12, 2), seed=seed)
        return [identity(c.skeleton) for c in proposer.propose(30, Deadline())]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_a_passed_deadline_ends_the_search(network):
    assert PlanningProposer(network, table(), Grammar(30, 2)).propose(20, Deadline(0.0)) == []


def test_the_grammar_must_fit_the_network(network):
    with pytest.raises(ValueError, match="at most 40 tokens"):
        PlanningProposer(network, table(), Grammar(41, 2))
