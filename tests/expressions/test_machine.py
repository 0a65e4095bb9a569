"""The compiled machine against the operator table, finite differences and plain NumPy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import expressions

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.expression import Expression
from nesymres_sk.expressions.machine import (
    BLOCK,
    compile_programs,
    evaluate,
    evaluate_many,
    evaluate_with_gradient,
)
from nesymres_sk.expressions.operators import BY_NAME, OPERATORS

_RANGES = {**dict.fromkeys(("log", "sqrt", "pow"), (0.05, 4.0)), **dict.fromkeys(("asin", "acos"), (-0.95, 0.95))}
_UNARY = [operator.name for operator in OPERATORS if operator.arity == 1]
_BINARY = [operator.name for operator in OPERATORS if operator.arity == 2]


def _operand(name: str, rng: np.random.Generator, n: int = 2 * BLOCK + 3) -> np.ndarray:
    return rng.uniform(*_RANGES.get(name, (-3.0, 3.0)), n)


@pytest.mark.parametrize("name", _UNARY)
def test_unary_branch_matches_the_table(name: str) -> None:
    a = _operand(name, np.random.default_rng(0))
    expression = Expression.from_names(f"{name} mul C x1", [1.0])
    values, jacobian = evaluate_with_gradient(expression, a[:, None])
    np.testing.assert_allclose(values, BY_NAME[name].value(a), rtol=1e-13)
    np.testing.assert_allclose(jacobian[:, 0], BY_NAME[name].partials(a)[0] * a, rtol=1e-12)
    np.testing.assert_array_equal(evaluate(expression, a[:, None]), values)


@pytest.mark.parametrize("name", _BINARY)
def test_binary_branch_matches_the_table(name: str) -> None:
    rng = np.random.default_rng(1)
    a, b = _operand(name, rng), rng.uniform(-2.0, 2.0, 2 * BLOCK + 3)
    X = np.stack([a, b], axis=1)
    values, jacobian = evaluate_with_gradient(Expression.from_names(f"{name} mul C x1 mul C x2", [1.0, 1.0]), X)
    by_a, by_b = BY_NAME[name].partials(a, b)
    np.testing.assert_allclose(values, BY_NAME[name].value(a, b), rtol=1e-13)
    np.testing.assert_allclose(jacobian[:, 0], by_a * a, rtol=1e-12)
    np.testing.assert_allclose(jacobian[:, 1], by_b * b, rtol=1e-12, atol=1e-300)


@pytest.mark.parametrize("name", ["exp", "log", "sin", "cos", "sqrt", "tan", "inv"])
def test_special_values_match_numpy(name: str) -> None:
    special = np.array(
        [0.0, -0.0, math.inf, -math.inf, math.nan, -1.0, 1.0, 5e-324, 1e-310, 709.7, 710.0, -745.0, -746.0, 1e5, 1e9]
    )
    values = evaluate(Expression.from_names(f"{name} x1"), special[:, None])
    with np.errstate(all="ignore"):
        expected = BY_NAME[name].value(special)
    np.testing.assert_allclose(values, expected, rtol=1e-14, atol=0.0)


@pytest.mark.parametrize("name", ["exp", "log", "sin", "cos"])
def test_vectorised_functions_are_accurate_to_two_units_in_the_last_place(name: str) -> None:
    rng = np.random.default_rng(2)
    for scale in (1e-3, 1.0, 700.0):
        a = rng.uniform(-scale, scale, 5000)
        a = np.abs(a) if name == "log" else a
        expected = BY_NAME[name].value(a)
        values = evaluate(Expression.from_names(f"{name} x1"), a[:, None])
        assert np.max(np.abs(values - expected) / np.spacing(np.abs(expected))) <= 2.0


@pytest.mark.parametrize("reach", [1.0, 8.0, 60.0])
def test_powers_are_as_accurate_as_their_exponent_is_rounded(reach: float) -> None:
    rng = np.random.default_rng(3)
    a, b = np.exp(rng.uniform(-reach, reach, 5000)), rng.uniform(-10.0, 10.0, 5000)
    expected = np.power(a, b)
    values = evaluate(Expression.from_names("pow x1 x2"), np.stack([a, b], axis=1))
    units = np.abs(values - expected) / np.spacing(expected)
    assert np.max(units / (1.0 + np.abs(b * np.log(a)))) <= 2.0


@pytest.mark.parametrize("name", ["pow", "sin", "cos"])
def test_a_value_does_not_depend_on_the_other_rows(name: str) -> None:
    rng = np.random.default_rng(4)
    plain = np.stack([np.exp(rng.uniform(-9.0, 9.0, 4 * BLOCK)), rng.uniform(-30.0, 30.0, 4 * BLOCK)], axis=1)
    special = np.array([[-2.0, 3.0], [0.0, 2.0], [1.01, 200.0], [2e6, 0.5], [math.inf, 1.0], [math.nan, 1.0]])
    mixed = np.concatenate([plain, special])[rng.permutation(len(plain) + len(special))]
    expression = Expression.from_names([name, "x1", "x2"][: 1 + BY_NAME[name].arity])
    alone = [evaluate(expression, row[None])[0] for row in mixed]
    np.testing.assert_array_equal(evaluate(expression, mixed), alone)


@pytest.mark.parametrize("name", ["sin", "tan", "tanh", "asin", "atan"])
def test_zeros_keep_their_signs(name: str) -> None:
    values = evaluate(Expression.from_names([name, "x1"]), np.array([[-0.0], [0.0], [-1e-200]]))
    np.testing.assert_array_equal(np.signbit(values), [True, False, True])
    np.testing.assert_array_equal(values, [-0.0, 0.0, -1e-200])


def test_power_of_negative_base_and_of_zero() -> None:
    X = np.array([[-2.0], [0.0], [3.0]])
    values, jacobian = evaluate_with_gradient(Expression.from_names("mul C pow x1 3", [2.0]), X)
    np.testing.assert_allclose(values, [-16.0, 0.0, 54.0])
    np.testing.assert_allclose(jacobian[:, 0], [-8.0, 0.0, 27.0])
    values, jacobian = evaluate_with_gradient(Expression.from_names("pow x1 C", [1.5]), X)
    assert math.isnan(values[0])
    np.testing.assert_allclose(values[1:], [0.0, 3.0**1.5])
    np.testing.assert_allclose(jacobian[1:, 0], [0.0, 3.0**1.5 * math.log(3.0)])


def test_gradient_matches_finite_differences() -> None:
    expression = Expression.from_names(
        "add mul C sin add mul C x1 C div pow x2 C log add C square sub x1 C", [1.3, 2.1, 0.4, 1.7, 3.0, 0.6]
    )
    X = np.random.default_rng(3).uniform(0.2, 2.0, (300, 2))
    values, jacobian = evaluate_with_gradient(expression, X)
    assert jacobian.shape == (300, 6)
    for j in range(6):
        step = np.eye(6)[j] * 1e-6
        above = evaluate(expression, X, np.array(expression.constants) + step)
        below = evaluate(expression, X, np.array(expression.constants) - step)
        np.testing.assert_allclose(jacobian[:, j], (above - below) / 2e-6, rtol=1e-6, atol=1e-7)
    np.testing.assert_array_equal(values, evaluate(expression, X))


def test_many_expressions_equal_one_by_one() -> None:
    rng = np.random.default_rng(4)
    X = rng.uniform(0.5, 2.0, (BLOCK + 1, 3))
    names = ["x2", "add C x1", "mul C sqrt mul C x3", "sub 3 x1", "div x1 add C exp neg mul C x2"] * 2
    expressions = [Expression.from_names(name) for name in names]
    expressions = [e.with_constants(rng.uniform(0.5, 2.0, len(e.constants)).tolist()) for e in expressions]
    values = evaluate_many(expressions, X)
    for expression, row in zip(expressions, values, strict=True):
        np.testing.assert_array_equal(row, evaluate(expression, X))
    np.testing.assert_array_equal(values[3], 3.0 - X[:, 0])
    assert evaluate_many([], X).shape == (0, BLOCK + 1)


@given(st.lists(expressions(), max_size=4))
def test_programs_are_the_postfix_form(several: list[Expression]) -> None:
    programs = compile_programs(several)
    for expression, code, length, n_constants in zip(several, *programs, strict=True):
        stack: list[tuple] = []
        constants = iter(expression.constants)  # leaves keep their order
        for token in code[:length].tolist():
            operands = [stack.pop() for _ in range(v.ARITY[token])][::-1]
            stack.append((token, next(constants)) if token == v.CONSTANT else (token, *operands))
        (tree,) = stack
        again = Expression.from_tree(tree)
        assert again.tokens == expression.tokens
        np.testing.assert_array_equal(again.constants, expression.constants)
        assert n_constants == len(expression.constants)
        assert not code[length:].any()
    assert len(programs.codes) == len(several)


def test_variables_and_integers() -> None:
    X = np.arange(20.0).reshape(2, 10)
    for column in range(10):
        np.testing.assert_array_equal(evaluate(Expression((v.variable(column),)), X), X[:, column])
    for number in range(1, 6):
        np.testing.assert_array_equal(evaluate(Expression((v.integer(number),)), X), [number, number])


def test_errors_say_what_is_wrong() -> None:
    expression = Expression.from_names("add C x3")
    with pytest.raises(ValueError, match="uses x3, but X has 2 columns"):
        evaluate(expression, np.ones((4, 2)), [1.0])
    with pytest.raises(ValueError, match="1 constants, got 2"):
        evaluate(expression, np.ones((4, 3)), [1.0, 2.0])
    with pytest.raises(ValueError, match="table of shape"):
        evaluate(expression, np.ones(4), [1.0])
    with pytest.raises(ValueError, match="uses x3, but X has 2 columns"):
        evaluate_many([expression], np.ones((4, 2)))
