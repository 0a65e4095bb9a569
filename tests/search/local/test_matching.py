"""Matching: the terms that an equation needs in one of its places."""

import numpy as np
import pytest

from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate, evaluate_many
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.candidate import identity
from nesymres_sk.search.local.matching import Matcher
from nesymres_sk.search.local.prefix import to_expression, to_prefix
from nesymres_sk.table import Table

TERMS = ["x1", "x2", "x1**2", "sin(x2)", "exp(x1)", "x1*x2", "log(x2)", "cos(x1)", "sqrt(x2)", "1/x1"]


def matcher(y, X):
    terms = [parse(text) for text in TERMS]
    return matcher_of(terms, X, y)


def matcher_of(terms, X, y, weight=None):
    rows = Table.prepare(X, y, weight)  # sorts the rows
    values = evaluate_many(terms, rows.X)
    return Matcher(terms, values, rows, np.random.default_rng(0))


def data(law, seed=0):
    X = np.random.default_rng(seed).uniform(0.5, 2.5, (64, 2))
    return X, evaluate(parse(law), X)


def errors(law, start, n_places=100, n_each=3):
    X, y = data(law)
    matches = matcher(y, X)
    found = matches.matches(to_prefix(parse(start)), n_places, n_each)
    actual = []
    for match in found:
        with np.errstate(all="ignore"):
            values = [evaluate(to_expression(prefix), X) for prefix in matches.write(match)]
            actual.append(np.nanmin([np.mean(np.square(value - y)) for value in values] + [np.inf]))
    return found, np.array(actual)


@pytest.mark.parametrize(
    ("law", "start"),
    [
        ("x1*x2 + 3.7*sin(x2)", "x1*x2"),  # a term
        ("exp(x1)*(2*log(x2) + 1.3)", "exp(x1)"),  # a factor with an offset
        ("exp(x1)/(2*sqrt(x2) + 1.3)", "exp(x1)"),  # a divisor
        ("log(x1 + 0.3*x1**2)", "log(x1)"),  # inside a function
        ("sqrt(x1*x2 + 2)*x1", "sqrt(x1 + x2)*x1"),  # in place of a part
        ("exp(-0.5*x1**2) + x2", "exp(-0.5*x1) + x2"),
        ("x1/(1 + 0.7*x2*x1)", "x1/(1 + x2)"),
    ],
)
def test_one_step_to_the_law(law, start):
    _, actual = errors(law, start)
    assert np.nanmin(actual) < 1e-10


def test_a_linear_place_is_predicted_exactly():
    found, actual = errors("x1 + sin(x2)", "2.5*x1")
    exact = [(m.error, a) for m, a in zip(found, actual, strict=True) if m.error > 1e-4]
    assert len(exact) > 10
    # other constants are adjusted only by the fit, so that the prediction may be better than what is there
    assert all(predicted <= 1.001 * error for predicted, error in exact)


def test_constants_of_the_equation_may_be_wrong():
    # the best multiple of x1 alone is far from 1: it is projected out, and the right term still comes first
    found, _ = errors("x1 + 10*sin(x2)", "6.2*x1")
    best = min(found, key=lambda match: match.error)
    assert TERMS[best.term] == "sin(x2)"
    assert best.error < 1e-5


def test_what_is_there_already_is_no_match():
    X, y = data("x1 + sin(x2)")
    matches = matcher(y, X)
    start = parse("2.5*x1 + 0.3*x2")
    found = [to_expression(matches.write(match)[0]) for match in matches.matches(to_prefix(start), 100, len(TERMS))]
    longer = [neighbour.skeleton() for neighbour in found if neighbour.complexity > start.complexity]
    assert len(longer) > 50
    assert identity(canonical(start.skeleton())) not in {identity(canonical(skeleton)) for skeleton in longer}


def test_places_are_limited_and_terms_differ():
    X, y = data("x1*x2")
    found = matcher(y, X).matches(to_prefix(parse("x1 + log(x2)")), 1, 2)
    assert 1 <= len(found) <= 2
    assert len({match.term for match in found}) == len(found)


def test_a_constant_is_a_place():
    _, actual = errors("x1*(2*x2 + 3)", "5.5*x1")
    assert np.nanmin(actual) < 1e-12


def test_values_far_from_one_do_no_harm():
    X = np.random.default_rng(0).uniform(0.5, 2.5, (64, 2)) * 1e100
    y = 1e-200 * X[:, 0] * X[:, 1] + 3e-100 * X[:, 0]
    terms = [Expression.from_names(names) for names in ("x1", "x2", "mul x1 x2")]
    found = matcher_of(terms, X, y).matches(to_prefix(parse("x1")), 10, 2)
    assert found
    assert all(np.isfinite(neighbour.error) for neighbour in found)
    assert all(type(neighbour.error) is float for neighbour in found)  # which overflows without a warning


def test_rows_count_by_their_weight():
    X, y = data("x1 + sin(x2)")
    weight = np.ones(64)
    y[:8] += 5.0
    weight[:8] = 1e-9
    found = matcher_of([parse("sin(x2)"), parse("x2")], X, y, weight).matches(to_prefix(parse("x1")), 100, 1)
    assert min(match.error for match in found) < 1e-5


@pytest.mark.parametrize("outlier", [1e160, 1e300])
def test_where_squares_overflow_there_are_no_matches(outlier):
    X, y = data("x1 + sin(x2)")
    y[3] = outlier
    matches = matcher(y, X)
    found = matches.matches(to_prefix(parse(f"{outlier} * x1 / exp(5 * x2)")), 100, 3)
    assert all(np.isfinite(match.error) for match in found)
