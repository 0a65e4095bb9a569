"""Rules that look beyond the next token: what the mask lets through keeps them, and nothing else is kept out."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.constraints import Constraints
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.operators import BY_NAME
from nesymres_sk.search.grammar import Grammar


def walk(grammar, rng, n):
    """Complete token sequences of ``n`` random walks that follow the mask, all in step."""
    context = grammar.start_context()
    prefixes = [[] for _ in range(n)]
    rows, done = np.zeros(n, dtype=np.int64), []
    for position in range(grammar.max_length):
        allowed = context.restrict(grammar.mask(context.open_slots, position), position)[rows]
        assert allowed.any(axis=1).all()
        tokens = np.where(allowed, rng.normal(scale=3.0, size=allowed.shape), -np.inf).argmax(axis=1)
        for prefix, token in zip(prefixes, tokens.tolist(), strict=True):
            prefix.append(token)
        live = context.open_slots[rows] + v.ARITY[tokens] > 1
        done += [prefix for prefix, more in zip(prefixes, live, strict=True) if not more]
        prefixes = [prefix for prefix, more in zip(prefixes, live, strict=True) if more]
        if not prefixes:
            return done
        context = context.advance(rows[live], tokens[live])
        rows = np.arange(len(prefixes))
    raise AssertionError("longer than the limit")


nested = st.dictionaries(
    st.sampled_from(["sin", "exp", "sqrt", "log"]),
    st.dictionaries(st.sampled_from(["sin", "exp", "pow", "log", "div"]), st.integers(0, 2), min_size=1, max_size=3),
    min_size=1,
    max_size=3,
)


@settings(max_examples=60)
@given(
    max_length=st.integers(7, 25),
    rules=nested,
    required=st.sets(st.integers(0, 4), max_size=4),
    excluded=st.lists(st.sampled_from(sorted(set(BY_NAME) - {"add", "mul", "sub"})), max_size=4),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_walk_keeps_the_rules(max_length, rules, required, excluded, seed):
    constraints = Constraints(None, excluded, rules, sorted(required))
    grammar = Grammar(max_length, 5, constraints)
    for sequence in walk(grammar, np.random.default_rng(seed), 20):
        expression = Expression.skeleton_of(sequence)
        assert len(sequence) <= max_length
        assert expression.variables == () and not required or constraints.breach(sequence) is None
        assert set(required) <= set(expression.variables)


@pytest.mark.parametrize(
    "rules",
    [
        {"required": [0, 1]},
        {"nested_constraints": {"sin": {"sin": 1, "add": 0}}},
        {"required": [1], "nested_constraints": {"add": {"sin": 0}}},
    ],
)
def test_exactly_the_expressions_that_keep_the_rules_are_reachable(rules):
    constraints = Constraints(["add", "sin"], **rules)
    grammar = Grammar(5, 2, constraints, allow_constants=False)
    grammar.table[:, v.FIRST_INTEGER : v.FIRST_OPERATOR] = False
    alphabet = [v.ID[name] for name in ("x1", "x2", "sin", "add")]
    expected = set()
    for length in range(1, 6):
        for tokens in product(alphabet, repeat=length):
            slots = 1 + np.cumsum(v.ARITY[list(tokens)].astype(int) - 1)
            if slots[-1] == 0 and (slots[:-1] > 0).all() and constraints.breach(tokens) is None:
                expected.add(tokens)
    found = set()

    def extend(prefix, context):
        allowed = context.restrict(grammar.mask(context.open_slots, len(prefix)), len(prefix))[0]
        for token in np.flatnonzero(allowed).tolist():
            if context.open_slots[0] + v.ARITY[token] == 1:
                found.add((*prefix, token))
            else:
                extend((*prefix, token), context.advance(np.zeros(1, int), np.array([token])))

    extend((), grammar.start_context())
    assert found == expected


def test_hypotheses_keep_their_own_state_when_they_are_reordered():
    grammar = Grammar(9, 2, Constraints(nested_constraints={"sin": {"sin": 0}}))
    sin, cos = v.operator_token("sin"), v.operator_token("cos")
    context = grammar.start_context().advance(np.array([0, 0]), np.array([sin, cos]))
    allowed = context.restrict(grammar.mask(context.open_slots, 1), 1)
    assert allowed[:, sin].tolist() == [False, True]
    swapped = context.advance(np.array([1, 0, 1]), np.array([cos, cos, sin]))
    assert swapped.restrict(grammar.mask(swapped.open_slots, 2), 2)[:, sin].tolist() == [True, False, False]


def test_operands_right_of_a_limited_operator_are_free_again():
    grammar = Grammar(9, 2, Constraints(nested_constraints={"sin": {"sin": 0}}))
    context = grammar.start_context()
    for name in ("add", "sin", "x1"):
        context = context.advance(np.zeros(1, int), np.array([v.ID[name]]))
    assert context.restrict(grammar.mask(context.open_slots, 3), 3)[0, v.operator_token("sin")]


def test_a_hypothesis_without_a_way_out_ends():
    rules = Constraints(["sin", "add"], nested_constraints={"sin": {"add": 0}}, required=[0, 1])
    grammar = Grammar(9, 2, rules)
    context = grammar.start_context().advance(np.zeros(1, int), np.array([v.operator_token("sin")]))
    allowed = context.restrict(grammar.mask(context.open_slots, 1), 1)[0]
    assert allowed.any()
    assert not allowed[v.operator_token("add")]


def test_there_is_no_context_without_such_rules():
    assert Grammar(9, 2, ["sin"]).start_context() is None
    assert Grammar(9, 2, Constraints(required=[1])).start_context() is not None
    with pytest.raises(ValueError, match="required, but there are 2"):
        Grammar(9, 2, Constraints(required=[2]))


def test_completion_uses_the_required_columns_first():
    grammar = Grammar(9, 4, Constraints(required=[2, 3]))
    prefix = (v.operator_token("add"), v.operator_token("mul"), v.variable(3))
    assert grammar.complete(prefix)[3:] == (v.variable(2), v.variable(0))
