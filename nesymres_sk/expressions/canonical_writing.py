"""Writing canonical values as prefix tokens, in one deterministic way.

In the written lists tokens are ints and constants are floats, NaN if free.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical_algebra import power
from nesymres_sk.expressions.canonical_values import (
    ABS,
    ADD,
    FREE,
    LOG,
    MUL,
    POW,
    RATIOS,
    Base,
    Term,
    Value,
    has_sign_apart,
    is_real,
    scaled,
    signless,
)

Written = list[int | float]

_SUB, _DIV = v.operator_token("sub"), v.operator_token("div")
_NEG, _INV, _SQRT = v.operator_token("neg"), v.operator_token("inv"), v.operator_token("sqrt")
_POWERS = ((5, v.operator_token("pow5")), (4, v.operator_token("pow4")), (3, v.operator_token("cube")),
           (2, v.operator_token("square")))  # fmt: skip
_ZERO_TOKEN = v.FIRST_INTEGER - 1


def write(value: Value) -> Written:
    """Prefix form of a value."""
    coefficient, factors = value
    if not factors:
        return _number(coefficient)
    if len(factors) == 1 and factors[0][1] == 1 and factors[0][0][0] != ABS:  # the frequent cases, short
        if coefficient == 1.0:
            return _base(factors[0][0])
        if coefficient == FREE and factors[0][0][0] != ADD:
            return [MUL, math.nan, *_base(factors[0][0])]
    if coefficient != 1.0:
        coefficient, factors = _push_scale(coefficient, list(factors))
    coefficient, factors = _turn(coefficient, factors)
    above: list[Written] = []
    below: list[Written] = []
    sign: Written = []
    if coefficient == FREE or (coefficient != 1.0 and is_real(coefficient)):
        above.append([math.nan if coefficient == FREE else coefficient])
    elif coefficient != 1.0:
        if coefficient < 0.0:
            sign = [_NEG]
        numerator, denominator = RATIOS[abs(coefficient)]
        if numerator != 1:
            above.append([_ZERO_TOKEN + numerator])
        if denominator != 1:
            below.append([_ZERO_TOKEN + denominator])
    common = _common_exponent(factors)
    if common > 1:
        above.append(_raised(write((1.0, tuple((base, exponent // common) for base, exponent in factors))), common))
    else:
        _write_factors([factor for factor in factors if factor[1] > 0], above)
        divisors = [(base, -exponent) for base, exponent in factors if exponent < 0]
        if divisors:
            _write_factors(divisors, below)
    if not below:
        return sign + _chain(above)
    if not above:
        return [*sign, _INV, *_chain(below)]
    return [*sign, _DIV, *_chain(above), *_chain(below)]


def _turn(coefficient: float, factors: Sequence[tuple[Base, float]]) -> tuple[float, Sequence[tuple[Base, float]]]:
    """Turn quotients round where that is shorter: ``1/sqrt(x1/x2)`` and ``-log(x1/x2)`` use ``x2/x1``."""
    for index, (base, exponent) in enumerate(factors):
        is_power = base[0] == MUL or base[0] == POW and base[2][0] == 1.0 and has_sign_apart(base[3])
        if is_power and exponent < 0 or base[0] == LOG and coefficient < 0.0 and exponent % 2 == 1:
            inside = base[2]
            if any(e < 0 for _, e in inside[1]):
                turned = (*base[:2], power(inside, -1), *base[3:])
                if base[0] == LOG:
                    coefficient = -coefficient
                else:
                    exponent = -exponent
                factors = [*factors[:index], (turned, exponent), *factors[index + 1 :]]
    return coefficient, factors


def _common_exponent(factors: Sequence[tuple[Base, float]]) -> int:
    """Common divisor of two or more exponents that are not all negative, 1 if there is none to write."""
    if len(factors) < 2:
        return 1
    common = 0
    positive = False
    for _, exponent in factors:
        if exponent % 1 != 0:
            return 1
        common = math.gcd(common, int(exponent))
        positive = positive or exponent > 0
    return common if positive else 1


def _write_factors(factors: list[tuple[Base, float]], out: list[Written]) -> None:
    """Append factors with positive exponents: equal powers joined, absolute values joined in one."""
    groups: dict[float, list[Written]] = {}
    places: dict[float, int] = {}
    for base, exponent in factors:
        if exponent == 1 and base[0] != ABS:
            out.append(_base(base))
            continue
        if base[0] == ABS and exponent % 1 == 0:
            key, item = 0.0, _raised(write(base[2]), int(exponent))
        elif exponent % 1 == 0:
            key, item = float(exponent), _base(base)
        elif base[0] == MUL:
            # the root inside: a power of the product under it would come apart
            key, item = 1.0, _raised([_SQRT, *write(base[2])], int(2 * exponent))
        else:
            key, item = 1.0, [_SQRT, *_raised(_base(base), int(2 * exponent))]
        if key == 1.0:
            out.append(item)
        elif key in groups:
            groups[key].append(item)
        else:
            groups[key] = [item]
            places[key] = len(out)
            out.append([])
    for key, items in groups.items():
        out[places[key]] = [ABS, *_chain(items)] if key == 0.0 else _raised(_chain(items), int(key))


def _push_scale(coefficient: float, factors: list[tuple[Base, float]]) -> tuple[float, list[tuple[Base, float]]]:
    """Put a coefficient into a sum among the factors where that saves an operator or a constant."""
    for index, (base, exponent) in enumerate(factors):
        if base[0] != ADD or exponent % 2 != 1:
            continue
        terms = base[2]
        n_fixed = base[3]
        if coefficient == FREE:
            if n_fixed != 1:
                continue
            new = [(factors_, FREE) for factors_, _ in terms]
        elif n_fixed == 1 and exponent == 1:
            new = [(f, scaled(f, c, coefficient)) for f, c in terms]
        elif coefficient < 0.0 and any(c == FREE or c < 0.0 or signless(f) for f, c in terms):
            new = [(f, scaled(f, c, -1.0)) for f, c in terms]
            factors[index] = ((ADD, base[1], new, n_fixed), exponent)
            return -coefficient, factors
        else:
            continue
        factors[index] = ((ADD, base[1], new, 0), exponent)
        return 1.0, factors
    return coefficient, factors


def _chain(items: list[Written]) -> Written:
    """Product of written factors, nested to the left."""
    out: Written = [MUL] * (len(items) - 1)
    for item in items:
        out += item
    return out


def _base(base: Base) -> Written:
    """Prefix form of a base."""
    head = base[0]
    if head < v.FIRST_OPERATOR:
        return [head]
    if head == ADD:
        return _sum(base[2])
    if head == POW:
        return [POW, *write(base[2]), *write(base[3])]
    return [head, *write(base[2])]


def _sum(terms: list[Term]) -> Written:
    """Prefix form of a sum: added terms, the constant, then the subtracted terms."""
    added: list[Written] = []
    taken: list[Written] = []
    constant = 0.0
    for factors, coefficient in terms:
        if not factors:
            constant = coefficient
        elif coefficient > 0.0:
            added.append(write((coefficient, factors)))
        else:
            taken.append(write((-coefficient, factors)))
    if constant > 0.0:
        added.append(_number(constant))
    elif constant < 0.0:
        taken.append(_number(-constant))
    # only a sum under a sign that nothing could take has no positive term
    out: Written = [*[_SUB] * len(taken), *[ADD] * (len(added) - 1)] if added else [_NEG, *[ADD] * (len(taken) - 1)]
    for item in added:
        out += item
    for item in taken:
        out += item
    return out


def _raised(written: Written, exponent: int) -> Written:
    """Positive integer power, as nested squares, cubes, fourth and fifth powers."""
    if exponent == 1:
        return written
    for step, token in _POWERS:
        if exponent % step == 0:
            return [token, *_raised(written, exponent // step)]
    return [MUL, *written, *_raised(written, exponent - 1)]


def _number(number: float) -> Written:
    """Prefix form of a constant."""
    if number == FREE:
        return [math.nan]
    if number < 0.0 or number not in RATIOS:
        return [number]
    numerator, denominator = RATIOS[number]
    if denominator == 1:
        return [_ZERO_TOKEN + numerator]
    return [_DIV, _ZERO_TOKEN + numerator, _ZERO_TOKEN + denominator]
