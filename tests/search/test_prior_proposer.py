"""Random skeletons of the prior as a source of candidates."""

import numpy as np
import pytest

from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.closure import close
from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.operators import BY_NAME
from nesymres_sk.search.candidate import identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.prior_proposer import PriorProposer
from nesymres_sk.search.random_skeletons import RandomSkeletons


def test_the_prior_gives_distinct_canonical_skeletons_short_ones_first():
    grammar, sizes = Grammar(40, 3), [50, 500, 1500]
    proposer = PriorProposer(3, rng=np.random.default_rng(0))
    rounds = [proposer.propose(n, Deadline()) for n in sizes]
    for found in rounds:
        assert [c.log_prob for c in found] == sorted((c.log_prob for c in found), reverse=True)
        assert all(grammar.allows(c.skeleton) for c in found)
    assert len({identity(c.skeleton) for found in rounds for c in found}) == sum(sizes)
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


def test_the_clock_is_looked_at_where_no_tree_is_allowed(monkeypatch):
    drawn = []

    def batches(self):
        for i in range(1000):
            drawn.append(i)
            yield [Expression.from_names("mul x1 sin x2")]

    class Clock(Deadline):
        @property
        def passed(self):
            return len(drawn) > 3

    monkeypatch.setattr(RandomSkeletons, "__iter__", batches)
    assert PriorProposer(2, Constraints(max_complexity=3)).propose(10, Clock()) == []
    assert len(drawn) == 4
    drawn.clear()
    assert PriorProposer(2, Constraints(max_complexity=3)).propose(10, Deadline()) == []
    assert len(drawn) < 20  # without a clock the source is taken for exhausted
