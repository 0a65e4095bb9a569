"""Canonical values of the unary functions: constants folded, inverses undone, signs and scales pulled out."""

from __future__ import annotations

import math
from collections.abc import Callable

from nesymres_sk.expressions import vocabulary as v
from nesymres_sk.expressions.canonical_algebra import absolute, collect, multiply, power
from nesymres_sk.expressions.canonical_powers import exponential, fold, logarithm, root
from nesymres_sk.expressions.canonical_values import (
    ADD,
    FREE,
    SIGNLESS,
    Value,
    function,
)

MINUS: Value = (-1.0, ())
SIN, COS, TAN = v.operator_token("sin"), v.operator_token("cos"), v.operator_token("tan")

#: Odd functions, and the function each of them undoes.
_ODD_INVERSES = {"sin": "asin", "tan": "atan", "asin": None, "atan": None, "tanh": None}


def _has_free_shift(argument: Value) -> bool:
    """Whether the argument is a sum with a free constant term."""
    factors = argument[1]
    return len(factors) == 1 and factors[0][0][0] == ADD and factors[0][1] == 1 and factors[0][0][2][0] == ((), FREE)


def _odd(token: int, evaluate: Callable[[float], float], undone: int | None) -> Callable[[Value], Value]:
    """Builder of an odd function."""

    def build(argument: Value) -> Value:
        coefficient, factors = argument
        if not factors:
            return fold(evaluate, coefficient)
        sign = 1.0
        if coefficient < 0.0:
            argument, sign = (-coefficient, factors), -1.0
        if coefficient in (1.0, -1.0) and len(factors) == 1 and factors[0][1] == 1 and factors[0][0][0] == undone:
            return multiply((sign, ()), factors[0][0][2])
        if coefficient == FREE or (token == SIN and _has_free_shift(argument)):
            return 1.0, (((token, SIGNLESS, argument), 1),)
        base = function(token, argument)
        return (abs(sign) if base[1] == SIGNLESS else sign), ((base, 1),)

    return build


def cosine(argument: Value) -> Value:
    """``cos`` of a value; with a free phase it is the sine of another free phase."""
    coefficient, factors = argument
    if not factors:
        return fold(math.cos, coefficient)
    if coefficient < 0.0:
        argument = (-coefficient, factors)
    if _has_free_shift(argument):
        return 1.0, (((SIN, SIGNLESS, argument), 1),)
    if coefficient in (1.0, -1.0) and len(factors) == 1 and factors[0][1] == 1:
        base = factors[0][0]
        if base[0] == v.operator_token("acos"):
            return base[2]
    return 1.0, ((function(COS, argument), 1),)


def arc_cosine(argument: Value) -> Value:
    """``acos`` of a value."""
    if not argument[1]:
        return fold(math.acos, argument[0])
    return 1.0, ((function(v.operator_token("acos"), argument), 1),)


def modulus(argument: Value) -> Value:
    """``abs`` of a value, factor by factor."""
    coefficient, factors = argument
    return collect(abs(coefficient), [absolute(base, exponent) for base, exponent in factors])


UNARY: dict[int, Callable[[Value], Value]] = {
    v.operator_token("neg"): lambda a: multiply(MINUS, a),
    v.operator_token("inv"): lambda a: power(a, -1),
    v.operator_token("sqrt"): root,
    v.operator_token("square"): lambda a: power(a, 2),
    v.operator_token("cube"): lambda a: power(a, 3),
    v.operator_token("pow4"): lambda a: power(a, 4),
    v.operator_token("pow5"): lambda a: power(a, 5),
    v.operator_token("exp"): exponential,
    v.operator_token("log"): logarithm,
    v.operator_token("cos"): cosine,
    v.operator_token("acos"): arc_cosine,
    v.operator_token("abs"): modulus,
    **{
        v.operator_token(name): _odd(
            v.operator_token(name), getattr(math, name), v.operator_token(undone) if undone else None
        )
        for name, undone in _ODD_INVERSES.items()
    },
}
