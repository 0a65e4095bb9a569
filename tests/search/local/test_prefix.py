"""Flat prefix forms: the same equations, and slices that are subtrees."""

from hypothesis import given
from strategies import expressions

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, subtree_end
from nesymres_sk.search.local.prefix import (
    arity,
    is_integer,
    is_variable,
    parents,
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
