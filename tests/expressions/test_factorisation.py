"""Sums written as products: known forms, and the same function for any expression."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from strategies import expressions, same_values

from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.factorisation import factorise
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.parser import parse

PRODUCTS = {
    "x1*x2 + x1*x3": "x1 * (x2 + x3)",
    "x1*x3 - x2*x3 + 2*x1 - 2*x2": "(x3 + 2) * (x1 - x2)",
    "x1/x3 - x2/x3 - x1*exp(-0.3*x4)/x3 + x2*exp(-0.3*x4)/x3": "(1 - exp(-0.3 * x4)) * (x1 - x2) / x3",
    "x4 + x1*exp(-x2) + x3*exp(-x2)": "x4 + (x1 + x3) * exp(-x2)",
    "sqrt(x1*x2 + x1*x3) + sin(x1*x3 - x2*x3)": "sqrt(x1 * (x2 + x3)) + sin(x3 * (x1 - x2))",
    "x1*x2**1.3 + x3*x2**1.3": "(x1 + x3) * x2 ** 1.3",
    # more than two factors, and one that the rest is a multiple of
    "x1*x2*x3 + x1*x2 + x1*x3 + x2*x3 + x1 + x2 + x3 + 1": "(x1 + 1) * (x2 + 1) * (x3 + 1)",
    "x1*x2 + x1 + x2 + 1": "(x1 + 1) * (x2 + 1)",
    # a part of the sum
    "x1**2 - x1*x2 + x1*x3 - x2*x3 + x4": "x4 + (x1 - x2) * (x1 + x3)",
    # products inside are multiplied out first
    "x1*(x3 + x4) - x2*x3 - x2*x4": "(x1 - x2) * (x3 + x4)",
    # squares
    "3*x1**2 - 12*x1*x3 + 12*x3**2 + x1**2*x2 - 4*x1*x2*x3 + 4*x2*x3**2": "(x2 + 3) * (x1 - 2 * x3) ** 2",
    "3*exp(-1.4*x1) - 6*exp(-0.7*x1) + 3": "3 * (exp(-0.7 * x1) - 1) ** 2",
    # quotients
    "x1 - 3*x2 + 4*x2**2/(x1 + x2)": "(x1 - x2) ** 2 / (x1 + x2)",
    "4 * (x2/4 - x1) / (1/(x2/x1 - 4) + 0.25)": "64 * (x1 - x2 / 4) ** 2 / x2",
    # factors divided into sums
    "(x1*(x2 + x3) - x4*x2**2) / (x2 + x3)": "x1 - x2 ** 2 * x4 / (x2 + x3)",
    "exp((19*x1 + 439) / (x1 + 243))": "178482300.96318725 * exp(-4178 / (x1 + 243))",
    "(x2*(x1 + 50) - 8 - x1*x2) / (x3*x2)": "(50 - 8 / x2) / x3",
    # differences of columns, and squares of three terms
    "sqrt(x1**3 + x1**2*x2 - x1*x2**2 - x2**3 + 6*x1**2 - 6*x2**2 + 9*x1 - 9*x2)": "sqrt(x1 - x2) * abs(x1 + x2 + 3)",
    "x1 / (x2*(1 + x1/x2) + x1)": "1 / (x2 / x1 + 2)",
}


@pytest.mark.parametrize(("text", "expected"), PRODUCTS.items(), ids=PRODUCTS.keys())
def test_known_forms(text: str, expected: str) -> None:
    factorised = factorise(parse(text))
    assert factorised is not None
    assert to_infix(factorised) == expected


def test_coefficients_agree_within_the_tolerance() -> None:
    nearly = parse("x1*x3 - 2*x2*x3 + 3*x1 - 6.00001*x2")
    exact = factorise(nearly)
    assert exact is not None
    assert to_infix(exact) == "x1 * (x3 + 3) - 2 * x2 * (x3 + 3.000005)"
    rough = factorise(nearly, tolerance=1e-4)
    assert rough is not None
    assert to_infix(rough).startswith("(x3 + 3) * (x1 - 2.00000")


@pytest.mark.parametrize(
    "text", ["x1", "x1 + x2", "x1*x2 + x3*x4", "(x1 + x2)*(x3 + 1)", "1/x1 + 1/x2", "x1**2 + x2**2"]
)
def test_nothing_to_factorise(text: str) -> None:
    assert factorise(parse(text)) is None


@settings(max_examples=200)
@given(expressions(free=False, n_variables=2), expressions(free=False, n_variables=2), expressions(free=False))
def test_the_function_stays_and_gets_shorter(a, b, c) -> None:
    """Of sums of products of any functions."""
    text = " + ".join(f"({to_infix(first)})*({to_infix(second)})" for first, second in ((a, b), (a, c), (b, c)))
    start = canonical(parse(text))
    if start is None:
        return
    factorised = factorise(start, tolerance=1e-12)
    if factorised is not None:
        assert factorised.complexity < start.complexity
        assert same_values(start, factorised)
