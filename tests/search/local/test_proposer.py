"""Local search: what the solver may rely on, and the climb from a near miss to the law."""

import math

import numpy as np
import pytest

from nesymres_sk.archive import Archive, Entry
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.judge import FitOptions, Judge
from nesymres_sk.search.candidate import identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.local.proposer import LocalSearch
from nesymres_sk.table import Table


def problem(law, d=2, seed=0, n=100):
    X = np.random.default_rng(seed).uniform(0.5, 2.0, (n, d))
    return Table.prepare(X, evaluate(parse(law), X))


def archive_of(table, *laws):
    archive = Archive(table.floor)
    for law in laws:
        expression = canonical(parse(law))
        archive.add(Entry(expression, table.error(expression)))
    return archive


def search(table, archive, operators=None, seed=0, max_length=40, **options):
    grammar = Grammar(max_length, table.X.shape[1], operators)
    return LocalSearch(table, archive, grammar, np.random.default_rng(seed), **options)


def climb(law, start, rounds=20, seed=0):
    """Smallest error relative to the variance after some rounds of proposals and fits."""
    table = problem(law)
    archive = archive_of(table, start)
    judge = Judge(table, FitOptions(1), Deadline(), Deadline(), np.random.default_rng(seed), archive)
    proposer = search(table, archive, seed=seed)
    for _ in range(rounds):
        candidates = proposer.propose(200, Deadline())
        proposer.learn(candidates, judge.try_out(candidates, closed=True))
        if judge.is_exact:
            break
    return archive.best_error / table.variance


@pytest.mark.parametrize(
    ("law", "start"),
    [
        ("exp(-x1**2)*x2 + sin(x2)", "exp(x1)*x2"),
        ("x1*sqrt(x2 + 1.7) - 0.4*log(x1)", "x1*x2"),
        ("x1*exp(-x2) + 0.3*x2**2", "x1/x2"),
    ],
)
def test_near_misses_lead_to_the_law(law, start):
    assert climb(law, start) < 1e-20


def test_functions_are_matched_to_operands_in_any_order(monkeypatch):
    table = problem("exp(-x1**2)*x2 + sin(x2)")
    proposer = search(table, archive_of(table, "x1 + exp(x1) + sin(x2)"))
    shown = set()
    monkeypatch.setattr(proposer._matcher, "matches", lambda prefix, *numbers: shown.add(prefix) or [])
    for _ in range(5):
        proposer.propose(20, Deadline())
    assert len(shown) > 1
    assert len({tuple(sorted(prefix)) for prefix in shown}) == 1


def test_nothing_is_proposed_twice_and_everything_keeps_the_rules():
    table = problem("exp(-x1**2)*x2 + sin(x2)")
    operators = ["add", "mul", "exp", "sin"]
    proposer = search(table, archive_of(table, "exp(x1)*x2", "x1 + sin(x2)"), operators, max_length=15)
    grammar = Grammar(15, 2, operators)
    found = []
    for _ in range(12):  # past the change of the library
        candidates = proposer.propose(30, Deadline())
        assert 0 < len(candidates) <= 30
        proposer.learn(candidates, [1.0] * len(candidates))
        found += candidates
    assert len({identity(candidate.skeleton) for candidate in found}) == len(found)
    assert all(grammar.allows(candidate.skeleton) for candidate in found)


def test_constants_are_free_and_start_somewhere():
    table = problem("x1*x2 + 3")
    found = search(table, archive_of(table, "2.7*x1*x2 + 0.3")).propose(100, Deadline())
    assert all(math.isnan(value) for candidate in found for value in candidate.skeleton.constants)
    assert all(len(candidate.initial) == len(candidate.skeleton.constants) for candidate in found)
    assert np.isfinite([value for candidate in found for value in candidate.initial]).all()
    assert any(2.7 in candidate.initial for candidate in found)


def test_an_empty_archive_has_no_neighbours():
    table = problem("x1*x2")
    assert search(table, Archive(table.floor)).propose(10, Deadline()) == []


def test_columns_without_variation_are_no_obstacle():
    table = Table.prepare(np.ones((10, 2)), np.arange(10.0))
    assert search(table, archive_of(table, "4.5")).propose(20, Deadline())


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_extreme_units_of_the_target_are_no_obstacle(scale):
    X = np.random.default_rng(0).uniform(0.5, 2.0, (50, 2))
    table = Table.prepare(X, scale * X[:, 0] * X[:, 1])
    archive = Archive(table.floor)
    archive.add(Entry(Expression.from_names("mul C x1", [scale]), 0.5))
    assert search(table, archive).propose(50, Deadline())


def test_the_deadline_is_honoured():
    table = problem("x1*x2 + 1")
    proposer = search(table, archive_of(table, "x1 + x2"))
    passed = Deadline(0.0)
    assert len(proposer.propose(5000, passed)) < 500


def test_the_seed_decides():
    table = problem("x1*x2 + 1")

    def run(seed):
        proposer = search(table, archive_of(table, "x1 + x2"), seed=seed)
        return [identity(candidate.skeleton) for candidate in proposer.propose(40, Deadline())]

    assert run(1) == run(1)
    assert run(1) != run(2)


def test_search_goes_further_from_the_front_where_it_does_not_get_on():
    table = problem("x1*x2 + 1")
    proposer = search(table, archive_of(table, "x1*x2 + 0.8", "0.9*x1*x2 + 0.8"))

    def share_of_the_best():
        weights = [parent.weight for parent in proposer._parents()]
        return max(weights) / sum(weights)

    before = share_of_the_best()
    for _ in range(8):
        found = proposer.propose(5, Deadline())
        proposer.learn(found, [math.inf] * len(found))
    proposer._visits.clear()
    stuck = share_of_the_best()
    assert stuck < before
    found = proposer.propose(5, Deadline())
    proposer.learn(found, [0.0] * len(found))
    proposer._visits.clear()
    assert share_of_the_best() == before


def test_changes_that_succeed_become_more_frequent():
    table = problem("x1*x2 + 1")

    def length(long_ones_succeed):
        proposer = search(table, archive_of(table, "sin(x1)*exp(x2) + sin(x2)"))
        sizes: list[int] = []
        for _ in range(6):
            found = proposer.propose(150, Deadline())
            sizes = [candidate.skeleton.complexity for candidate in found]
            proposer.learn(found, [0.0 if (size > 8) is long_ones_succeed else 1e9 for size in sizes])
        return np.mean(sizes)

    assert length(True) > length(False) + 1.0
