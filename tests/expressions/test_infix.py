from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from strategies import expressions, points, reference_values, same_values

from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix, to_latex, to_sympy
from nesymres_sk.expressions.parser import parse


@pytest.mark.parametrize(
    ("names", "constants", "text"),
    [
        ("sub x1 add x2 x3", None, "x1 - (x2 + x3)"),
        ("sub sub x1 x2 x3", None, "x1 - x2 - x3"),
        ("add x1 sub x2 x3", None, "x1 + x2 - x3"),
        ("div x1 mul x2 x3", None, "x1 / (x2 * x3)"),
        ("mul div x1 x2 x3", None, "x1 / x2 * x3"),
        ("div x1 div x2 x3", None, "x1 / (x2 / x3)"),
        ("mul x1 add x2 C", None, "x1 * (x2 + C)"),
        ("square add x1 x2", None, "(x1 + x2) ** 2"),
        ("square square x1", None, "(x1 ** 2) ** 2"),
        ("square neg x1", None, "(-x1) ** 2"),
        ("neg square x1", None, "-x1 ** 2"),
        ("neg add x1 x2", None, "-(x1 + x2)"),
        ("neg neg x1", None, "-(-x1)"),
        ("mul x1 neg x2", None, "x1 * (-x2)"),
        ("add x1 neg x2", None, "x1 - x2"),
        ("add x1 mul C x2", [-2.5], "x1 - 2.5 * x2"),
        ("sub x1 C", [-2.5], "x1 + 2.5"),
        ("inv mul x1 x2", None, "1 / (x1 * x2)"),
        ("pow x1 div 1 3", None, "x1 ** (1 / 3)"),
        ("pow pow x1 x2 x3", None, "(x1 ** x2) ** x3"),
        ("pow C x1", [-2.0], "(-2) ** x1"),
        ("mul C sin mul C x1", None, "C * sin(C * x1)"),
        ("mul C x1", [math.pi], "pi * x1"),
        ("div x1 C", [math.pi / 2], "x1 / (pi / 2)"),
        ("mul C x1", [-2 * math.pi], "-2 * pi * x1"),
        ("mul C x1", [1.5e-20], "1.5e-20 * x1"),
        ("add x1 C", [6.0], "x1 + 6"),
    ],
)
def test_text(names: str, constants: list[float] | None, text: str) -> None:
    assert to_infix(Expression.from_names(names, constants)) == text


def test_digits_and_names() -> None:
    expression = Expression.from_names("mul C add x1 x2", [1 / 3])
    assert to_infix(expression) == "0.3333333333333333 * (x1 + x2)"
    assert to_infix(expression, names=["mass", "x_2"], digits=3) == "0.333 * (mass + x_2)"
    assert to_infix(Expression.from_names("C", [math.pi]), digits=3) == "3.14"


@settings(max_examples=300)
@given(expressions(free=False))
def test_text_is_read_back_as_the_same_function(expression: Expression) -> None:
    assert same_values(expression, parse(to_infix(expression)))


@settings(max_examples=200)
@given(expressions())
def test_canonical_text_is_read_back_as_the_same_form(expression: Expression) -> None:
    form = canonical(expression)
    if form is not None:
        again = canonical(parse(to_infix(form)))
        assert again is not None
        assert again.tokens == form.tokens
        np.testing.assert_allclose(again.constants, form.constants, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("x1 / (x2 + C)", r"\frac{x_{1}}{x_{2} + C}"),
        ("(x1 + x2)**2", r"\left(x_{1} + x_{2}\right)^{2}"),
        ("exp(x1)**2", r"\left(e^{x_{1}}\right)^{2}"),
        ("sqrt(x1) * sin(x2)", r"\sqrt{x_{1}} \cdot \sin\left(x_{2}\right)"),
        ("x1**(x2 + 1)", r"x_{1}^{x_{2} + 1}"),
        ("1.23456e-7 * x1", r"1.235 \cdot 10^{-7} \cdot x_{1}"),
    ],
)
def test_latex(text: str, latex: str) -> None:
    assert to_latex(parse(text)) == latex


def test_latex_names() -> None:
    assert to_latex(parse("a + v0 + wind_speed", ["a", "v0", "wind_speed"]), ["a", "v0", "wind_speed"]) == (
        r"a + v_{0} + \mathrm{wind\_speed}"
    )


@settings(max_examples=60)
@given(expressions(free=False, max_leaves=5))
def test_sympy_has_the_same_values(expression: Expression) -> None:
    X = points(8)
    expected = reference_values(expression, X)
    if not np.isfinite(expected).any() or np.nanmax(np.abs(expected[np.isfinite(expected)])) > 1e6:
        return
    converted = to_sympy(expression)
    if converted.has(sympy.zoo, sympy.nan, sympy.oo, -sympy.oo):  # numbers like exp(-1/0), which NumPy continues
        return
    symbols = [sympy.Symbol(f"x{i + 1}") for i in range(3)]
    checked = agreed = 0
    for row, value in zip(X, expected, strict=True):
        if not math.isfinite(value):
            continue
        found = complex(converted.evalf(30, subs=dict(zip(symbols, row.tolist(), strict=True))))
        checked += 1
        agreed += abs(found - value) <= 1e-5 * (1 + abs(value))
    assert agreed >= 0.7 * checked


def test_sympy_free_constants_and_names() -> None:
    assert to_sympy(parse("C * m + C", ["m"]), ["m"]) == sympy.Symbol("C1") * sympy.Symbol("m") + sympy.Symbol("C2")
    assert to_sympy(Expression.from_names("C", [math.pi / 2])) == sympy.pi / 2


def test_a_column_called_pi_is_not_the_number() -> None:
    expression = Expression.from_names("mul C x1", [math.pi])
    for names in (["pi"], ["a", "pi"]):
        text = to_infix(expression, names)
        assert text == f"3.141592653589793 * {names[0]}"
        assert parse(text, names) == expression
        assert str(to_sympy(expression, names)).startswith("3.14159")
    assert to_latex(expression, ["pi"]) == r"\pi \cdot \mathrm{pi}"
