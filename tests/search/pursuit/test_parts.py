"""Monomials: every one of a degree once, with the values of its tree."""

from __future__ import annotations

import numpy as np
import pytest

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.search.pursuit.parts import PLAIN, Part, divides, exponents_of, monomial


@pytest.mark.parametrize(("n", "degree", "inverse", "count"), [(3, 2, False, 6), (3, 2, True, 18), (2, 0, True, 1)])
def test_every_monomial_of_a_degree_is_there_once(n: int, degree: int, inverse: bool, count: int) -> None:
    found = list(exponents_of(n, degree, inverse))
    assert len(found) == len(set(found)) == count
    assert all(sum(map(abs, exponents)) == degree for exponents in found)


def test_monomials_have_the_values_of_their_trees() -> None:
    X = np.random.default_rng(0).uniform(0.5, 2.0, (20, 3))
    columns = [Part(PLAIN, (v.variable(i),), X[:, i]) for i in range(3)]
    for degree in range(4):
        for exponents in exponents_of(3, degree, inverse=True):
            part = monomial(columns, exponents)
            assert part.degree == degree
            np.testing.assert_allclose(part.values, np.prod(X ** np.array(exponents), axis=1), rtol=1e-12)
            np.testing.assert_allclose(evaluate(Expression.from_tree(part.node), X), part.values, rtol=1e-12)


def test_inverses_of_zero_are_not_finite_but_raise_nothing() -> None:
    column = Part(PLAIN, (v.variable(0),), np.array([0.0, 1.0]))
    assert not np.isfinite(monomial([column], (-2,)).values).all()
    np.testing.assert_array_equal(divides(np.array([[0.0, 1.0], [2.0, -1.0]])), [False, True])
