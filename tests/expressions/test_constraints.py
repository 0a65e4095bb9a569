import numpy as np
import pytest

from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.constraints import Constraints, check_operators
from nesymres_sk.expressions.parser import parse


def breach(text, *args, **rules):
    return Constraints(*args, **rules).breach(canonical(parse(text)).tokens)


def test_without_rules_everything_is_allowed():
    for text in ("x1", "sin(sin(x1)) ** x2", "7"):
        assert breach(text) is None


@pytest.mark.parametrize("text", ["2.5 * sin(x1)", "x1 / 3", "1.7 - x1", "-x1", "3 * (x1 + 0.3)", "sin(x1) - 2", "12"])
def test_constants_scale_and_shift_whatever_the_operators(text):
    assert breach(text, ["sin"]) is None


@pytest.mark.parametrize(
    ("operators", "allowed", "forbidden"),
    [
        (["mul"], ["x1 * x2", "x1 ** 4"], ["x1 / x2", "1 / x1", "x1 + x2", "sqrt(x1)"]),
        (["div"], ["x1 / x2", "3.3 / x1"], ["x1 * x2"]),
        (["inv"], ["1 / x1", "3.3 / x1"], ["x1 / x2"]),
        (["inv", "mul"], ["x1 / x2"], []),
        (["add"], ["x1 - x2", "x1 - 0.5 * x2"], ["x1 * x2"]),
        (["pow"], ["x1 ** x2", "sqrt(x1)", "1 / x1", "x1 ** 0.7"], ["x1 * x2"]),
        ([], ["x1", "2 * x1 + 1"], ["x1 ** 2", "x1 + x2"]),
    ],
)
def test_spellings_of_the_whitelist(operators, allowed, forbidden):
    for text in allowed:
        assert breach(text, operators) is None, text
    for text in forbidden:
        assert "contains" in breach(text, operators), text


def test_exclusion_wins_over_spellings():
    assert "square" in breach("x1 ** 2", excluded_operators=["square"])
    assert "contains div" in breach("x1 / x2", excluded_operators=["div"])
    assert "contains inv" in breach("1 / x1", excluded_operators=["div"])
    assert breach("1 / x1", ["mul", "inv"], excluded_operators=["div"]) is None
    assert breach("x1 * x2", excluded_operators=["div"]) is None
    assert breach("sin(x1)", ["sin", "cos"], excluded_operators=["cos"]) is None


def test_nesting_counts_along_paths():
    rules = {"sin": {"sin": 0, "cos": 1}}
    assert "nests sin" in breach("sin(x1 + exp(sin(x2)))", nested_constraints=rules)
    assert breach("sin(x1) * sin(x2) + cos(sin(x1))", nested_constraints=rules) is None
    assert breach("sin(cos(x1) + cos(x2))", nested_constraints=rules) is None
    assert "nests cos" in breach("sin(cos(x1 * cos(x2)))", nested_constraints=rules)
    # as in PySR: at most two further levels
    twice = {"cos": {"cos": 2}}
    assert breach("cos(cos(cos(x1)))", nested_constraints=twice) is None
    assert breach("cos(cos(x1 + cos(x2 + cos(x1))))", nested_constraints=twice) is not None


def test_nesting_knows_no_constants_and_no_spellings():
    rules = {"sin": {"mul": 0, "add": 0}, "div": {"div": 0}}
    assert breach("sin(2.5 * x1 + 0.3)", nested_constraints=rules) is None
    assert "nests add" in breach("sin(2.5 * x1 + x2)", nested_constraints=rules)
    assert "nests sub" in breach("sin(x1 - x2)", nested_constraints=rules)
    assert "nests inv" in breach("1 / (x1 + 1 / x2)", nested_constraints=rules)
    assert "nests div" in breach("x2 / (x1 + 3.3 / x2)", nested_constraints=rules)


def test_required_columns_and_length():
    assert "lacks" in breach("x1 * sin(x1)", required=[1])
    assert breach("x1 * sin(x2)", required=[1, 0]) is None
    assert breach("3.5", required=[1]) is None
    assert "4 nodes" in breach("x1 * sin(x1)", max_complexity=3)
    assert breach("1.5", max_complexity=1) is None


def test_names_and_limits_are_checked():
    with pytest.raises(ValueError, match=r"unknown operators \['sinus'\] in excluded_operators; known"):
        Constraints(excluded_operators=["sinus"])
    with pytest.raises(ValueError, match=r"unknown operators \['+'\] in nested_constraints|nested_constraints"):
        Constraints(nested_constraints={"sin": {"+": 0}})
    with pytest.raises(ValueError, match="negative"):
        Constraints(nested_constraints={"sin": {"sin": -1}})
    for wrong in ({"sin": {"sin": 0.5}}, {"sin": {"sin": True}}, {"sin": 0}, ["sin"]):
        with pytest.raises(TypeError):
            Constraints(nested_constraints=wrong)
    with pytest.raises(TypeError, match="list of names"):
        check_operators("add")


def test_parts_need_no_required_column():
    rules = Constraints(["sin"], required=[0])
    assert not rules.allows(parse("sin(x2)"))
    assert rules.for_parts().allows(parse("sin(x2)"))
    assert not rules.for_parts().allows(parse("cos(x2)"))
    assert rules.required == (0,)
    assert np.array_equal(Constraints.of(rules).tokens, Constraints.of(["sin"]).tokens)
