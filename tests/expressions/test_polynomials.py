"""Sums as polynomials: roots, divisors and quotients, checked by multiplying out again."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nesymres_sk.expressions.canonical import canonical_value
from nesymres_sk.expressions.canonical_values import terms_of
from nesymres_sk.expressions.parser import parse
from nesymres_sk.expressions.polynomials import (
    Sum,
    divided,
    linear_factors,
    multiple,
    multiplied_out,
    square_root,
    total,
)

EXACT = 1e-9


def polynomial(text: str) -> Sum:
    value = canonical_value(parse(text))
    assert value is not None
    out = multiplied_out(dict(terms_of(value)), EXACT)
    assert out is not None
    return out


def product(a: Sum, b: Sum) -> Sum:
    return total([multiple(a, factors, coefficient) for factors, coefficient in b.items()], EXACT)


def same(a: Sum, b: Sum) -> bool:
    return not total([a, multiple(b, (), -1.0)], EXACT)


coefficients = st.integers(-4, 4).filter(bool)
monomials = st.sampled_from(["1", "x1", "x2", "x1*x2", "x1**2", "x2/x1", "exp(-x3)", "x3**3"])
sums = st.dictionaries(monomials, coefficients, min_size=2, max_size=3).map(
    lambda terms: polynomial(" + ".join(f"({c})*{name}" for name, c in terms.items()))
)


@settings(max_examples=100)
@given(sums)
def test_the_root_of_a_square(root: Sum) -> None:
    found = square_root(product(root, root), EXACT)
    assert found is not None
    assert same(found, root) or same(found, multiple(root, (), -1.0))


@pytest.mark.parametrize(
    "text", ["x1**2 + x1*x2 + x2**2", "x1**2 + 2*x1 - 1", "-x1**2 - 2*x1 - 1", "x1 + x2", "x1**2 + 1"]
)
def test_what_is_no_square_has_no_root(text: str) -> None:
    assert square_root(polynomial(text), EXACT) is None


@settings(max_examples=100)
@given(sums, sums)
def test_quotient_and_remainder_make_the_whole(whole: Sum, divisor: Sum) -> None:
    found = divided(whole, divisor, EXACT)
    if found is not None:
        quotient, remainder = found
        assert len(remainder) < len(whole)
        assert same(total([product(quotient, divisor), remainder], EXACT), whole)


@settings(max_examples=100)
@given(st.sampled_from(["x1 - x2", "x1 + x2", "x2 - x3", "x1 + exp(-x3)"]), sums)
def test_differences_are_found_as_factors(text: str, other: Sum) -> None:
    first = polynomial(text)
    # what the sum is linear in comes out by its coefficients
    whole = product(first, product(other, polynomial("x1 + 3*x2 + x3 + 2*exp(-x3)")))
    # quotients of columns are no polynomials
    assume(all(exponent > 0 and exponent % 1 == 0 for factors in whole for _, exponent in factors))
    pairs = list(linear_factors(whole, EXACT))
    assert any(same(divisor, first) or same(divisor, multiple(first, (), -1.0)) for divisor, _ in pairs)
    assert all(same(product(divisor, quotient), whole) for divisor, quotient in pairs)


def test_division_stops_where_it_leaves_no_fewer_terms() -> None:
    found = divided(polynomial("3*x1 + 5"), polynomial("x1 + 1"), EXACT)
    assert found == ({(): 3.0}, {(): 2.0})
    assert divided(polynomial("x1 + x2"), polynomial("x3 + 1"), EXACT) is None


def test_long_products_are_left_as_they_are() -> None:
    value = canonical_value(parse("(x1 + x2 + x3 + x4 + 1)**3 * (x1 + 2*x5 + 3)**2 + 1"))
    assert value is not None
    assert multiplied_out(dict(terms_of(value)), EXACT) is None
