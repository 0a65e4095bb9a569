"""The library of functions: what it holds is usable, distinct and within the grammar."""

from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.library.customary import customary_terms
from nesymres_sk.search.library.inner_constants import draw_terms
from nesymres_sk.search.library.library import Library
from nesymres_sk.search.library.short_functions import core_terms


def make(low: float = 0.5, high: float = 3.0, d: int = 2, operators: list[str] | None = None, n: int = 60) -> Library:
    X = np.random.default_rng(1).uniform(low, high, (n, d))
    return Library(X, Grammar(30, d, operators), np.random.default_rng(0))


@pytest.mark.parametrize("low", [-2.0, 0.5, 1e6])
def test_values_are_those_of_the_terms_finite_and_not_constant(low: float) -> None:
    library = make(low, 2.0 * abs(low))
    library.renew()
    assert len(library.terms) == len(library.values) == len(library.sizes) > 200
    assert np.isfinite(library.values).all()
    assert np.all(np.ptp(library.values, axis=1) > 0.0)
    for i in range(0, len(library.terms), 37):
        term = library.terms[i]
        assert term.is_fitted
        assert library.sizes[i] == term.complexity
        np.testing.assert_array_equal(library.values[i], evaluate(term, library._X))


def test_no_two_terms_are_multiples_of_each_other() -> None:
    library = make()
    library.renew()
    unit = library.values / np.sqrt(np.sum(np.square(library.values), axis=1))[:, None]
    cosines = np.abs(unit @ unit.T)
    np.fill_diagonal(cosines, 0.0)
    # the test on the rows has ten digits, a cosine sees the square of a deviation
    exact = np.argwhere(np.triu(cosines) > 1.0 - 1e-15)
    for i, j in exact:
        ratio = library.values[i] / library.values[j]
        assert np.ptp(ratio) > 1e-11 * np.abs(ratio).max()


def test_a_further_call_brings_other_terms_and_keeps_the_short_ones() -> None:
    library = make()
    library.renew()
    before = set(library.terms)
    shortest = [term for term in library.terms if term.complexity <= 3 and not term.constants]
    library.renew()
    assert set(shortest) <= set(library.terms)
    assert len(set(library.terms) - before) > 100


def test_parts_of_known_equations_are_entries() -> None:
    library = make()
    inner = Expression.from_names("cos add mul C x1 pow4 x2", [2.345])
    library.renew([Expression.from_names(["exp", *inner.names()], inner.constants)])
    assert inner in library.terms


def test_only_allowed_operators_and_short_terms() -> None:
    library = make(operators=["add", "mul", "sin"])
    library.renew()
    names = {name for term in library.terms for name in term.names()}
    assert names <= {"C", "x1", "x2", "1", "2", "3", "4", "5", "add", "mul", "sin", "square", "cube", "pow4", "pow5"}


@pytest.mark.parametrize(
    "equation",
    ["add mul C x1 C", "mul C x1", "x1"],
)
def test_equations_of_columns_alone_have_parts_that_do_no_harm(equation: str) -> None:
    library = make(d=1)
    library.renew([Expression.from_names(equation)])
    assert np.isfinite(library.values).all()


def test_the_core_holds_what_laws_are_made_of() -> None:
    terms = {to_infix(Expression(term)) for term in core_terms(Grammar(30, 2))}
    expected = {"x1", "x1 * x2", "x1 / x2", "x2 - x1", "sin(x1)", "x1 ** 2 + 1", "1 / (x1 + 1)", "log(x1 ** 2 + 1)"}
    expected |= {"sqrt(x1 + 1)", "exp(x1 * x2)", "sin(x1 ** 2)", "sqrt(x1 ** 2 + x2 ** 2)", "sin(x1) * cos(x2)"}
    expected |= {"exp(-x1)", "exp(-x1 / x2)", "exp(-x1 * x2)", "sin(x1) / x2"}
    missing = {name for name in expected if name not in terms}
    assert missing <= {"x2 - x1"}, missing  # of a difference one sign is enough


def test_the_core_holds_powers_and_decays_of_columns() -> None:
    terms = {to_infix(Expression(term)) for term in core_terms(Grammar(30, 3))}
    expected = {"x1 ** x2", "(x1 + 1) ** x2", "1 / (x1 + 1) ** x3", "(1 - x1) ** x2", "(x1 / x2) ** x3"}
    expected |= {"x1 * exp(-x2 * x3)", "x3 * exp(-x1 * x2)"}
    assert expected <= terms
    assert "x1 ** x2" not in {to_infix(Expression(term)) for term in core_terms(Grammar(30, 7))}  # there are too many


def test_the_common_come_before_the_rare() -> None:
    library = make()
    library.renew()
    assert sorted(library.common) == list(range(len(library.terms)))
    first = [to_infix(library.terms[i]) for i in library.common[:4]]
    assert first == ["x1", "x2", "x1 ** 2", "x2 ** 2"]
    enumerated = set(core_terms(Grammar(30, 2)))
    known = [library.terms[i].tokens in enumerated for i in library.common]
    assert known == sorted(known, reverse=True)


def test_functions_in_customary_units_are_entries_and_as_good_as_those_without_constants() -> None:
    library = make()
    library.renew()
    x = library._X[:, 0]
    for values in (10.0**x, 10.0 ** (x - library._X[:, 1]), 10.0 ** (-x / 20.0), np.sin(np.radians(x))):
        (row,) = np.flatnonzero(np.abs(library.values - values).max(axis=1) < 1e-9)
        assert library.natural[row]
    assert customary_terms(Grammar(30, 2, ["add", "sin"])) == []
    assert customary_terms(Grammar(30, 2, allow_constants=False)) == []


def test_the_core_keeps_the_grammar() -> None:
    grammar = Grammar(3, 3, ["add", "div", "sin"])
    terms = core_terms(grammar)
    assert len(set(terms)) == len(terms) > 10
    assert all(grammar.allows(Expression(term)) for term in terms)


def test_drawn_constants_suit_the_data() -> None:
    rng = np.random.default_rng(3)
    X = rng.uniform(1e3, 2e3, (50, 2))
    operands = [Expression.from_names("x1"), Expression.from_names("x2")]
    terms = draw_terms(operands, X.T.copy(), 400, Grammar(30, 2), rng)
    assert len(terms) > 300
    values = [evaluate(term, X) for term in terms]
    usable = [np.isfinite(row).all() and np.ptp(row) > 1e-9 * np.abs(row).max() for row in values]
    assert np.mean(usable) > 0.95


def test_no_constants_are_drawn_around_constant_operands_or_without_operators() -> None:
    column = [Expression.from_names("x1")]
    rng = np.random.default_rng(0)
    assert draw_terms(column, np.ones((1, 9)), 50, Grammar(30, 1), rng) == []
    assert draw_terms(column, np.arange(9.0)[None], 50, Grammar(30, 1, ["add", "mul"]), rng) == []
    assert draw_terms([], np.empty((0, 9)), 50, Grammar(30, 1), rng) == []
