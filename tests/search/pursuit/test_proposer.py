"""Laws that the pursuit must find, in noise and without, and what it never does."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.archive import Archive, Entry
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.candidate import Candidate, identity
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.pursuit.links import LINKS
from nesymres_sk.search.pursuit.matching import Design
from nesymres_sk.search.pursuit.proposer import PursuitProposer
from nesymres_sk.search.pursuit.views import Views
from nesymres_sk.table import Table

Array = NDArray[np.float64]

#: Relative error of what is no coincidence.
EXACT = 1e-20


def make(
    X: Array, y: Array, *, operators: list[str] | None = None, max_length: int = 40, weight: Array | None = None
) -> tuple[PursuitProposer, Table]:
    table = Table.prepare(X, y, weight)
    grammar = Grammar(max_length, X.shape[1], operators)
    return PursuitProposer(table, Archive(table.floor), grammar, np.random.default_rng(0)), table


def fitted(candidate: Candidate) -> Expression:
    """The candidate with its start in the places of free constants."""
    assert candidate.initial is not None
    return candidate.skeleton.with_constants(candidate.initial)


def best_error(candidates: list[Candidate], table: Table) -> float:
    """Smallest relative error of the starts."""
    return min(table.error(fitted(candidate)) for candidate in candidates)


LAWS = [
    ("x1**4 - x1**3 + x2**2/2 - x2", -1.0, 1.0),
    ("sin(x1**2)*cos(x1) - 1", -1.0, 1.0),
    ("log(x1 + 1) + log(x1**2 + 1)", 0.1, 2.0),
    ("x1*x2/(4*pi*x3*x4**2)", 1.0, 5.0),
    ("x2*sqrt(1 - x1**2/x3**2)", 1.0, 1.9),
    ("x1/(x2 + x3) + x4", 1.0, 5.0),
    ("x1**2*x2*x3**3*x4/(x5*x6**2*sqrt(x7))*x8*x9**2/x10", 1.0, 3.0),
    ("(x1 + x2*x3)/(1 + x2*x1)", 1.0, 5.0),
    ("sqrt(2.5*x1**2 + 0.7*x2**2 + 1.9*x3**2)", -2.0, 3.0),
    ("-3.7*x1*x2*exp(-x2**2/2)", -2.0, 2.0),
    ("1/(1.3 + 2.4*x1**3 - 0.8*x2)", 0.0, 1.0),
    # unique only if the polynomials have the lowest degree that will do
    ("(1 + x1/2 + x1**2/12)/(1 - x1/2 + x1**2/12)", -1.0, 1.0),
    ("(x1**6 + x1**5)/(x1**4 + x1**3 + x1**2 + x1 + 1)", -1.0, 1.0),
    # too long unless its squares are completed
    ("1/(2 + (x1 - 3)**2 + (x2 - 2)**2 + (x3 - 4)**2 + (x4 - 1)**2 + (x5 - 5)**2)", 0.0, 6.0),
    # found when factors are divided out, or one column stands for two
    ("x1/(x5*sqrt(x2**2 + x3**2 - 2*x2*x3*cos(x4)))", 1.0, 3.0),
    ("x1*x2*x3/((x4 - x5 + 2)**2 + (x6 - x7 + 2)**2)", 1.0, 2.0),
    ("sqrt(x1**2 + x2**2 - 2*x1*x2*cos(x3 - x4))", 1.0, 5.0),
    ("sqrt(x1*(x2 + 5) - (x3/x4)**2/2)/x1", 2.0, 3.0),
    # inverse powers alone
    ("1/(1/x1 + 1/x2 + 1/x3)", 10.0, 100.0),
    # a polynomial below a root and a line, and a quotient of such
    ("1/sqrt((1 - x1**2)**2 + (2*x1*x2)**2)", 0.1, 3.0),
    ("sqrt((1 + (2*x1*x2)**2)/((1 - x1**2)**2 + (2*x1*x2)**2))", 0.1, 3.0),
    # sums, also of inverse columns, times a function
    ("x1 + (x2 - x1)*exp(-x3/x4)", 1.0, 5.0),
    ("x1/(1 + (x1 - x2)/x2*exp(-x3*x4))", 0.2, 2.0),
    # what is missing to one, and odds
    ("1 - exp(-x1**x2)", 0.5, 2.0),
    ("x1*x3/(x1*x3 + (1 - x2)*(1 - x3))", 0.1, 0.9),
    # exponents that are columns, next to a factor and to what is added
    ("x1*(1 + x2)**x3", 0.5, 2.0),
    ("x1**x3*(x1 + x2)**(2 - x3)", 0.5, 2.0),
    ("exp(-(x1 + x2)**x3*x2)", 0.5, 2.0),
    ("x1 + (x2 - x1)/(1 + (x3/x4)**x5)", 0.5, 3.0),
    ("1/sqrt(1 + (x1/x2)**(2*x3))", 0.5, 3.0),
    ("1 - (1 - x1)/(1 + x2**x3)", 0.1, 0.9),
    # ratios times a function
    ("x1/x2*(1 - (1 + x2)**(-x3)) + 100*(1 + x2)**(-x3)", 0.5, 2.0),
    # decibels, and powers of ten
    ("10*log(10**(x1/10) + 10**(x2/10))/log(10)", 10.0, 20.0),
    ("x1/(1 + 10**(x2 - x3) + 10**(x3 - x4))", 1.0, 3.0),
    # a root of a quadratic
    ("(x1 + x2)/2 + sqrt(((x1 - x2)/2)**2 + x3**2)", 0.5, 3.0),
]


@pytest.mark.parametrize(("law", "low", "high"), LAWS)
def test_laws_are_found_in_the_first_calls(law: str, low: float, high: float) -> None:
    truth = parse(law)
    X = np.random.default_rng(3).uniform(low, high, (150, max(truth.variables) + 1))
    if law.startswith("x2*sqrt"):
        X[:, 2] += 1.0
    proposer, table = make(X, evaluate(truth, X))
    found: list[Candidate] = []
    for _ in range(4):
        found += proposer.propose(60, Deadline())
        if best_error(found, table) < EXACT:
            return
    pytest.fail(f"best error {best_error(found, table)}")


IN_NOISE = [
    "sqrt(x1**2 + x2**2 - 2*x1*x2*cos(x3 - x4))",
    "x1*x2*tanh(x2*x3/(x4*x5))",
    "x1*x2/(x3**2 + 0.5*x4**2)",
]


@pytest.mark.parametrize("law", IN_NOISE)
def test_laws_are_among_the_first_in_noise(law: str) -> None:
    rng = np.random.default_rng(5)
    equation = parse(law)
    X = rng.uniform(1.0, 5.0, (128, max(equation.variables) + 1))
    truth = evaluate(equation, X)
    proposer, _ = make(X, truth + 0.01 * np.sqrt(np.mean(truth**2)) * rng.normal(size=128))
    found = [candidate for candidate in proposer.propose(40, Deadline()) if len(candidate.skeleton.tokens) <= 24]
    errors = [np.mean(np.square(evaluate(fitted(candidate), X) - truth)) / np.mean(truth**2) for candidate in found]
    assert min(errors) < 3e-5  # the noise is 1e-4


def test_exact_matches_do_not_give_way_to_shorter_ones() -> None:
    X = np.random.default_rng(3).uniform([4.0, 1.0, 2.0], [6.0, 2.0, 4.0], (128, 3))
    proposer, table = make(X, evaluate(parse("sqrt((x1/x2)**2 - 9.87/x3**2 + 0.3)"), X))
    # one look through all views
    assert best_error(proposer.propose(400, Deadline()), table) < EXACT


def test_close_equations_are_the_pareto_front_first() -> None:
    rng = np.random.default_rng(12)
    X = rng.uniform(1.0, 3.0, (100, 2))
    y = X[:, 0] * np.sin(X[:, 1]) + 0.1 * rng.normal(size=100)
    few, many = (make(X, y)[0].propose(n, Deadline()) for n in (5, 40))
    assert [candidate.skeleton for candidate in few] == [candidate.skeleton for candidate in many[:5]]
    _, table = make(X, y)
    # of a front the longer ones are the better ones
    errors = [best_error([candidate], table) for candidate in few]
    assert len(few[0].skeleton.tokens) < len(few[-1].skeleton.tokens)
    assert errors[0] > errors[-1]


def test_with_a_deadline_calls_after_the_first_end_when_there_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(13)
    X, y = rng.uniform(1.0, 3.0, (60, 2)), rng.normal(size=60)
    looks = []
    for deadline, calls in ((Deadline(), 1), (Deadline(600.0), 2)):
        proposer, _ = make(X, y)
        counted: list[int] = []
        original = proposer._with_errors
        monkeypatch.setattr(proposer, "_with_errors", lambda e, o=original, c=counted: (c.append(len(e)), o(e))[1])
        for _ in range(calls):
            counted.clear()
            assert 0 < len(proposer.propose(10, deadline)) <= 10
            looks.append(len(counted))
    endless, first, second = looks
    assert 0 < second < first == endless


def test_with_a_deadline_a_call_ends_though_the_rules_let_little_pass() -> None:
    rng = np.random.default_rng(9)
    X = rng.uniform(0.5, 2.0, (100, 3))
    proposer, _ = make(X, np.exp(-X[:, 0]) * X[:, 1] + rng.normal(0.0, 0.1, 100), max_length=3)
    deadline = Deadline(1.0)
    found = proposer.propose(40, deadline)
    assert 0.3 < deadline.remaining < 0.9
    assert found


def test_the_target_needs_no_particular_unit() -> None:
    rng = np.random.default_rng(5)
    X = rng.uniform(1.0, 3.0, (100, 2)) * [1e-9, 1e8]
    proposer, table = make(X, 1e40 * X[:, 0] ** 2 / X[:, 1])
    assert best_error(proposer.propose(60, Deadline()), table) < EXACT


def test_nothing_comes_twice_and_calls_do_not_run_dry() -> None:
    rng = np.random.default_rng(6)
    X = rng.uniform(1.0, 3.0, (80, 2))
    proposer, _ = make(X, rng.normal(size=80))
    seen = set()
    for _ in range(4):
        candidates = proposer.propose(30, Deadline())
        assert 0 < len(candidates) <= 30
        keys = [identity(candidate.skeleton.skeleton()) for candidate in candidates]
        assert len(set(keys)) == len(keys)
        assert not seen & set(keys)
        seen |= set(keys)


@pytest.mark.parametrize("operators", [["add", "mul"], ["add", "sub", "mul", "div", "sin"], ["exp", "sub"]])
def test_the_grammar_is_kept(operators: list[str]) -> None:
    X = np.random.default_rng(7).uniform(0.5, 2.0, (60, 3))
    proposer, _ = make(X, np.exp(X[:, 0]) + X[:, 1] * X[:, 2], operators=operators, max_length=16)
    found = proposer.propose(15, Deadline())
    assert found
    assert all(Grammar(16, 3, operators).allows(candidate.skeleton) for candidate in found)


@pytest.mark.parametrize("n", [5, 8, 20])
def test_few_rows_never_get_as_many_constants(n: int) -> None:
    rng = np.random.default_rng(8)
    X = rng.uniform(1.0, 2.0, (n, 4))
    proposer, _ = make(X, rng.normal(size=n))
    for candidate in proposer.propose(60, Deadline()):
        assert candidate.initial is not None
        assert len(candidate.initial) + 1 < n


@pytest.mark.parametrize(("n", "d"), [(4, 1), (6, 2), (6, 4)])
def test_constants_move_only_where_rows_are_left(n: int, d: int) -> None:
    rng = np.random.default_rng(n + d)
    X = rng.uniform(1.0, 2.0, (n, d))
    proposer, _ = make(X, np.sqrt(np.abs(X[:, 0] - 1.5)) * np.exp(rng.normal(size=n)))
    for candidate in proposer.propose(200, Deadline()):
        assert candidate.initial is not None
        assert len(candidate.initial) + 1 < n


def test_functions_that_overflow_are_no_matches() -> None:
    functions = np.random.default_rng(3).normal(size=(3, 30)) * np.array([[1.0], [1e300], [1.0]])
    slope = np.linspace(1.0, 1e50, 30)
    design = Design(functions, np.ones((1, 30)), functions[0] + functions[2], slope)
    assert all(1 not in match.rows for match in design.singles(3))


def test_numbers_near_zero_are_no_divisors() -> None:
    X = np.random.default_rng(5).uniform(1.0, 2.0, (40, 2))
    X[3, 0] = 1e-310
    proposer, _ = make(X, np.cos(3.0 * X[:, 1]) / (X[:, 0] + 0.7) ** 2)
    for _ in range(2):
        proposer.propose(1000, Deadline())


def test_slopes_of_links_have_no_unit() -> None:
    y = np.linspace(-700.0, 5.0, 40)  # the slope of a logarithm is one over its exponential
    views = Views(y[:, None], y, np.ones(40))
    for link in LINKS:
        linked = views.linked(link)
        assert linked is None or linked[1].max() == 1.0
    assert views.linked(next(link for link in LINKS if link.operators == ("log",))) is not None


def test_odd_columns_do_no_harm() -> None:
    rng = np.random.default_rng(9)
    X = np.column_stack((np.full(50, 3.0), rng.integers(0, 4, 50).astype(float), rng.normal(size=50) * 1e150, X3(rng)))
    proposer, table = make(X, 2.0 * X[:, 1] ** 2 - X[:, 3])
    assert best_error(proposer.propose(60, Deadline()), table) < EXACT


def X3(rng: np.random.Generator) -> Array:
    """A column with both signs and a zero."""
    column = rng.normal(size=50)
    column[0] = 0.0
    return column


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_targets_that_are_one_number_on_the_rows_do_no_harm(value: float) -> None:
    # such as a rare event in a long table, of which only some rows are looked at
    proposer, _ = make(np.random.default_rng(15).normal(size=(60, 3)), np.full(60, value))
    assert isinstance(proposer.propose(40, Deadline()), list)


def test_weights_count() -> None:
    rng = np.random.default_rng(10)
    X = rng.uniform(1.0, 2.0, (100, 1))
    y = np.where(np.arange(100) < 90, X[:, 0] ** 3, 50.0)
    weight = np.where(np.arange(100) < 90, 1.0, 1e-9)
    proposer, _ = make(X, y, weight=weight)
    cube = Expression.from_names("cube x1")
    values = evaluate(cube, X)[:90]
    found = [fitted(candidate) for candidate in proposer.propose(60, Deadline())]
    errors = [np.abs(evaluate(expression, X)[:90] - values).max() for expression in found]
    assert min(errors) < 1e-3


def test_no_time_no_candidates() -> None:
    X = np.random.default_rng(11).uniform(1.0, 2.0, (50, 2))
    proposer, _ = make(X, X[:, 0])
    assert proposer.propose(50, Deadline(0.0)) == []


def test_equations_of_the_archive_are_built_upon() -> None:
    rng = np.random.default_rng(12)
    X = rng.uniform(0.5, 3.0, (120, 2))
    known = parse("sin(2.345*x1 + 0.4567*x2**3)")
    y = 3.0 * evaluate(known, X) + np.log(X[:, 1])
    table = Table.prepare(X, y)
    archive = Archive(table.floor)
    grammar = Grammar(40, 2)
    proposer = PursuitProposer(table, archive, grammar, np.random.default_rng(0))
    archive.add(Entry(known, table.error(known)))
    assert best_error(proposer.propose(200, Deadline()), table) < EXACT
