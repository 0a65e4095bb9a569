"""The grammar mask: whatever is drawn under it is a valid, short enough, allowed expression."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.constraints import check_operators
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.operators import BY_NAME
from nesymres_sk.search.grammar import Grammar


def walk(grammar, rng, n):
    """Token sequences of ``n`` random walks that follow the mask, all in step."""
    logits = rng.normal(scale=3.0, size=(grammar.max_length + 1, n, v.SIZE))
    sequences = [[] for _ in range(n)]
    open_slots = np.ones(n, dtype=np.int64)
    for position in range(grammar.max_length + 1):
        mask = grammar.mask(open_slots, position)
        assert mask.any(axis=1).all()
        tokens = np.where(mask, logits[position], -np.inf).argmax(axis=1)
        for sequence, token, slots in zip(sequences, tokens, open_slots, strict=True):
            assert (token == v.END) == (slots == 0)
            if slots:
                sequence.append(int(token))
        open_slots = np.where(open_slots == 0, 0, open_slots + v.ARITY[tokens] - 1)
    assert (open_slots == 0).all()
    return sequences


@settings(max_examples=60, deadline=None)
@given(
    max_length=st.integers(1, 25),
    n_variables=st.integers(1, v.MAX_VARIABLES),
    operators=st.none() | st.lists(st.sampled_from(sorted(BY_NAME)), max_size=6),
    allow_constants=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_walk_is_an_allowed_expression(max_length, n_variables, operators, allow_constants, seed):
    grammar = Grammar(max_length, n_variables, operators, allow_constants)
    for sequence in walk(grammar, np.random.default_rng(seed), 20):
        expression = Expression.skeleton_of(sequence)  # raises unless it is exactly one prefix expression
        assert len(sequence) <= max_length
        assert all(index < n_variables for index in expression.variables)
        assert allow_constants or not expression.constants
        assert {name for name in expression.names() if name in BY_NAME} <= set(grammar.operators)
        assert grammar.allows(expression)


def test_every_expression_within_the_limit_is_reachable():
    grammar = Grammar(3, 1, ["add", "sin"], allow_constants=False)
    leaves = ["x1", "1", "2", "3", "4", "5"]
    short = leaves + [f"sin {a}" for a in leaves] + [f"sin sin {a}" for a in leaves]
    expected = set(short) | {f"add {a} {b}" for a in leaves for b in leaves}
    found = set()

    def extend(prefix, open_slots):
        if open_slots == 0:
            found.add(" ".join(v.TOKENS[token] for token in prefix))
            return
        for token in np.flatnonzero(grammar.mask(np.array([open_slots]), len(prefix))[0]):
            extend([*prefix, token], open_slots + int(v.ARITY[token]) - 1)

    extend([], 1)
    assert found == expected


def test_products_bring_their_spellings():
    grammar = Grammar(9, 2, ["mul", "sin"])
    assert grammar.operators == ("mul", "square", "cube", "pow4", "pow5", "sin")
    assert grammar.allows(Expression.from_names("square x1"))
    assert not grammar.allows(Expression.from_names("inv x1"))
    assert not grammar.allows(Expression.from_names("x3"))
    assert not Grammar(2, 2).allows(Expression.from_names("add x1 x2"))


def test_completion_fills_the_open_operands():
    grammar = Grammar(9, 2)
    assert grammar.complete(Expression.from_names("x1").tokens) == Expression.from_names("x1").tokens
    prefix = Expression.from_names("add x1 sin x2").tokens[:1]
    assert grammar.complete(prefix) == Expression.from_names("add x1 x2").tokens


def test_unknown_operators_are_named_with_the_known_ones():
    with pytest.raises(ValueError, match=r"unknown operators \['sinus'\] in operators; known operators: add, sub, mul"):
        Grammar(10, 2, ["add", "sinus"])
    with pytest.raises(TypeError, match="list of names"):
        check_operators("add")
    with pytest.raises(TypeError, match="names"):
        check_operators(["add", 3])
    assert check_operators(["sin", "add", "add"]) == ("add", "sin")


@pytest.mark.parametrize(("max_length", "n_variables"), [(0, 2), (10, 0), (10, 11)])
def test_impossible_limits_are_refused(max_length, n_variables):
    with pytest.raises(ValueError, match=r"max_length|n_variables"):
        Grammar(max_length, n_variables)
