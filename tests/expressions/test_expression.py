from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from strategies import expressions

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression, subtree_end, token_names


@given(expressions())
def test_trees_round_trip(expression: Expression) -> None:
    again = Expression.from_tree(expression.to_tree())
    assert again.tokens == expression.tokens
    np.testing.assert_array_equal(again.constants, expression.constants)


@given(expressions())
def test_the_whole_expression_is_one_subtree(expression: Expression) -> None:
    assert subtree_end(expression.tokens, 0) == expression.complexity


def test_subtree_end() -> None:
    tokens = Expression.from_names("add mul x1 C sin x2").tokens
    assert [subtree_end(tokens, start) for start in range(6)] == [6, 4, 3, 4, 6, 6]


@pytest.mark.parametrize("names", ["add x1", "x1 x2", "", "sin", "<start> x1", "add x1 x2 x3"])
def test_incomplete_expressions_are_refused(names: str) -> None:
    with pytest.raises(ValueError, match="prefix"):
        Expression.from_names(names)


def test_constants_must_match_the_tokens() -> None:
    with pytest.raises(ValueError, match="2 constants"):
        Expression.from_names("add C C", [1.0])
    with pytest.raises(ValueError, match="unknown tokens"):
        Expression.from_names("add x1 foo")
    with pytest.raises(ValueError, match="prefix"):
        Expression((v.SIZE,))


def test_properties() -> None:
    expression = Expression.from_names("mul C sin add x3 x1", [2.0])
    assert expression.is_fitted
    assert not expression.skeleton().is_fitted
    assert math.isnan(expression.skeleton().constants[0])
    assert expression.variables == (0, 2)
    assert expression.complexity == 6
    assert expression.with_constants([3.0]).constants == (3.0,)
    assert pickle.loads(pickle.dumps(expression)) == expression
    assert token_names((v.CONSTANT, 999)) == ("C", "?999")
