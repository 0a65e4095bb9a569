from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from strategies import expressions, points, reference_values

from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.closure import close, rescale
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.parser import parse

CLOSED = {
    "x1": "C * x1",
    "C": "C",
    "2": "C",
    "x1 * x2": "C * x1 * x2",
    "2 * x1": "C * x1",
    "sin(x1)": "C * sin(C * x1)",
    "C * (C * x1 + C * x2)": "C * x1 + C * x2",
    "x1 + C": "C * x1 + C",
    "1 - x1": "C * x1 + C",
    "x1 / (x2 + x3)": "x1 / (C * x2 + C * x3)",
    "x1 * (x2 - x3)": "x1 * (C * x2 + C * x3)",
    "sqrt(x1 + x2)": "sqrt(C * x1 + C * x2)",
    "C * sqrt(x1 + x2)": "C * sqrt(x1 + C * x2)",
    "x3 * sqrt(x1 + x2)": "x3 * sqrt(C * x1 + C * x2)",
    "sqrt(1 - x1**2)": "sqrt(C * x1 ** 2 + C)",
    "sqrt(x1 * x2)": "C * sqrt(x1 * x2)",
    "exp(-x1**2 / 2)": "C * exp(C * x1 ** 2)",
    "1 - exp(-x1)": "C * (exp(C * x1) - 1)",
    "exp(1 - x1)": "C * exp(C * x1)",
    "log(x1 / x2)": "C * log(x1 / x2) + C",
    "log(x1 + x2)": "C * log(C * x1 + C * x2)",
    "(x1 + x2)**2": "C * (x1 + C * x2) ** 2",
    "abs(x1 - x2)": "C * abs(x1 + C * x2)",
    "x1**C": "C * x1 ** C",
    "x1**3 / x2": "C * x1 ** 3 / x2",
    "x1**x2": "C * (C * x1) ** (C * x2)",
    "2**x1": "C * 2 ** (C * x1)",
    "sin(x1 + 1)": "C * sin(C * x1 + 1)",
    "sin(x1) + x2": "C * x2 + C * sin(C * x1)",
    "x1 * sin(x2 + C)": "C * x1 * sin(C * x2 + C)",
    "3 * (3 * x1 + sin(x2))": "C * x1 + C * sin(C * x2)",
}


@pytest.mark.parametrize(("text", "expected"), CLOSED.items(), ids=CLOSED.keys())
def test_known_closures(text: str, expected: str) -> None:
    assert to_infix(close(parse(text))) == expected


@settings(max_examples=400)
@example(Expression.from_names("pow C C", (0.5, 0.001)), [1.0, 1.0, 1.0], 0.25)
@given(
    expressions(free=False),
    st.lists(st.floats(0.2, 5.0), min_size=3, max_size=3),
    st.floats(0.2, 5.0),
)
def test_a_law_in_other_units_is_in_the_closure(expression: Expression, scales: list[float], scale: float) -> None:
    """The closed tree, its constants derived from the scales, is the law of the rescaled columns and target."""
    try:
        closed = Expression.from_tree(rescale(expression.to_tree(), scales, scale))
    except ArithmeticError:  # a factor that is exactly zero has no scale, roots may leave the range of floats
        return
    X = points()

    def law(factor: float) -> np.ndarray:
        moved = expression.with_constants([c * factor for c in expression.constants])
        return scale * reference_values(moved, X * np.array(scales) * factor)

    expected = law(1.0)
    known = np.isfinite(expected) & (np.abs(expected) < 1e100)
    tolerance = 1e-9 + 1e-7 * np.abs(expected)
    with np.errstate(all="ignore"):
        for factor in (1 + 1e-12, 1 - 1e-12):
            tolerance += 1e4 * np.abs(law(factor) - expected)
        known &= tolerance < 1e-3 + 1e-3 * np.abs(expected)
        found = reference_values(closed, X)
        assert known.sum() < 5 or np.mean((np.abs(found - expected) <= tolerance)[known]) > 0.9


@settings(max_examples=200)
@given(expressions(free=True))
def test_the_closed_tree_is_what_close_returns(expression: Expression) -> None:
    """The constants of the numeric derivation above stand where :func:`close` has its free constants."""
    if canonical(expression) is None:
        return
    tree = rescale(expression.to_tree())
    numeric = rescale(expression.with_constants([2.0] * len(expression.constants)).to_tree(), (3.0,) * 10, 2.0)
    assert Expression.from_tree(numeric).tokens == Expression.from_tree(tree).tokens
    assume(canonical(Expression.from_tree(tree)) is not None)
    closed = close(expression)
    assert all(math.isnan(value) for value in closed.constants)
    assert canonical(closed) == closed or canonical(closed).tokens == closed.tokens


def test_undefined_skeletons_have_no_closure() -> None:
    with pytest.raises(ValueError, match="undefined"):
        close(parse("sqrt(1 - 2) * x1"))
