from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.parser import MAX_CHARACTERS, ParseError, parse


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("x1 + x2 * x3", "add x1 mul x2 x3"),
        ("x1 - x2 - x3", "sub sub x1 x2 x3"),
        ("x1 / x2 / x3", "div div x1 x2 x3"),
        ("x1 ** x2 ** x3", "pow x1 pow x2 x3"),
        ("x1 ^ x2", "pow x1 x2"),
        ("-x1 ** 2", "neg square x1"),
        ("-x1 * x2", "mul neg x1 x2"),
        ("x1 ** -x2", "pow x1 neg x2"),
        ("x1 * -x2", "mul x1 neg x2"),
        ("+x1", "x1"),
        ("x1**2", "square x1"),
        ("x1**3", "cube x1"),
        ("x1**4", "pow4 x1"),
        ("x1**5", "pow5 x1"),
        ("x1**0.5", "sqrt x1"),
        ("x1**(1/2)", "sqrt x1"),
        ("x1**-1", "inv x1"),
        ("x1**1", "pow x1 1"),
        ("1 / x1", "inv x1"),
        ("2 / x1", "div 2 x1"),
        ("ln(x1)", "log x1"),
        ("arcsin(x1) + arccos(x1) + arctan(x1)", "add add asin x1 acos x1 atan x1"),
        ("Abs(x1)", "abs x1"),
        ("pow(x1, x2) + square(x1)", "add pow x1 x2 square x1"),
        ("( ( x1 ) )", "x1"),
        ("C * x10 + C", "add mul C x10 C"),
    ],
)
def test_grammar(text: str, names: str) -> None:
    assert " ".join(parse(text).names()) == names


@pytest.mark.parametrize("name", v.TOKENS[v.FIRST_OPERATOR :])
def test_every_operator_is_known_by_name(name: str) -> None:
    arity = v.ARITY[v.ID[name]]
    assert parse(f"{name}({', '.join(['x1'] * arity)})").names() == (name,) + ("x1",) * arity


@pytest.mark.parametrize(
    ("text", "names", "constants"),
    [
        ("5", "5", ()),
        ("6", "C", (6.0,)),
        ("0", "C", (0.0,)),
        ("2.5", "C", (2.5,)),
        (".5e-3", "C", (0.0005,)),
        ("-2", "C", (-2.0,)),
        ("-2.5 * x1", "mul C x1", (-2.5,)),
        ("-2**2", "neg square 2", ()),
        ("x1 - 2", "sub x1 2", ()),
        ("pi", "C", (math.pi,)),
        ("e", "C", (math.e,)),
    ],
)
def test_numbers(text: str, names: str, constants: tuple[float, ...]) -> None:
    expression = parse(text)
    assert " ".join(expression.names()) == names
    assert expression.constants == constants


def test_free_constants() -> None:
    expression = parse("C * x1 + 7 * C")
    assert [math.isnan(value) for value in expression.constants] == [True, False, True]


def test_column_names() -> None:
    assert parse("mass * v_0**2 / 2", ["mass", "v_0"]).names() == ("div", "mul", "x1", "square", "x2", "2")
    assert parse("sepal width (cm) * 2", ["sepal width", "sepal width (cm)"]).names() == ("mul", "x2", "2")
    assert parse("exp * exp(-sin) + sin (exp)", ["exp", "sin"]).names() == parse("x1 * exp(-x2) + sin(x1)").names()
    assert parse("C + e + exp(gamma)", ["C", "e", "gamma"]).names() == ("add", "add", "x1", "x2", "exp", "x3")


@pytest.mark.parametrize(
    ("text", "position", "message"),
    [
        ("", 0, "ends where"),
        ("x1 +", 4, "ends where"),
        ("sin(x1", 3, "never closed"),
        ("x1)", 2, "closes nothing"),
        ("sin x1", 4, r"write sin\(...\)"),
        ("2 x1", 2, "products with \\*"),
        ("(x1 x2)", 4, "products with \\*"),
        ("x1 $ x2", 3, "unexpected character"),
        ("sine(x1)", 0, "did you mean 'sin'"),
        ("x11", 0, "unknown name"),
        ("abs(x1, x2)", 0, "takes 1 argument"),
        ("x1 * / x2", 5, "not '/'"),
        ("1e999", 0, "too large"),
        ("y = x1", 2, "only the right-hand side"),
        ("2 * log10(x1)", 4, r"write log\(x\) / log\(10\)"),
        ("sinh(x1)", 0, r"write \(exp\(x\) - exp\(-x\)\) / 2"),
        ("cosh(x1)", 0, r"write \(exp\(x\) \+ exp\(-x\)\) / 2"),
    ],
)
def test_errors_say_where_and_what(text: str, position: int, message: str) -> None:
    with pytest.raises(ParseError, match=message) as info:
        parse(text)
    assert info.value.position == position
    assert str(info.value).splitlines()[-1] == "  " + " " * position + "^"


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000 + "x1" + ")" * 1000,
        "-" * 4000 + "x1",
        "sin(" * 1000 + "x1",
        "+".join(["x1"] * 1500),
        "**".join(["x1"] * 1000),
        "x1 + " * MAX_CHARACTERS + "x1",
    ],
)
def test_limits_instead_of_crashes(text: str) -> None:
    with pytest.raises(ParseError):
        parse(text)


def test_columns_beyond_the_language() -> None:
    with pytest.raises(ParseError, match="beyond the first 10"):
        parse("k", [*"abcdefghij", "k"])
    with pytest.raises(TypeError, match="str"):
        parse(3)  # type: ignore[arg-type]


@settings(max_examples=300)
@given(st.text(alphabet="x123C+-*/^().,e sincolgπ", max_size=30))
def test_any_text_is_an_expression_or_a_parse_error(text: str) -> None:
    position = 0
    try:
        parse(text)
    except ParseError as error:
        position = error.position
    assert 0 <= position <= len(text)
