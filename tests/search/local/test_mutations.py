"""Neighbours: valid equations that differ from their parent in the way that their kind says."""

from random import Random

import pytest

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.search.grammar import Grammar
from nesymres_sk.search.local.mutations import Mutator
from nesymres_sk.search.local.prefix import Prefix, to_expression, to_prefix

PARENT = "sub mul C exp div x1 x2 add x2 3"
MATE = "sin mul x1 x3"
SUBTREES = ["x1", "x2", "square x1", "exp x2", "mul x1 x2"]


def parent() -> Prefix:
    return to_prefix(Expression.from_names(PARENT, [2.5]))


def mutator(operators=None, allow_constants=True, seed=0) -> Mutator:
    grammar = Grammar(40, 3, operators, allow_constants)
    subtrees = [to_prefix(Expression.from_names(names)) for names in SUBTREES]
    return Mutator(grammar, subtrees, [1.0, 10.0, 100.0], Random(seed))


def neighbours(kind, operators=None, names=PARENT, constants=(2.5,), n=300, allow_constants=True):
    start = to_prefix(Expression.from_names(names, constants))
    change = mutator(operators, allow_constants).kinds[kind]
    made = [change(start, to_prefix(Expression.from_names(MATE))) for _ in range(n)]
    return [to_expression(prefix) for prefix in made if prefix is not None]


def spellings(kind, **options):
    return {" ".join(expression.names()) for expression in neighbours(kind, **options)}


@pytest.mark.parametrize("kind", list(mutator().kinds))
def test_all_kinds_make_complete_equations_with_values_for_their_constants(kind):
    names = "add mul C x1 mul C exp x2" if kind == "factor" else PARENT
    made = neighbours(kind, names=names, constants=(2.5, 1.5)[: names.split().count("C")])
    assert made  # an incomplete sequence is an error of its own
    assert all(expression.is_fitted for expression in made)


@pytest.mark.parametrize("kind", list(mutator().kinds))
def test_a_leaf_is_no_obstacle(kind):
    for leaf, constants in (("x1", ()), ("C", (2.5,)), ("3", ())):
        neighbours(kind, names=leaf, constants=constants, n=30)


def test_operators_that_are_not_allowed_never_come_in():
    allowed = {"add", "mul", "exp", "square"}
    for kind in mutator(allowed).kinds:
        made = neighbours(kind, operators=allowed, names="mul C exp add x1 x2")
        used = {name for expression in made for name in expression.names()}
        assert used <= allowed | {"cube", "pow4", "pow5", "C", "sin"} | set(
            v.TOKENS[v.FIRST_VARIABLE : v.FIRST_OPERATOR]
        )
        assert kind == "cross" or "sin" not in used  # the mate has one


def test_without_constants_none_is_made():
    kinds = mutator(allow_constants=False).kinds
    assert not {"constant", "scale", "shift", "unscale"} & set(kinds)
    for kind in kinds:
        made = neighbours(kind, names="add exp x1 x2", constants=(), allow_constants=False)
        assert not any(expression.constants for expression in made)


def test_operands_change_places():
    assert spellings("operands", names="sub x1 exp x2", constants=()) == {"sub exp x2 x1"}


def test_columns_are_renamed_in_one_place_or_exchanged():
    made = spellings("variable", names="add x1 mul x1 x2", constants=())
    assert {"add x2 mul x1 x2", "add x1 mul x3 x2", "add x2 mul x2 x1"} <= made
    assert all(len(names.split()) == 5 for names in made)


def test_deleting_keeps_an_operand():
    assert spellings("delete", names="add exp x1 x2", constants=()) == {"exp x1", "x2", "add x1 x2"}


def test_hoisting_keeps_a_part():
    assert spellings("hoist", names="add exp x1 x2", constants=()) == {"exp x1", "x1", "x2", "add x1 x2"}


def test_constants_go_or_come_where_they_matter():
    assert spellings("unscale", names="mul C exp x1") == {"exp x1"}
    assert spellings("unscale", names="exp C") == {"exp 1"}
    assert spellings("scale", names="sin x1", constants=()) == {"sin mul C x1", "mul C sin x1"}
    assert spellings("shift", names="sin x1", constants=()) == {"sin add C x1", "add C sin x1"}
    assert {"C", "sin C"} == spellings("constant", names="sin x1", constants=())


def test_equal_factors_are_tied():
    (made,) = set(neighbours("factor", names="sub mul C x1 mul C exp x2", constants=(2.0, 3.0)))
    assert made == Expression.from_names("mul C sub x1 exp x2", [2.0])


def test_closed_material_has_every_column_in_its_own_unit():
    closed = to_expression(mutator().close(to_prefix(Expression.from_names("mul x1 sin x3"))))
    assert closed == Expression.from_names("mul mul C x1 sin mul C x3", [1.0, 0.01])


def test_a_constant_that_equals_a_token_id_is_still_a_constant():
    add = float(v.operator_token("add"))
    for kind in mutator().kinds:
        neighbours(kind, names="mul C add x1 C", constants=(add, float(v.variable(0))))


def test_the_seed_decides():
    first, second, other = ([mutator(seed=seed).replace(parent(), parent()) for _ in range(1)] for seed in (3, 3, 4))
    assert first == second
    assert [mutator(seed=s).subtree() for s in range(20)] != [first] * 20 and other is not None
