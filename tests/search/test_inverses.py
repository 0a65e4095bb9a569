"""Operators solved for an operand."""

import numpy as np
import pytest

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.operators import OPERATORS
from nesymres_sk.search.inverses import wanted_operands

RNG = np.random.default_rng(0)
#: Present operands on several branches of the periodic functions and on both sides of zero.
WIDE, UNIT, POSITIVE = RNG.uniform(-8, 8, 200), RNG.uniform(-1, 1, 200), RNG.uniform(0.1, 5, 200)
DOMAIN = {"sqrt": POSITIVE, "log": POSITIVE, "asin": UNIT, "acos": UNIT, "tanh": UNIT, "exp": UNIT}


@pytest.mark.parametrize("row", [row for row in OPERATORS if row.arity == 1], ids=lambda row: row.name)
def test_what_is_there_is_wanted_where_it_fits_already(row):
    present = DOMAIN.get(row.name, WIDE)
    (operand,) = wanted_operands(v.operator_token(row.name), row.value(present), [present])
    np.testing.assert_allclose(operand, present, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("row", [row for row in OPERATORS if row.arity == 2], ids=lambda row: row.name)
def test_either_operand_gives_what_is_wanted(row):
    a, b, wanted = POSITIVE, POSITIVE[::-1].copy(), RNG.uniform(0.2, 3, 200)
    first, second = wanted_operands(v.operator_token(row.name), wanted, [a, b])
    np.testing.assert_allclose(row.value(first, b), wanted, rtol=1e-9)
    np.testing.assert_allclose(row.value(a, second), wanted, rtol=1e-9)


@pytest.mark.parametrize("row", [row for row in OPERATORS if row.arity == 1], ids=lambda row: row.name)
def test_the_operand_gives_what_is_wanted_or_is_not_finite(row):
    with np.errstate(all="ignore"):
        (operand,) = wanted_operands(v.operator_token(row.name), WIDE, [DOMAIN.get(row.name, WIDE[::-1])])
        back = row.value(operand)
    # the arc functions and abs have a range that most targets are outside of
    found = np.isfinite(operand) & np.isfinite(back) & (row.name not in ("asin", "acos", "atan"))
    np.testing.assert_allclose(back[found], WIDE[found], rtol=1e-6, atol=1e-9)
