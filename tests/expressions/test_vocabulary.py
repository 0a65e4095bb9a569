from __future__ import annotations

import pytest

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.operators import OPERATORS


def test_ids_and_names_match() -> None:
    assert len(set(v.TOKENS)) == v.SIZE == len(v.ARITY)
    assert [v.ID[token] for token in v.TOKENS] == list(range(v.SIZE))
    assert v.TOKENS[: v.FIRST_VARIABLE] == ("<pad>", "<start>", "<end>", "C")


def test_each_token_is_of_one_kind() -> None:
    for token, name in enumerate(v.TOKENS):
        assert v.is_variable(token) == (name[0] == "x" and name[1:].isdigit())
        assert v.is_integer(token) == name.isdigit()
    for index in range(v.MAX_VARIABLES):
        assert v.TOKENS[v.variable(index)] == f"x{index + 1}"
    for value in range(1, v.MAX_INTEGER + 1):
        assert v.TOKENS[v.integer(value)] == str(value)


def test_operators_follow_the_table() -> None:
    for row in OPERATORS:
        token = v.operator_token(row.name)
        assert v.operator_of(token) is row
        assert v.TOKENS[token] == row.name
        assert v.ARITY[token] == row.arity


def test_values_outside_the_language_are_refused() -> None:
    for index in (-1, v.MAX_VARIABLES):
        with pytest.raises(ValueError, match="variables are x1 to x10"):
            v.variable(index)
    for value in (0, v.MAX_INTEGER + 1):
        with pytest.raises(ValueError, match="integer leaves"):
            v.integer(value)
    with pytest.raises(KeyError):
        v.operator_token("gamma")
