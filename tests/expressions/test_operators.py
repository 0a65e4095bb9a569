from __future__ import annotations

import string

import numpy as np
import pytest
import sympy
import torch

from nesymres_sk.export.fitted import Fitted
from nesymres_sk.export.numpy_function import NumpyFunction
from nesymres_sk.export.torch_module import EquationModule
from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical import canonical
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.infix import to_infix
from nesymres_sk.expressions.machine import evaluate, evaluate_with_gradient
from nesymres_sk.expressions.operators import BY_NAME, OPERATORS, Operator
from nesymres_sk.expressions.parser import parse
from nesymres_sk.search.inverses import wanted_operands

#: Points inside and outside every domain.
GRID = np.array([-3.0, -1.5, -1.0, -0.7, -0.2, 0.0, 0.3, 0.8, 1.0, 1.7, 4.0])
ROWS = pytest.mark.parametrize("row", OPERATORS, ids=[row.name for row in OPERATORS])


def operands_of(row: Operator) -> list[np.ndarray]:
    if row.arity == 1:
        return [GRID]
    first, second = np.meshgrid(GRID, GRID)
    return [first.ravel(), second.ravel()]


def in_domain(row: Operator, operands: list[np.ndarray]) -> np.ndarray:
    first, last = operands[0], operands[-1]
    if row.name in ("div", "inv"):
        return last != 0
    if row.name in ("sqrt", "log"):
        return last >= 0 if row.name == "sqrt" else last > 0
    if row.name in ("asin", "acos"):
        return np.abs(last) <= 1
    if row.name == "pow":
        return (first > 0) | ((first < 0) & (last == np.round(last))) | ((first == 0) & (last >= 0))
    return np.ones(len(last), dtype=bool)


@ROWS
def test_defined_exactly_on_the_domain(row: Operator) -> None:
    operands = operands_of(row)
    with np.errstate(all="ignore"):
        defined = np.isfinite(row.value(*operands))
    np.testing.assert_array_equal(defined, in_domain(row, operands))


@ROWS
def test_partials_are_the_derivatives(row: Operator) -> None:
    operands = operands_of(row)
    step = 1e-6
    with np.errstate(all="ignore"):
        partials = row.partials(*operands)
        assert len(partials) == row.arity
        for index, partial in enumerate(partials):
            above, below = (
                [o + sign * step if i == index else o for i, o in enumerate(operands)] for sign in (1.0, -1.0)
            )
            difference = (row.value(*above) - row.value(*below)) / (2 * step)
            known = np.isfinite(difference) & np.isfinite(partial) & (np.abs(operands[0]) > 1e-3)
            assert known.sum() >= 3
            np.testing.assert_allclose(partial[known], difference[known], rtol=1e-4, atol=1e-6)


@ROWS
def test_sympy_text_has_the_same_values(row: Operator) -> None:
    symbols = sympy.symbols("a b")[: row.arity]
    function = sympy.lambdify(symbols, sympy.parse_expr(row.sympy.format("a", "b")), "numpy")
    operands = operands_of(row)
    with np.errstate(all="ignore"):
        expected = row.value(*operands)
        known = np.isfinite(expected) & (operands[0] != 0)
        np.testing.assert_allclose(function(*operands)[known], expected[known], rtol=1e-12, atol=1e-12)


@ROWS
def test_all_that_know_operators_know_this_one(row: Operator) -> None:
    X = np.random.default_rng(0).uniform(0.1, 0.9, (50, 2))
    operands = list(X.T[: row.arity])
    expected = row.value(*operands)
    expression = Expression.from_names([row.name, "x1", "x2"][: 1 + row.arity])
    form = canonical(expression)
    assert form is not None
    for values in (
        evaluate(expression, X),
        evaluate(form, X),
        evaluate(parse(to_infix(expression)), X),
        EquationModule(expression)(torch.from_numpy(X)).numpy(),
        NumpyFunction(Fitted(expression, (0, 1), 2, None))(X),
    ):
        np.testing.assert_allclose(values, expected, rtol=1e-12)
    scaled = Expression.from_names(" ".join([row.name, "mul C x1", "mul C x2"][: 1 + row.arity]), [1.0] * row.arity)
    slopes = [partial * operand for partial, operand in zip(row.partials(*operands), operands, strict=True)]
    np.testing.assert_allclose(evaluate_with_gradient(scaled, X)[1].T, slopes, rtol=1e-12)
    np.testing.assert_allclose(wanted_operands(v.operator_token(row.name), expected, operands), operands, rtol=1e-9)


@ROWS
def test_texts_name_every_operand(row: Operator) -> None:
    fields = {field for _, field, _, _ in string.Formatter().parse(row.infix) if field is not None}
    assert fields == {str(index) for index in range(row.arity)}
    assert all(f"<{index}>" in row.latex for index in range(row.arity))
    assert 1 <= row.precedence <= 5
    assert row.weight > 0


@ROWS
def test_commutative_means_commutative(row: Operator) -> None:
    if row.arity == 2:
        a, b = np.array([1.3, 2.4]), np.array([0.7, 3.1])
        assert row.commutative == np.allclose(row.value(a, b), row.value(b, a))


def test_names_are_unique() -> None:
    assert len(BY_NAME) == len(OPERATORS)
