"""Roots, powers, logarithms and exponentials of canonical values.

Products join exponentials and exponentials form products, so this module and
:mod:`nesymres_sk.expressions.canonical_algebra` import each other, as modules.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from nesymres_sk.expressions import canonical_algebra as algebra
from nesymres_sk.expressions.canonical_values import (
    ADD,
    EXP,
    FREE,
    LOG,
    MUL,
    ONE,
    POW,
    RATIOS,
    ZERO,
    Base,
    Degenerate,
    Factors,
    Term,
    Value,
    finite,
    function,
    has_sign_apart,
    is_inverse,
    is_real,
    kind_of,
    terms_of,
    times,
)

#: ``exp`` of a constant term is pulled out of an exponential only within this range, where it is a normal number.
_MAX_EXPONENT = 600.0


def fold(evaluate: Callable[[float], float], number: float) -> Value:
    """Function of a constant."""
    if number == FREE:
        return FREE, ()
    try:
        return finite(evaluate(number)), ()
    except (ValueError, OverflowError):
        raise Degenerate from None


def logarithm(argument: Value) -> Value:
    """``log`` of a value: scales and exponentials become terms, powers become coefficients."""
    coefficient, factors = argument
    if not factors:
        return fold(math.log, coefficient)
    outside: Value = ZERO
    if coefficient == FREE:
        if not holds_scale(factors):
            outside, coefficient = (FREE, ()), 1.0
    elif is_real(coefficient):
        outside, coefficient = (math.log(abs(coefficient)), ()), math.copysign(1.0, coefficient)
    inside: list[tuple[Base, float]] = []
    for base, exponent in factors:
        if base[0] == EXP:
            outside = algebra.add(outside, base[2])
        else:
            inside.append((base, exponent))
    if not inside:
        return algebra.add(outside, fold(math.log, coefficient))
    if coefficient == 1.0 and len(inside) == 1:
        base, exponent = inside[0]
        if base[0] == POW:
            times_exponent = algebra.multiply((float(exponent), ()), base[3])
            return algebra.add(outside, algebra.multiply(times_exponent, logarithm(base[2])))
        if base[0] == MUL:
            return algebra.add(outside, algebra.multiply((float(exponent), ()), logarithm(base[2])))
        if exponent % 2 != 0:
            return algebra.add(outside, (float(exponent), ((function(LOG, (1.0, ((base, 1),))), 1),)))
    sign = 1.0
    value: Value = (coefficient, tuple(inside))
    if is_inverse(inside):  # log(x2/x1) and -log(x1/x2) are the same term
        value = algebra.power(value, -1)
        sign = -1.0
    return algebra.add(outside, (sign, ((function(LOG, value), 1),)))


def root(value: Value) -> Value:
    """Square root of a value: squares come out, everything else stays under one root."""
    coefficient, factors = value
    if not factors:
        if coefficient != FREE and coefficient < 0.0:
            raise Degenerate
        return (coefficient if coefficient == FREE else math.sqrt(coefficient)), ()
    scale = 1.0
    if coefficient != FREE:
        outside = math.sqrt(abs(coefficient))
        # the root of an integer stays inside, where it needs no C
        if is_real(coefficient) or outside in RATIOS:
            scale, coefficient = outside, math.copysign(1.0, coefficient)
    outer: list[tuple[Base, float]] = []
    inner: list[tuple[Base, float]] = []
    for base, exponent in factors:
        if base[0] == EXP:
            half = exponential(algebra.multiply((0.5, ()), base[2]))
            scale = times(scale, half[0])
            outer += half[1]
        elif exponent % 2 == 0:
            outer.append(algebra.absolute(base, exponent // 2))
        else:
            inner.append((base, exponent))
    if not inner:
        if coefficient == FREE:
            scale = FREE
        elif coefficient < 0.0:
            raise Degenerate
        else:
            scale = times(scale, math.sqrt(coefficient))
    elif len(inner) == 1 and coefficient == 1.0 and inner[0][1] % 1 == 0:
        outer.append((inner[0][0], inner[0][1] / 2))
    else:
        inside = algebra.product(coefficient, inner)
        sign = 1
        if is_inverse(inside[1]):  # sqrt(x2/x1) and 1/sqrt(x1/x2) are the same factor
            inside = algebra.power(inside, -1)
            sign = -1
        outer.append((function(MUL, inside), 0.5 * sign))
    return algebra.collect(scale, outer)


def raise_to(base: Value, exponent: Value) -> Value:
    """Power of two values."""
    coefficient, factors = base
    if not exponent[1]:
        number = exponent[0]
        if number != FREE:
            if _is_smooth(number):
                return algebra.power(base, int(number))
            if number in (0.5, -0.5, 1.5, -1.5, 2.5, -2.5):
                return algebra.power(root(base), int(2 * number))
        if not factors:
            return _constant_power(coefficient, number), ()
        if len(factors) == 1 and coefficient == 1.0:
            atom, e = factors[0]
            if atom[0] == EXP:
                return exponential(algebra.multiply(exponent, atom[2]))
            if atom[0] == POW and (atom[3][1] or atom[3][0] % 1 != 0):  # (a**b)**c; integers b keep negative a
                return raise_to(atom[2], algebra.multiply(algebra.multiply((float(e), ()), atom[3]), exponent))
            if e != 1 and e % 2 != 0:  # the atom is positive wherever this is defined
                under = atom[2] if atom[0] == MUL else (1.0, ((atom, 1),))
                return raise_to(under, algebra.multiply((float(e), ()), exponent))
        scale = 1.0
        if coefficient == FREE:
            if number == FREE and not holds_scale(factors):
                scale, coefficient = FREE, 1.0
        elif coefficient > 0.0 and number != FREE and is_real(coefficient):
            scale, coefficient = _constant_power(coefficient, number), 1.0
        if scale != 1.0:
            return algebra.multiply((scale, ()), raise_to((coefficient, factors), exponent))
        if is_inverse(factors):
            return raise_to(algebra.power(base, -1), algebra.multiply((-1.0, ()), exponent))
    elif not factors:
        if coefficient == FREE:
            return exponential(algebra.multiply((FREE, ()), exponent))
        if coefficient == 0.0:
            raise Degenerate
        if coefficient == 1.0:
            return ONE
        if coefficient > 0.0 and is_real(coefficient):
            return exponential(algebra.multiply((math.log(coefficient), ()), exponent))
    elif len(factors) == 1 and coefficient == 1.0 and factors[0][0][0] == EXP:
        return exponential(algebra.multiply(exponent, factors[0][0][2]))
    kind = max(kind_of(base), kind_of(exponent))
    power = 1
    if has_sign_apart(exponent):  # 1/x1**x2, x1**(-x2) and (1/x1)**x2 are the same factor
        if exponent[0] < 0.0:
            exponent, power = algebra.multiply((-1.0, ()), exponent), -power
        if base[0] == 1.0 and base[1] and is_inverse(base[1]):
            base, power = algebra.power(base, -1), -power
    return 1.0, (((POW, kind, base, exponent), power),)


def _is_smooth(number: float) -> bool:
    """Whether a number is an integer that squares, cubes and fifth powers can write."""
    return number % 1 == 0 and (number == 0.0 or abs(number) <= 60.0 and 3600 % abs(number) == 0)


def _constant_power(base: float, exponent: float) -> float:
    """Power of two coefficients."""
    if base == 1.0:
        return 1.0
    if base == 0.0 or (base < 0.0 and exponent % 1 != 0 and exponent != FREE):
        raise Degenerate
    if base == FREE or exponent == FREE:
        return FREE
    try:
        return finite(base**exponent)
    except OverflowError:
        raise Degenerate from None


def holds_scale(factors: Factors) -> bool:
    """Whether a free coefficient of these factors is written inside one of their sums, where its sign matters."""
    return any(base[0] == ADD and base[3] == 1 and exponent % 2 == 1 for base, exponent in factors)


def exponential(argument: Value) -> Value:
    """``exp`` of a value: constant terms become a coefficient, logarithms become powers."""
    result: Value = ONE
    rest: list[Term] = []
    powers: dict[tuple[Factors, float], Value] = {}
    for factors, coefficient in terms_of(argument):
        if not factors and (coefficient == FREE or (is_real(coefficient) and abs(coefficient) < _MAX_EXPONENT)):
            scale = FREE if coefficient == FREE else math.exp(coefficient)
            result = algebra.multiply((scale, ()), result)
            continue
        logarithms = [base for base, _ in factors if base[0] == LOG]
        if len(logarithms) == 1 and (logarithms[0], 1) in factors:
            others, base = tuple(factor for factor in factors if factor[0] != logarithms[0]), logarithms[0][2]
            if coefficient == FREE or not others:
                result = algebra.multiply(result, raise_to(base, (coefficient, others)))
            else:  # equal powers are joined: exp(x3*log(x1) - x3*log(x2)) is (x1/x2)**x3
                key = others, abs(coefficient)
                base = base if coefficient > 0.0 else algebra.power(base, -1)
                powers[key] = algebra.multiply(powers[key], base) if key in powers else base
            continue
        rest.append((factors, coefficient))
    exponents: dict[Value, Value] = {}  # and powers of one base: exp(x2*log(x1) + x3*log(x1)) is x1**(x2 + x3)
    for (others, coefficient), base in powers.items():
        exponents[base] = algebra.add(exponents.get(base, ZERO), (coefficient, others))
    for base, exponent in exponents.items():
        result = algebra.multiply(result, raise_to(base, exponent))
    if rest:
        remaining = algebra.sum_of(rest)
        if remaining[1]:
            return algebra.multiply(result, (1.0, ((function(EXP, remaining), 1),)))
        try:
            return algebra.multiply((finite(math.exp(remaining[0])), ()), result)
        except OverflowError:
            raise Degenerate from None
    return result
