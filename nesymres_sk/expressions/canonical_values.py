"""Values of the canonical form: numbers, free constants, and the pieces that sums and products are made of.

A *value* is a pair ``(coefficient, factors)``. The coefficient is a float, or :data:`FREE` for a free constant.
The factors are a sorted tuple of ``(base, exponent)``; exponents are integers or half-integers. A *base* is

- ``(variable, PURE)``
- ``(function, kind, value)``, for ``exp log sin …``
- ``(POW, kind, value, value)``, a power whose exponent is not an integer or a half; that has no sign where one product
  without a constant is the exponent (:func:`has_sign_apart`)
- ``(ADD, kind, terms, n_fixed)``, a sum: sorted ``(factors, coefficient)``, and how many coefficients are not free
  (a multiple of a sum counts as two: its terms)
- ``(MUL, kind, value)``, a product under a square root (its exponent is never an integer)

Two free constants are never equal, so a base that contains one (kind ``IMPURE``) is never merged with its twin:
``(x1 + C) / (x1 + C)`` is not 1. ``SIGNLESS`` bases are those whose sign a free constant inside can flip.

A sum is kept without the scale that can be pulled out of it (its sign, or the one coefficient beside free ones), so
that ``C*(x1 + C*x2)`` and ``C*x1 + C*x2`` are the same value; writing puts the scale back where it costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from nesymres_sk.expressions import vocabulary as v

Base = tuple
Factors = tuple
Value = tuple
Term = tuple[Factors, float]

#: A free constant among the coefficients. Infinity orders, hashes and compares like any other number.
FREE = math.inf
PURE, IMPURE, SIGNLESS = 0, 1, 2

ADD, MUL, POW = v.operator_token("add"), v.operator_token("mul"), v.operator_token("pow")
EXP, LOG, ABS = v.operator_token("exp"), v.operator_token("log"), v.operator_token("abs")

ZERO: Value = (0.0, ())
ONE: Value = (1.0, ())

#: Numbers that integer tokens can write, as ``numerator / denominator``.
RATIOS = {
    p / q: (p, q)
    for p in range(1, v.MAX_INTEGER + 1)
    for q in range(1, v.MAX_INTEGER + 1)
    if math.gcd(p, q) == 1
}  # fmt: skip


class Degenerate(ArithmeticError):
    """The expression is undefined everywhere, or a folded number overflows."""


def is_real(number: float) -> bool:
    """Whether a number needs a ``C`` to be written, since integer tokens cannot write it."""
    return abs(number) not in RATIOS


def finite(number: float) -> float:
    """The number itself, or `Degenerate` if it has overflowed or is undefined."""
    if not -math.inf < number < math.inf:
        raise Degenerate
    return number


def times(a: float, b: float) -> float:
    """Product of two coefficients."""
    if a == FREE or b == FREE:
        return 0.0 if a == 0.0 or b == 0.0 else FREE
    return finite(a * b)


def plus(a: float, b: float) -> float:
    """Sum of two coefficients."""
    return FREE if a == FREE or b == FREE else finite(a + b)


def is_inverse(factors: Sequence[tuple[Base, float]]) -> bool:
    """Of the sorted factors of a product and those of its inverse: whether these are the ones that are turned."""
    if factors[0][1] > 0:
        return False
    # of two sums with free constants that look alike one may be above the line and one below
    return len(factors) == 1 or sorted((base, -exponent) for base, exponent in factors) > list(factors)


def signless(factors: Iterable[tuple[Base, float]]) -> bool:
    """Whether a free constant inside these factors can flip the sign of their product."""
    for base, exponent in factors:
        if base[1] == SIGNLESS and exponent % 2 == 1:
            return True
    return False


def scaled(factors: Factors, coefficient: float, scale: float) -> float:
    """Coefficient of a term multiplied by a fixed scale."""
    if coefficient == FREE:
        return FREE
    coefficient = finite(coefficient * scale)
    return -coefficient if coefficient < 0.0 and signless(factors) else coefficient


def terms_of(value: Value) -> Iterable[Term]:
    """Terms of a value seen as a sum; a scaled sum is spread where that adds no constant."""
    coefficient, factors = value
    if is_sum(factors):
        _, _, terms, n_fixed = factors[0][0]
        if coefficient == 1.0:
            return terms
        if n_fixed == 1 and coefficient == FREE:
            return [(term, FREE) for term, _ in terms]
        if n_fixed == 1 or coefficient == -1.0:
            return [(term, scaled(term, c, coefficient)) for term, c in terms]
        if coefficient == FREE and has_free_term(terms):
            # C*(a + b + C*c) is C*(a + b) + C*c
            fixed = [term for term in terms if term[1] != FREE]
            inner = fixed[0][0] if len(fixed) == 1 else ((sum_base(fixed), 1),)
            return [(inner, FREE), *(term for term in terms if term[1] == FREE)]
    return ((factors, coefficient),)


def has_free_term(terms: Iterable[Term]) -> bool:
    """Whether a term of a sum has a free coefficient."""
    return any(coefficient == FREE for _, coefficient in terms)


def is_sum(factors: Factors) -> bool:
    """Whether the factors are one sum, to the first power."""
    return len(factors) == 1 and factors[0][0][0] == ADD and factors[0][1] == 1


def has_sign_apart(exponent: Value) -> bool:
    """Whether an exponent is one product without a constant, whose sign is kept as that of the power's own exponent."""
    coefficient, factors = exponent
    return bool(factors) and not is_real(coefficient) and not is_sum(factors)


def sum_base(terms: Iterable[Term]) -> Base:
    """Base of a sum of at least two merged terms."""
    ordered = tuple(sorted(terms))
    n_fixed = 0
    pure = True
    any_sign = True
    for factors, coefficient in ordered:
        if coefficient == FREE:
            pure = False
            continue
        n_fixed += 2 if is_sum(factors) else 1
        if any_sign:
            any_sign = signless(factors)
    if pure:
        pure = not any(base[1] for factors, _ in ordered for base, _ in factors)
    return ADD, PURE if pure else SIGNLESS if any_sign else IMPURE, ordered, n_fixed


def kind_of(value: Value) -> int:
    """``PURE`` if a value contains no free constant, else ``IMPURE``."""
    if value[0] == FREE:
        return IMPURE
    for base, _ in value[1]:
        if base[1]:
            return IMPURE
    return PURE


def function(token: int, argument: Value) -> Base:
    """Base of a function of a value."""
    return token, kind_of(argument), argument
