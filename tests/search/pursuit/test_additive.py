"""Sums of functions with inner constants: their derivatives and trees, and laws between the points of the grid."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from nesymres_sk.archive import Archive
from nesymres_sk.deadline import Deadline
from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.pursuit.additive import AdditivePursuit
from nesymres_sk.search.pursuit.atoms import Dictionary
from nesymres_sk.search.pursuit.proposer import PursuitProposer
from nesymres_sk.search.pursuit.views import Views
from nesymres_sk.table import Table

Array = NDArray[np.float64]

LAWS = [
    "10*sin(3.14*x1*x2) + 20*(x3 - 0.5)**2 + 5*x1",
    "4.1*log(x1 + 2.3) + 2*exp(-(x2 - 1.7)**2)",
    "3.3*x1/(x2 + 0.37) + 2*sin(1.9*x3 + 0.4)",
    "5.5*tanh(1.3*x1) + 2.2*x2*exp(-0.7*x3)",
    "1.7*x1**2.4 - sqrt(x2 + 1.1)",
    "2*cos(x1 - x2) + 3*exp(0.4*x3)",
    "0.4*sqrt(x1)*exp(-0.75*x2) + 0.3*x1 - 0.04*x1**2",
    "1.3*x1**0.7/x2**1.2 + 2*sin(1.9*x3 + 0.4)",
    "2*x1**1.7*exp(-1.6*x1) - 3*log(x2 + 0.3)",
    "2.5*x1**3.2/(4.1 + x1**3.2) - 0.8*x1 + 2*sin(1.9*x3 + 0.4)",
]


def everything(operator: str) -> bool:
    return True


def points(n: int = 128, d: int = 3) -> Array:
    return np.random.default_rng(0).uniform(0.2, 3.0, (n, d))


def dictionary_of(X: Array, allowed=everything) -> Dictionary:  # type: ignore[no-untyped-def]
    return Dictionary(Views(X, X[:, 0], np.ones(len(X))).columns, allowed)


def sums(X: Array, y: Array, slope: Array | None = None) -> list[Expression]:
    views = Views(X, y, np.ones(len(y)))
    quadratic = [part for part in views.monomials() if part.degree == 2]
    slope = np.ones(len(y)) if slope is None else slope
    pursuit = AdditivePursuit(Dictionary(views.columns, everything), [*views.linear(), *quadratic], y, slope)
    return [Expression.from_tree(tree) for tree in pursuit.trees(Deadline())]


def best_error(found: list[Expression], X: Array, y: Array) -> float:
    return min(float(np.mean(np.square(evaluate(equation, X) - y)) / y.var()) for equation in found)


def test_derivatives_are_those_of_differences() -> None:
    dictionary = dictionary_of(points(20))
    rng = np.random.default_rng(1)
    atoms = dictionary.atoms[rng.choice(len(dictionary.values), 400, replace=False)]
    _, slopes = dictionary.evaluate(atoms, slopes=True)
    for k in range(3):
        step = np.zeros(3)
        step[k] = 1e-6
        ahead, behind = (dictionary.evaluate(atoms.with_numbers(atoms.numbers + s * step))[0] for s in (1, -1))
        difference = (ahead - behind) / 2e-6
        scale = np.abs(difference).max(axis=1, keepdims=True) + 1.0
        free = slopes[:, k].any(axis=1)
        np.testing.assert_allclose((slopes[free, k] / scale[free]), (difference[free] / scale[free]), atol=1e-6)
        if k == 1:
            assert not slopes[atoms.second < 0, 1].any()


@pytest.mark.parametrize(("offset", "accuracy"), [(0.0, 1e-8), (1e5, 1e-4)])
def test_trees_have_the_values_of_their_atoms_up_to_a_summand(offset: float, accuracy: float) -> None:
    X = points(30)
    X[:, 1] *= 1000.0
    X += offset  # far from zero some exponentials of what is beside the operands are no numbers, and digits are lost
    dictionary = dictionary_of(X)
    rng = np.random.default_rng(2)
    for i in rng.choice(len(dictionary.values), 300, replace=False):
        values = evaluate(Expression.from_tree(dictionary.tree(dictionary.atoms[int(i)], 2.5)), X)
        expected = 2.5 * dictionary.values[i]
        np.testing.assert_allclose(values, expected, atol=accuracy * np.abs(expected).max(), rtol=accuracy)


def test_families_differ_in_more_than_constants() -> None:
    dictionary = dictionary_of(points(20))
    atoms = dictionary.atoms
    keys = np.stack((atoms.shape, atoms.first, atoms.second, atoms.modulator), axis=1)
    assert len(np.unique(dictionary.families)) == len(np.unique(keys, axis=0))


@pytest.mark.parametrize("law", LAWS)
def test_laws_between_the_points_of_the_grid_are_found(law: str) -> None:
    X = points()
    y = evaluate(parse(law), X)
    assert best_error(sums(X, y), X, y) < 1e-18


@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_the_units_do_not_matter(unit: float) -> None:
    X = points()
    y = evaluate(parse(LAWS[1]), X)
    found = sums(X * [1.0, 1e9, 1e-9], unit * y)
    assert best_error(found, X * [1.0, 1e9, 1e-9], unit * y) < 1e-18


@pytest.mark.parametrize("law", ["tanh(4*x1 - 5) + 0.3*x2**2", "exp(-2*x1) + sin(2*x2)"])
def test_columns_may_be_far_from_zero(law: str) -> None:
    X = points()
    y = evaluate(parse(law), X)
    far = 1e6 + X
    found = sums(far, y)
    # warnings of overflow would fail; ten of sixteen digits are lost to the offset
    assert best_error(found, far, y) < 1e-8


def test_noise_moves_the_constants_a_little_and_adds_nothing() -> None:
    X = points(400)
    law = evaluate(parse(LAWS[0]), X)
    y = law + 0.05 * law.std() * np.random.default_rng(1).standard_normal(len(law))
    found = sums(X, y)
    assert best_error(found, X, law) < 3e-4
    assert any(equation.complexity < 35 and best_error([equation], X, law) < 1e-3 for equation in found)


def test_weights_count() -> None:
    X = points()
    y = evaluate(parse(LAWS[2]), X)
    wrong, slope = y.copy(), np.ones(len(y))
    wrong[:20] += 50.0
    slope[:20] = 0.0
    assert best_error(sums(X, wrong, slope), X, y) < 1e-18
    assert best_error(sums(X, wrong), X, y) > 1e-4


@pytest.mark.parametrize(
    "y",
    [
        np.zeros(60),
        np.ones(60),
        np.arange(60.0),
        np.r_[np.zeros(59), 1.0],
        np.r_[np.zeros(59), 1e300],
        np.random.default_rng(0).standard_normal(60),
        np.sign(np.random.default_rng(0).standard_normal(60)),
    ],
    ids=["zero", "constant", "line", "one", "huge", "noise", "signs"],
)
def test_odd_targets_do_no_harm(y: Array) -> None:
    for equation in sums(points(60), y):
        assert np.isfinite(equation.constants).all()


@pytest.mark.parametrize("n", [3, 8, 12, 15, 20, 30])
@pytest.mark.parametrize("law", ["sin(x1)", "x1", "4.1*log(x1 + 2.3)", "exp(x2)/(x1 + x3)"])
def test_few_rows_never_get_as_many_constants(law: str, n: int) -> None:
    X = points(n)
    for equation in sums(X, evaluate(parse(law), X)):
        assert len(equation.constants) < n


def test_many_columns_are_no_obstacle() -> None:
    X = points(200, 10)
    y = evaluate(parse("4*sin(2.2*x9) + 3*x2*x7 + x10"), X)
    assert best_error(sums(X, y), X, y) < 1e-18


def test_no_time_no_sums() -> None:
    X = points()
    views = Views(X, X[:, 0], np.ones(len(X)))
    y = evaluate(parse(LAWS[0]), X)
    pursuit = AdditivePursuit(Dictionary(views.columns, everything), views.linear(), y, np.ones(len(y)))
    assert not pursuit.trees(Deadline(1e-9))


def test_forbidden_operators_do_not_occur() -> None:
    X = points(20)
    for name in ("sin", "exp", "tanh", "log", "sqrt"):
        dictionary = dictionary_of(X, lambda operator, name=name: operator != name)
        atoms = [dictionary.atoms[i] for i in range(len(dictionary.values))]
        assert atoms
        assert not any(name in Expression.from_tree(dictionary.tree(atom, 1.0)).names() for atom in atoms)
    assert not len(dictionary_of(X, lambda operator: False).values)


@pytest.mark.parametrize("law", LAWS[:3])
def test_the_pursuit_looks_for_them(law: str) -> None:
    X = points()
    y = evaluate(parse(law), X)
    table = Table.prepare(X, y)
    proposer = PursuitProposer(table, Archive(table.floor), Grammar(40, 3), np.random.default_rng(0))
    errors = [
        table.error(candidate.skeleton.with_constants(candidate.initial))
        for candidate in proposer.propose(100, Deadline())
        if candidate.initial is not None
    ]
    assert min(errors) < 1e-18


def test_powers_and_saturations_need_neither_exponentials_nor_hyperbolic_tangents() -> None:
    X = points()
    y = evaluate(parse("2.5*x1**3.2/(4.1 + x1**3.2) + 1.3*x2**0.7/x3**1.2"), X)
    views = Views(X, y, np.ones(len(y)))
    dictionary = dictionary_of(X, lambda operator: operator not in ("exp", "tanh"))
    found = AdditivePursuit(dictionary, views.linear(), y, np.ones(len(y))).trees(Deadline())
    assert best_error([Expression.from_tree(tree) for tree in found], X, y) < 1e-20


def test_constraints_are_kept() -> None:
    X = points()
    y = evaluate(parse(LAWS[1]), X)
    table = Table.prepare(X, y)
    grammar = Grammar(40, 3, Constraints(excluded_operators=["exp", "log"]))
    proposer = PursuitProposer(table, Archive(table.floor, grammar.constraints), grammar, np.random.default_rng(0))
    for candidate in proposer.propose(60, Deadline()):
        assert not {"exp", "log"} & set(candidate.skeleton.names())
