from __future__ import annotations

import string

import numpy as np
import pytest
import sympy

from nesymres_sk.expressions.operators import BY_NAME, OPERATORS, Operator

#: Points inside and outside every domain.
GRID = np.array([-3.0, -1.5, -1.0, -0.7, -0.2, 0.0, 0.3, 0.8, 1.0, 1.7, 4.0])
ROWS = pytest.mark.parametrize("row", OPERATORS, ids=[row.name for row in OPERATORS])


def operands_of(row: Operator) -> list[np.ndarray]:
    if row.arity == 1:
        return [GRID]
    first, second = np.meshgrid(GRID, GRID)
    return [first.ravel(), second.ravel()]


def in_domain(row: Operator, operands: list[np.ndarray]) -> np.ndarray:
    last = operands[-1]
    return {
        "real": np.ones(len(last), dtype=bool),
        "nonzero": last != 0,
        "nonnegative": last >= 0,
        "positive": last > 0,
        "unit": np.abs(last) <= 1,
        "power": (operands[0] > 0) | ((operands[0] != 0) & (last == np.round(last))),
    }[row.domain]


@ROWS
def test_defined_exactly_on_the_domain(row: Operator) -> None:
    operands = operands_of(row)
    with np.errstate(all="ignore"):
        defined = np.isfinite(row.value(*operands))
    inside = in_domain(row, operands)
    if row.domain == "power":  # zero to a positive power is defined too
        inside |= (operands[0] == 0) & (operands[1] >= 0)
    np.testing.assert_array_equal(defined, inside)


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
