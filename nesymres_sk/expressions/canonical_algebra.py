"""Sums, products and powers of canonical values, merged as they are formed.

See :mod:`nesymres_sk.expressions.canonical_values` for what a value is. Sums are never multiplied out; free constants
are absorbed wherever one rule, seeing one node, can absorb them.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from nesymres_sk.expressions import canonical_powers as powers
from nesymres_sk.expressions.canonical_values import (
    ABS,
    ADD,
    EXP,
    FREE,
    LOG,
    MUL,
    ONE,
    POW,
    SIGNLESS,
    ZERO,
    Base,
    Degenerate,
    Factors,
    Term,
    Value,
    finite,
    function,
    has_free_term,
    is_real,
    is_sum,
    plus,
    scaled,
    signless,
    sum_base,
    terms_of,
    times,
)


def add(a: Value, b: Value) -> Value:
    """Sum of two values."""
    return sum_of([*terms_of(a), *terms_of(b)])


def sum_of(terms: Iterable[Term]) -> Value:
    """Sum of terms ``(factors, coefficient)`` in any order, merging those that are alike."""
    merged: dict[Factors, float] = {}
    loose: list[Term] = []
    for term in terms:
        factors, coefficient = term
        for base, _ in factors:
            if base[1]:
                loose.append(term)
                break
        else:
            merged[factors] = plus(merged[factors], coefficient) if factors in merged else coefficient
    constant = merged.get(()) or None
    kept = [term for term in merged.items() if term[1]]
    kept += loose
    if len(kept) < 2:
        return product(kept[0][1], list(kept[0][0])) if kept else ZERO
    for factors, coefficient in kept:
        if len(factors) == 1:
            head = factors[0][0][0]
            if head == LOG and constant is not None and factors[0][1] == 1:
                settled = _settle_logarithm(factors, coefficient, kept, constant)
                if settled is not None:
                    return settled
            elif head == ADD and abs(coefficient) == 1.0 and factors[0][1] == 1:
                return sum_of(part for inner, c in kept for part in terms_of((c, inner)))
            elif coefficient == FREE == constant and is_sum(factors) and not factors[0][0][2][0][0]:
                # C*(x1 + 1) + C needs no 1
                scaled_sum = multiply((FREE, ()), sum_of(factors[0][0][2][1:]))
                return sum_of([*(term for term in kept if term[0] is not factors), *terms_of(scaled_sum)])
        if coefficient != FREE:
            finite(coefficient)
    kept.sort()
    return _pull_scale(kept)


def _settle_logarithm(factors: Factors, coefficient: float, terms: list[Term], constant: float) -> Value | None:
    """The sum with one constant less, if a logarithm and the constant term can share one; None if they cannot.

    ``log(C*x1 + C) + C`` needs no ``+ C``, and ``log(2*x1) + C`` no ``2``.
    """
    scale, inside = factors[0][0][2]
    if scale == FREE:
        return sum_of(term for term in terms if term[0])
    if constant != FREE or abs(scale) == 1.0:
        return None
    term = powers.logarithm((math.copysign(1.0, scale), inside))
    others = [other for other in terms if other[0] is not factors]
    return sum_of([*others, *terms_of(multiply((coefficient, ()), term))])


def _pull_scale(terms: list[Term]) -> Value:
    """Value of two or more merged, sorted terms: the scale or sign of the sum becomes the coefficient."""
    fixed = [term for term in terms if term[1] != FREE]
    if not fixed:
        return FREE, ((_monic(terms), 1),)
    if len(fixed) == 1 and not is_sum(fixed[0][0]):
        unit = [(factors, FREE if coefficient == FREE else 1.0) for factors, coefficient in terms]
        base = sum_base(unit)
        scale = fixed[0][1]
        return abs(scale) if base[1] == SIGNLESS else scale, ((base, 1),)
    signed = [term for term in fixed if not signless(term[0])]
    # the first term that is not the constant decides the sign: x1 - 1 rather than 1 - x1
    if signed and signed[0 if signed[0][0] or len(signed) == 1 else 1][1] < 0.0:
        flipped = [(factors, scaled(factors, coefficient, -1.0)) for factors, coefficient in terms]
        return -1.0, ((sum_base(flipped), 1),)
    return 1.0, ((sum_base(terms), 1),)


def _monic(terms: Iterable[Term]) -> Base:
    """Sum of the terms with free coefficients, up to a free scale: the first that is not the constant is not scaled."""
    free = sorted((product(FREE, list(factors))[1], FREE) for factors, _ in terms)
    first = 0 if free[0][0] else 1
    unit = free[first][0]
    if is_sum(unit):
        base: Base = sum_of([*free[:first], *free[first + 1 :], *terms_of((1.0, unit))])[1][0][0]
        return _monic(base[2]) if base[3] == 1 else base
    free[first] = (unit, 1.0)
    return sum_base(free)


def product(coefficient: float, factors: list[tuple[Base, float]]) -> Value:
    """Value of merged factors in any order: scales of its sums settled, signs dropped where they mean nothing."""
    if coefficient == 0.0:
        return ZERO
    if coefficient != 1.0:
        for index, (base, exponent) in enumerate(factors):
            if base[0] != ADD:
                if coefficient == FREE:
                    stripped = _without_number(base, exponent)
                    if stripped is not None:
                        return multiply((FREE, tuple(factors[:index] + factors[index + 1 :])), stripped)
                continue
            if coefficient == FREE:
                if exponent % 1 == 0 and has_free_term(base[2]):
                    factors[index] = (_monic(terms_of((FREE, ((base, 1),)))), exponent)
            elif base[3] > 1 and is_real(coefficient) and (exponent == 1 or exponent == -1):
                # a number that needs a C goes into a sum that then needs one C less
                whole = sum(1 for _, c in base[2] if c != FREE and not is_real(c))
                if whole <= (exponent == 1):
                    scale = abs(coefficient) if exponent == 1 else 1.0 / abs(coefficient)
                    absorbed = sum_of([(f, scaled(f, c, scale)) for f, c in base[2]])
                    rest = factors[:index] + factors[index + 1 :]
                    return multiply((math.copysign(1.0, coefficient), tuple(rest)), power(absorbed, int(exponent)))
        if coefficient < 0.0 and signless(factors):
            coefficient = -coefficient
    if len(factors) > 1:
        factors.sort()
    return coefficient, tuple(factors)


def _without_number(base: Base, exponent: float) -> Value | None:
    """The factor without the fixed number inside that a free coefficient takes over, None if there is no such number.

    ``C*exp(x1 + 1)`` is ``C*exp(x1)``, ``C*sqrt(2*x1)`` is ``C*sqrt(x1)``.
    """
    head = base[0]
    if head == EXP:
        scale, factors = base[2]
        if is_sum(factors) and not factors[0][0][2][0][0]:
            return powers.exponential(multiply((scale, ()), sum_of(factors[0][0][2][1:])))
    elif head == MUL:
        scale, factors = base[2]
        if scale != FREE and abs(scale) != 1.0:
            return power(powers.root((math.copysign(1.0, scale), factors)), int(2 * exponent))
    elif head == POW:
        scale, factors = base[2]
        if scale != FREE and scale > 0.0 and scale != 1.0 and factors and not base[3][1]:
            return power(powers.raise_to((1.0, factors), base[3]), int(exponent))
    return None


def multiply(a: Value, b: Value) -> Value:
    """Product of two values."""
    coefficient = times(a[0], b[0])
    if coefficient == 0.0:
        return ZERO
    if a[1] and b[1]:
        return collect(coefficient, [*a[1], *b[1]])
    return product(coefficient, [*a[1], *b[1]])


def collect(coefficient: float, factors: Iterable[tuple[Base, float]]) -> Value:
    """Value of factors in any order: equal bases merged, exponentials joined, roots and absolute values resolved."""
    pure: dict[Base, float] = {}
    loose: list[tuple[Base, float]] = []
    exponentials: list[tuple[Base, float]] = []
    resolve = False
    for factor in factors:
        base, exponent = factor
        head = base[0]
        if head == EXP:
            exponentials.append(factor)
            continue
        if head == MUL or head == ABS:
            resolve = True
        if base[1]:
            loose.append(factor)
        else:
            pure[base] = _whole(pure[base] + exponent) if base in pure else exponent
    merged = [factor for factor in pure.items() if factor[1]]
    merged += loose
    further: list[tuple[Base, float]] = []
    if resolve:
        kept = []
        for factor in merged:
            base, exponent = factor
            if (base[0] == MUL and exponent % 1 == 0) or (base[0] == ABS and exponent % 2 == 0):
                inner = power(base[2], int(exponent))
                coefficient = times(coefficient, inner[0])
                further += inner[1]
            else:
                kept.append(factor)
        merged = kept
    if len(exponentials) == 1 and exponentials[0][1] == 1:
        merged += exponentials
    elif exponentials:
        argument = ZERO
        for base, exponent in exponentials:
            argument = add(argument, multiply((float(exponent), ()), base[2]))
        joined = powers.exponential(argument)
        coefficient = times(coefficient, joined[0])
        further += joined[1]
    if further:
        return collect(coefficient, merged + further)
    return product(coefficient, merged)


def _whole(exponent: float) -> float:
    """The exponent, as ``int`` if it is whole."""
    return int(exponent) if exponent % 1 == 0 else exponent


def power(value: Value, exponent: int) -> Value:
    """Integer power of a value."""
    coefficient, factors = value
    if exponent == 1:
        return value
    if exponent == 0:
        return ONE
    if coefficient == 0.0:
        if exponent < 0:
            raise Degenerate
        return ZERO
    if coefficient != FREE and coefficient != 1.0:
        try:
            coefficient = finite(1.0 / coefficient**-exponent if exponent < 0 else coefficient**exponent)
        except ArithmeticError:
            raise Degenerate from None
        if coefficient == 0.0:
            raise Degenerate
    raised = [(base, _whole(e * exponent)) for base, e in factors]
    for base, _ in raised:
        if base[0] == EXP or base[0] == MUL or base[0] == ABS:
            return collect(coefficient, raised)
    return product(coefficient, raised)


def absolute(base: Base, exponent: float) -> tuple[Base, float]:
    """Absolute value of a factor, as a factor."""
    if exponent % 2 != 1 or base[0] == EXP or base[0] == ABS:
        return base, exponent
    return function(ABS, (1.0, ((base, 1),))), exponent
