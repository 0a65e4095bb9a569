"""Flat prefix forms: the same equations, and slices that are subtrees."""

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import expressions

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, subtree_end
from nesymres_sk.expressions.machine import evaluate
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.local.prefix import (
    arity,
    is_integer,
    is_variable,
    parents,
    regrouped,
    subtree_ends,
    to_expression,
    to_prefix,
)


@given(expressions(free=False))
def test_equations_come_back_as_they_were(expression):
    assert to_expression(to_prefix(expression)) == expression


@given(expressions(free=True))
def test_free_constants_stay_free(expression):
    back = to_expression(to_prefix(expression))
    assert back.tokens == expression.tokens
    assert not expression.constants or not back.is_fitted


@given(expressions(free=False))
def test_subtrees_end_where_the_expression_says(expression):
    ends = subtree_ends(to_prefix(expression))
    assert ends == [subtree_end(expression.tokens, start) for start in range(len(expression.tokens))]


def test_each_node_knows_the_operator_above():
    prefix = to_prefix(Expression.from_names("add mul x1 exp x2 x3"))
    assert parents(prefix, subtree_ends(prefix)) == [-1, 0, 1, 1, 3, 0]


def test_a_constant_is_not_taken_for_the_token_of_the_same_number():
    add = v.operator_token("add")
    assert arity(add) == 2
    assert arity(float(add)) == 0
    assert is_variable(v.variable(0)) and not is_variable(float(v.variable(0)))
    assert is_integer(v.integer(1)) and not is_integer(float(v.integer(1)))


@pytest.mark.parametrize(
    "text", ["x1 - x2 - (x3 - 2.5)", "x1/x2/(x3/2.5)*x2", "1/(x1*x2) - sin(-x1 + x2 - x3)*x3/x1", "-x1 - x2", "x1"]
)
def test_regrouped_equations_have_the_same_values(text):
    expression = parse(text, ["x1", "x2", "x3"])
    X = np.random.default_rng(0).uniform(0.5, 2.0, (20, 3))
    for seed in range(20):
        other = to_expression(regrouped(to_prefix(expression), Random(seed)))
        np.testing.assert_allclose(evaluate(other, X), evaluate(expression, X), rtol=1e-12)


@given(expressions(free=False), st.integers(0, 100))
def test_regrouping_keeps_columns_and_constants(expression, seed):
    other = to_expression(regrouped(to_prefix(expression), Random(seed)))
    assert sorted(other.constants) == sorted(expression.constants)
    leaves = [sorted(filter(v.is_variable, equation.tokens)) for equation in (expression, other)]
    assert leaves[0] == leaves[1]


@pytest.mark.parametrize("operator", ["add", "mul"])
def test_any_two_operands_may_come_to_lie_in_one_subtree(operator):
    prefix = to_prefix(Expression.from_names(f"{operator} x1 {operator} x2 {operator} x3 x4"))
    pairs = set()
    for seed in range(200):
        other = regrouped(prefix, Random(seed))
        pairs |= {
            frozenset(other[start + 1 : end]) for start, end in enumerate(subtree_ends(other)) if end - start == 3
        }
    assert len(pairs) == 6
