"""Completed squares: known forms, and the same function for any expression."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from strategies import expressions, same_values

from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.parser import parse
from nesymres_sk.expressions.squares import complete_squares

COMPLETED = {
    "x1**2 - 2*x1": "(x1 - 1) ** 2 - 1",
    "x1**2 - 2*x1 + 1": "(x1 - 1) ** 2",
    "4 - 3*(x1**2 + 4*x1)": "16 - 3 * (x1 + 2) ** 2",
    "sin(x1)**2 - sin(x1) + 3": "(sin(x1) - 1 / 2) ** 2 + 2.75",
    "1 / (x1**2 + x2**2 + 6 - 2*x1 - 4*x2)": "1 / ((x2 - 2) ** 2 + (x1 - 1) ** 2 + 1)",
    "sqrt(x1**2 + x2 - 2*x1 + 4)": "sqrt(x2 + (x1 - 1) ** 2 + 3)",
    "3*exp(2*x1 - x1**2)": "8.154845485377136 * exp(-(x1 - 1) ** 2)",
    # binomials
    "x1**2 - 2*x1*x2 + x2**2": "(x1 - x2) ** 2",
    "3*x2 / (x1**2 + 4*x3**2 - 4*x1*x3 + 1)": "3 * x2 / ((x1 - 2 * x3) ** 2 + 1)",
    "2*x1**2 + 4*x1*cos(x2) + 2*cos(x2)**2 - x3": "2 * (x1 + cos(x2)) ** 2 - x3",
    "6*x1*x2 - x1**2 - 9*x2**2 + x1": "x1 - (x1 - 3 * x2) ** 2",
    # terms that sums inside of the sum bring a second time
    "x1**2 + 2*(x1**2 + x1)": "3 * (x1 + 1 / 3) ** 2 - 1 / 3",
    "x1 + (x1**2 + x1)**2 - 3*(x1**2 + x1)": "((x1 + 1 / 2) ** 2 - 1 / 4) ** 2 + 1 / 3 - 3 * (x1 + 1 / 3) ** 2",
    "log(3 + cos(x2**2 + x2))": "log(cos((x2 + 1 / 2) ** 2 - 1 / 4) + 3)",
}


@pytest.mark.parametrize(("text", "expected"), COMPLETED.items(), ids=COMPLETED.keys())
def test_known_forms(text: str, expected: str) -> None:
    completed = complete_squares(parse(text))
    assert completed is not None
    assert to_infix(completed) == expected


@pytest.mark.parametrize(
    "text",
    [
        "x1",
        "x1**2",
        "x1**2 + x2",
        "(x1 - 1)**2",
        "x1**2 + x1*x2",
        "x1**2 + x1*x2 + x2**2",
        "x1**2 - 2.000001*x1*x2 + x2**2",
        "exp(x1 + 1)",
    ],
)
def test_nothing_to_complete(text: str) -> None:
    assert complete_squares(parse(text)) is None


@settings(max_examples=200)
@given(expressions(free=False, n_variables=1), expressions(free=False, n_variables=2))
def test_the_function_stays(inner, outer) -> None:
    # squares in every place: a random expression is the argument of a quadratic inside another one
    quadratic = f"(0.5*({to_infix(inner)})**2 - 3*({to_infix(inner)}))"
    form = canonical(parse(to_infix(outer).replace("x2", quadratic)))
    if form is None:
        return
    completed = complete_squares(form)
    if completed is not None:
        assert same_values(form, completed)
